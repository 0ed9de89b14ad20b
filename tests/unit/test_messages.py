"""Notifications that are decoded together are those that are decoded one by one, and none leans on the others."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead import messages
from playhead.codec import group_field, pack, pack_names
from playhead.errors import Malformed
from playhead.messages import Message, Tick

MINUTE_MS = 60_000
Raw = Mapping[bytes, bytes]
MANY = tuple(f"S{number:03}" for number in range(100))


def group(start_ms: int, symbols: tuple[str, ...], interval: str = "1m") -> tuple[bytes, bytes]:
    values = np.array([[start_ms + at, 1.5, -0.0, np.inf, len(symbol)] for at, symbol in enumerate(symbols)])
    return group_field(interval, start_ms).encode(), pack_names(symbols) + pack(values).tobytes()


def tick(*groups: tuple[bytes, bytes]) -> dict[bytes, bytes]:
    return {b"type": b"tick", **dict(groups)}


A, AB = group(MINUTE_MS, ("A",)), group(MINUTE_MS, ("A", "B"))
NOTIFICATIONS: tuple[Raw, ...] = (
    tick(A),
    tick(AB),
    tick(AB, group(0, ("A", "B", "C"), "5m")),
    {b"type": b"day-opened", b"calendar": b"XNYS", b"date": b"2025-07-02"},
    {b"type": b"symbol-added", b"symbols": b"A,B", b"command": b"1-0"},
    tick(),
    tick((A[0], A[1][:-1])),
    tick((A[0], A[1].replace(b"\xcb", b"\xca"))),
    tick((b"1m", A[1])),
    tick((A[0], b"a" + A[1])),
    {b"type": b"none"},
    {},
)


def one_by_one(entry: bytes, fields: Raw) -> Message | Malformed:
    try:
        return messages.decode(entry, fields)
    except Malformed as error:
        return error


def plain(message: Message | Malformed) -> object:
    if isinstance(message, Malformed):
        return str(message)
    if isinstance(message, Tick):
        return message.entry, message.clock_ms, message.symbols, repr(list(message.bars()))
    return message


@given(st.lists(st.sampled_from(NOTIFICATIONS), max_size=40))
def test_decoded_together_they_are_as_one_by_one(chosen: list[Raw]) -> None:
    entries = [(b"%d-0" % ((2 + at) * MINUTE_MS), fields) for at, fields in enumerate(chosen)]
    together = messages.decode_all(entries)
    assert [*map(plain, together)] == [plain(one_by_one(entry, fields)) for entry, fields in entries]


def test_a_tick_that_is_sent_to_another_process_goes_without_the_others() -> None:
    entries = [(b"%d-0" % (minute * MINUTE_MS), tick(group((minute - 1) * MINUTE_MS, MANY))) for minute in range(1, 33)]
    found = messages.decode_all(entries)
    middle = found[16]
    assert isinstance(middle, Tick)
    before = plain(middle)
    sent = pickle.dumps(middle)
    assert len(sent) < 2 * len(entries[16][1][b"1m@%d" % (16 * MINUTE_MS)])
    received = pickle.loads(sent)  # noqa: S301  # its own bytes
    for other in (received, copy.deepcopy(middle), copy.copy(middle)):
        assert plain(other) == before
        assert other.bar("S007") == middle.bar("S007")


def test_the_numbers_of_a_tick_cannot_be_written_to() -> None:
    """Else it would say one thing as columns and another one as bars, and so would the ticks beside it."""
    (found,) = messages.decode_all([(b"120000-0", tick(AB))])
    assert isinstance(found, Tick)
    for columns in (found.groups[0].values, found.groups[0].frame):
        with pytest.raises(ValueError, match="read-only"):
            columns[0, 0] = 1
