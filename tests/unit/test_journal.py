"""A journal goes to a file and comes back the same; one that was changed is read or refused with its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.commands import AddSymbol, decode
from playhead.config import ScriptedCommand, SessionConfig, SymbolConfig
from playhead.errors import InvalidInput
from playhead.journal import Digests, Entry, Journal, lines, parse
from playhead.repetition import differences, repeated

OPEN_MS, NOON_MS = 1_751_463_000_000, 1_751_472_360_000
DAY = "XNYS:2025-07-02:1m"
RECEIPT = {"status": "added", "clock_ms": NOON_MS, "loaded": 390, "calendar": "XNYS", "source": None}
CONFIG = SessionConfig(
    (SymbolConfig("RIVN"),),
    date(2025, 7, 2),
    date(2025, 7, 2),
    speed=60,
    run_until="12:06",
    script=(ScriptedCommand("12:30", {"op": "pause"}),),
    lead=1,
    expect=("vwap",),
    record="/bars",
)
JOURNAL = Journal(
    version="1.0",
    session="demo",
    zone="America/New_York",
    config=CONFIG,
    entries=(
        Entry(OPEN_MS, "a1", {"op": "pause"}, "p1", "ok"),
        Entry(
            OPEN_MS,
            "a1",
            {"op": "add-symbol", "symbol": "NONE"},
            "c0",
            "rejected",
            {"NONE": {"status": "rejected", "error": "no"}},
        ),
        Entry(
            NOON_MS,
            "a2",
            {"op": "add-symbol", "symbol": "AAPL,B,Č"},
            "c1",
            "partial",
            {"AAPL": RECEIPT, "B": {"status": "rejected", "error": "é"}},
        ),
        Entry(NOON_MS, "a3", {"op": "remove-symbol", "symbol": "RIVN"}, "c2", "ok", {"RIVN": {"status": "removed"}}),
        Entry(NOON_MS + 1, "a4", {"op": "day-opened", "calendar": "XNYS", "date": "2025-07-03"}),
        Entry(NOON_MS + 2, "a5", {"op": "stop"}, "c3", "ok"),
    ),
    status="stopped",
    clock_ms=NOON_MS + 2,
    error=None,
    run_hash="a5",
    digests={DAY: {"AAPL": "d1", "RIVN": "d2"}},
)


def test_a_journal_comes_back_from_its_lines() -> None:
    assert parse(lines(JOURNAL), "demo.jsonl") == JOURNAL


def test_a_repetition_does_what_changed_the_run_at_its_clock_and_nothing_else() -> None:
    config = repeated(JOURNAL)
    assert [(each.clock_ms, each.fields["op"], each.fields["id"]) for each in config.script] == [
        (OPEN_MS, "add-symbol", "c0"),
        (NOON_MS, "add-symbol", "c1"),
        (NOON_MS, "remove-symbol", "c2"),
        (NOON_MS + 2, "stop", "c3"),
    ]
    command = decode({name.encode(): text.encode() for name, text in config.script[1].fields.items()})
    assert command == AddSymbol(("AAPL", "B", "Č"), rejected={"B": "é"})
    left_out = (config.speed, config.run_until, config.lead, config.expect, config.record)
    assert left_out == (None, None, None, (), None)
    assert config.check().symbols == CONFIG.symbols


def test_equal_runs_have_no_differences() -> None:
    assert differences(JOURNAL, JOURNAL) == []


@pytest.mark.parametrize("digests", [{}, {DAY: {}}, {DAY: {"RIVN": "d2"}}, {DAY: {"AAPL": "", "RIVN": "d2"}}])
def test_bars_that_were_not_digested_again_are_a_difference(digests: Digests) -> None:
    (found,) = differences(JOURNAL, replace(JOURNAL, digests=digests))
    assert found.startswith("the first bars that differ are those of AAPL")
    assert found.endswith(" (1m) on 2025-07-02 of XNYS")


def test_a_second_run_without_all_its_digests_is_not_called_equal() -> None:
    (found,) = differences(JOURNAL, replace(JOURNAL, complete=False))
    assert found.startswith("the bars were not compared: its digests are not all there")


@pytest.mark.parametrize(
    ("line", "old", "new", "reason"),
    [
        (1, '"format":1', '"format":2', "has format 2; this Playhead reads format 1"),
        (1, '"type":"journal"', '"type":"diary"', "does not begin with the head"),
        (1, "America/New_York", "America/Nowhere", "line 8"),
        (1, '"interval":"1m"', '"interval":"1x"', "line 1: it is not as `playhead session journal` writes it"),
        (2, '{"type"', '"type"', "line 2: it is no JSON"),
        (3, '"entry"', '"end"', "line 3: it is not as"),
        (4, f'"clock_ms":{NOON_MS}', '"clock_ms":-5', "line 4: it is not as"),
        (4, '"results":{', '"results":{"C":7,', "line 4: it is not as"),
        (8, '"digests":{', '"digests":{"a":{},', "line 8: it is not as"),
        (8, '"type":"end"', '"type":"entry"', "has no end: a part of it is missing"),
    ],
)
def test_a_journal_that_is_none_is_refused_with_the_line(line: int, old: str, new: str, reason: str) -> None:
    text = list(lines(JOURNAL))
    assert old in text[line - 1]
    text[line - 1] = text[line - 1].replace(old, new, 1)
    with pytest.raises(InvalidInput, match=r"journal demo\.jsonl") as caught:
        parse(text, "demo.jsonl")
    assert reason in str(caught.value)


def test_no_lines_are_no_journal() -> None:
    with pytest.raises(InvalidInput, match="does not begin with the head"):
        parse([], "demo.jsonl")
    with pytest.raises(InvalidInput, match="has no end"):
        parse(list(lines(JOURNAL))[:1], "demo.jsonl")


values: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({})
)


@given(data=st.data())
def test_whatever_is_put_into_a_journal_it_is_read_or_refused(data: st.DataObject) -> None:
    import json

    text = list(lines(JOURNAL))
    at = data.draw(st.integers(0, len(text) - 1))
    given_line = json.loads(text[at])
    given_line[data.draw(st.sampled_from(sorted(given_line)))] = data.draw(values)
    text[at] = json.dumps(given_line)
    try:
        found = parse(text, "demo.jsonl")
    except InvalidInput as error:
        assert "journal demo.jsonl" in str(error)  # noqa: PT017 - both outcomes are right
    else:
        differences(JOURNAL, found)
        differences(found, JOURNAL)
        assert repeated(found).speed is None
