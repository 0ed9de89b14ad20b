"""Names that people type are taken or refused, and a refusal says why."""

from __future__ import annotations

import pytest

from playhead.errors import InvalidInput
from playhead.names import check_consumer, check_session, parse_symbol, parse_symbols

GOOD_SESSIONS = ["a", "morning", "t-1_B", "-", "_", "9", "x" * 64]
BAD_SESSIONS = ["", "x" * 65, "two words", "a.b", "a:b", "{a}", "a*", "a/b", "ä", "a\n", "\n", "a\x00"]

GOOD_SYMBOLS = ["A", "AAPL", "BRK.B", "ES=F", "^GSPC", "BTC-USD", "7203.T", "A_B", "A.", "A" * 32]
BAD_SYMBOLS = ["", " ", "A" * 33, ".A", "-A", "=F", "_A", "A..B", "A B", "A/B", "A:B", "A{B", "AAPL\n", "Å"]

# Letters whose upper case is one or two ASCII letters: sharp s, the fi ligature, dotless i, long s.
FALSE_FRIENDS = ["\u00df", "\ufb01", "\u0131", "\u017f"]


@pytest.mark.parametrize("name", GOOD_SESSIONS)
def test_a_good_session_name_is_taken_as_it_is(name: str) -> None:
    assert check_session(name) == name


@pytest.mark.parametrize("name", GOOD_SESSIONS)
def test_a_consumer_may_be_called_what_a_session_may_be_called(name: str) -> None:
    assert check_consumer(name) == name


@pytest.mark.parametrize("name", BAD_SESSIONS)
def test_a_bad_session_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="session name"):
        check_session(name)


@pytest.mark.parametrize("name", BAD_SESSIONS)
def test_a_bad_consumer_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="consumer name"):
        check_consumer(name)


@pytest.mark.parametrize("text", GOOD_SYMBOLS)
def test_a_good_symbol_is_taken_as_it_is(text: str) -> None:
    assert parse_symbol(text) == text


@pytest.mark.parametrize("text", BAD_SYMBOLS)
def test_a_bad_symbol_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="symbol"):
        parse_symbol(text)


@pytest.mark.parametrize(("typed", "symbol"), [("aapl", "AAPL"), ("brk.b", "BRK.B"), ("Es=f", "ES=F")])
def test_a_symbol_typed_in_lower_case_is_the_same_symbol(typed: str, symbol: str) -> None:
    assert parse_symbol(typed) == symbol


@pytest.mark.parametrize("text", FALSE_FRIENDS)
def test_a_letter_that_only_becomes_an_english_one_in_upper_case_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="symbol"):
        parse_symbol(text)


def test_an_error_repeats_only_the_beginning_of_a_long_name() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_session("long " * 1_000)
    assert len(str(caught.value)) < 200


def test_symbols_keep_the_order_in_which_they_were_given() -> None:
    assert parse_symbols(["MSFT", "aapl", "BRK.B"]) == ("MSFT", "AAPL", "BRK.B")


def test_no_symbol_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no symbol was given"):
        parse_symbols([])


def test_a_symbol_given_twice_is_named_in_the_refusal() -> None:
    with pytest.raises(InvalidInput, match="AAPL was given twice"):
        parse_symbols(["AAPL", "MSFT", "aapl"])


def test_one_bad_symbol_refuses_all() -> None:
    with pytest.raises(InvalidInput, match=r"A\.\.B"):
        parse_symbols(["AAPL", "A..B"])
