"""Commands and replies as plain text: what is sent is what is read, and a mistake is said."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.commands import (
    MAX_STEPS,
    MAX_SYMBOLS,
    AddSymbol,
    Command,
    Pause,
    RemoveSymbol,
    Reply,
    Resume,
    RunUntil,
    Speed,
    Step,
    Stop,
    decode,
    decode_reply,
    encode,
    encode_reply,
)
from playhead.errors import InvalidInput, Malformed
from playhead.speed import parse_speed, speed_text

COMMANDS: list[Command] = [
    AddSymbol(("AAPL",)),
    AddSymbol(("AAPL", "brk.b")),
    AddSymbol(("AAPL",), source="csv:/data", calendar="XTKS"),
    RemoveSymbol(("AAPL",)),
    RemoveSymbol(("AAPL", "brk.b")),
    Pause(),
    Resume(),
    Step(),
    Step(MAX_STEPS),
    RunUntil("12:06"),
    RunUntil("2025-07-02T16:06:00+00:00"),
    Speed(None),
    Speed(60.0),
    Speed(0.5),
    Stop(),
]

REFUSED = [
    ({}, "'op' is missing"),
    ({"op": ""}, "'op' is missing"),
    ({"op": "jump"}, "unknown op 'jump'; the ops are add-symbol, remove-symbol, pause"),
    ({"op": "add-symbol"}, "'symbol' is missing"),
    ({"op": "add-symbol", "symbol": "AAPL,,MSFT"}, "a symbol is empty"),
    ({"op": "add-symbol", "symbol": "AAPL,aapl"}, "AAPL was given twice"),
    ({"op": "add-symbol", "symbol": "A", "surce": "csv:"}, "add-symbol has no field 'surce'"),
    ({"op": "add-symbol", "symbol": ",".join(f"S{n}" for n in range(MAX_SYMBOLS + 1))}, "more than 10000"),
    ({"op": "remove-symbol"}, "'symbol' is missing"),
    ({"op": "remove-symbol", "symbol": "AAPL,aapl"}, "AAPL was given twice"),
    ({"op": "remove-symbol", "symbol": "A", "source": "csv:"}, "remove-symbol has no field 'source'"),
    ({"op": "step", "ticks": "0"}, "ticks '0' is not a whole number"),
    ({"op": "step", "ticks": "-1"}, "ticks '-1' is not"),
    ({"op": "step", "ticks": "1.5"}, "ticks '1.5' is not"),
    ({"op": "step", "ticks": "\u0663"}, "is not a whole number"),
    ({"op": "step", "ticks": str(MAX_STEPS + 1)}, "is not a whole number"),
    ({"op": "run-until"}, "'time' is missing"),
    ({"op": "speed", "speed": "fast"}, "neither max nor a number above 0"),
    ({"op": "speed", "speed": "0"}, "neither max nor"),
    ({"op": "speed", "speed": "nan"}, "neither max nor"),
    ({"op": "speed", "speed": "inf"}, "neither max nor"),
    ({"op": "pause", "ticks": "1"}, "pause has no field 'ticks'"),
]


def as_bytes(fields: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): text.encode() for name, text in fields.items()}


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_comes_back_from_its_fields(command: Command) -> None:
    assert decode(as_bytes(encode(command))) == command


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_an_id_beside_a_command_is_no_part_of_it(command: Command) -> None:
    assert decode(as_bytes(encode(command) | {"id": "abc"})) == command


@pytest.mark.parametrize(("fields", "reason"), REFUSED)
def test_what_is_no_command_is_refused_with_the_reason(fields: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode(as_bytes(fields))
    assert reason in str(caught.value)


def test_a_field_that_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        decode({b"op": b"\xff"})


def test_a_command_of_more_than_a_mebibyte_is_refused() -> None:
    with pytest.raises(InvalidInput, match="1048576 bytes"):
        decode({b"op": b"add-symbol", b"symbol": b"A" * (1 << 20)})


@given(st.dictionaries(st.binary(max_size=12), st.binary(max_size=12), max_size=4), st.booleans())
def test_whatever_is_written_by_hand_it_is_a_command_or_refused(fields: dict[bytes, bytes], with_op: bool) -> None:
    with suppress(InvalidInput):
        decode(fields | ({b"op": b"add-symbol"} if with_op else {}))


@given(st.floats(min_value=1e-3, max_value=1e6).map(lambda x: float(f"{x:g}")))
def test_a_speed_comes_back_from_its_text(factor: float) -> None:
    assert parse_speed(speed_text(factor)) == factor


def test_the_fastest_speed_is_written_max() -> None:
    assert speed_text(None) == "max"
    assert parse_speed("max") is None


@given(
    st.text(max_size=9),
    st.sampled_from(["ok", "partial", "rejected"]),
    st.none() | st.text(min_size=1, max_size=9),
    st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=9) | st.none(), max_size=3),
)
def test_a_reply_comes_back_from_its_fields(id: str, status: str, error: str | None, result: dict[str, object]) -> None:
    reply = Reply(id, "5-0", status, error, result)
    assert decode_reply(as_bytes(encode_reply(reply))) == reply


@pytest.mark.parametrize(
    "fields",
    [
        {b"id": b"1"},
        {b"id": b"1", b"entry": b"1-0", b"status": b"ok", b"result": b"{"},
        {b"id": b"\xff", b"entry": b"1-0", b"status": b"ok"},
    ],
)
def test_a_reply_that_lacks_or_garbles_something_is_malformed(fields: dict[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        decode_reply(fields)
