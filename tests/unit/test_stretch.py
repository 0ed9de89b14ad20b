"""Stretches: the ticks that are cut out of the entries of a feed are those that were put in."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coordinator.merge import Feed
from playhead.bars import Bars
from playhead.codec import group_field, pack, pack_names
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from shared.run_hash import after_stretch, after_tick
from shared.stretch import LARGE_BYTES, MOST_BYTES, Entry, RawTick, Stretch, entries_of, joined
from shared.ticks import Closing, FeedTick, Fields, ticks_of

MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000
Raw = dict[bytes, bytes]


def group(start_ms: int, symbols: tuple[str, ...], interval: str = "1m") -> tuple[str, bytes]:
    values = np.array([[start_ms + at, 1.5, 0.5, 1.0, len(symbol)] for at, symbol in enumerate(symbols)])
    return group_field(interval, start_ms), pack_names(symbols) + pack(values).tobytes()


def minute(number: int, *symbols: str) -> FeedTick:
    start_ms = OPEN_MS + number * MINUTE_MS
    field, value = group(start_ms, symbols)
    return start_ms + MINUTE_MS, {"type": "tick", field: value}


def raw(fields: Fields) -> Raw:
    """As redis-py gives it."""
    return {_bytes(name): _bytes(value) for name, value in fields.items()}


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def read_back(entries: Sequence[Entry], clock_ms: int = 0) -> list[tuple[int, Raw]]:
    """What a coordinator whose clock reads that has of a feed."""
    feed = Feed(f"{clock_ms}-0", clock_ms, clock_ms)
    for entry in entries:
        feed.push(entry.id.encode(), raw(entry.fields))
    return [(tick.close_ms, dict(tick.fields)) for tick in apart(feed)]


def apart(feed: Feed) -> list[RawTick]:
    """The ticks of a feed, one by one."""
    return [tick for each in feed.ticks for tick in (each.ticks() if isinstance(each, Stretch) else (each,))]


def types(entries: Sequence[Entry]) -> list[tuple[int, bytes]]:
    """In minutes since the open the time of each entry, and its type."""
    return [((entry.last_ms - OPEN_MS) // MINUTE_MS, _bytes(entry.fields["type"])) for entry in entries]


EXAMPLES = {
    "nothing": ([], []),
    "one tick": ([minute(0, "A")], [(1, b"tick")]),
    "minutes in a row": ([minute(0, "A", "B"), minute(1, "A", "B"), minute(2, "A", "B")], [(3, b"ticks")]),
    "a minute is missing": (
        [minute(0, "A"), minute(1, "A"), minute(3, "A"), minute(4, "A")],
        [(2, b"ticks"), (5, b"ticks")],
    ),
    "somebody lacks a bar": (
        [minute(0, "A", "B"), minute(1, "A", "B"), minute(2, "A"), minute(3, "A", "B")],
        [(2, b"ticks"), (3, b"tick"), (4, b"tick")],
    ),
    "others of the same number": ([minute(0, "A"), minute(1, "B"), minute(2, "B")], [(1, b"tick"), (3, b"ticks")]),
}


@pytest.mark.parametrize(("ticks", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_ticks_that_follow_each_other_with_the_same_symbols_are_one_entry(
    ticks: list[FeedTick], expected: list[tuple[int, bytes]]
) -> None:
    assert types(list(joined(ticks))) == expected


def test_a_tick_of_two_groups_and_one_that_closes_early_stand_alone() -> None:
    both = minute(4, "A")
    both[1].update([group(OPEN_MS, ("A",), "5m")])
    early: FeedTick = (OPEN_MS + 30 * MINUTE_MS, {"type": "tick"})
    early[1].update([group(OPEN_MS, ("A",), "1h")])
    assert types(list(joined([minute(3, "A"), both, early]))) == [(4, b"tick"), (5, b"tick"), (30, b"tick")]


def test_a_stretch_does_not_grow_without_end_and_large_ticks_are_not_joined() -> None:
    many = tuple(f"S{number:04}" for number in range(100))
    entries = list(joined([minute(number, *many) for number in range(40)]))
    assert len(entries) > 1
    assert all(len(_bytes(value)) <= MOST_BYTES for entry in entries for value in entry.fields.values())
    large = tuple(f"S{number:04}" for number in range(LARGE_BYTES // 46))
    assert types(list(joined([minute(0, *large), minute(1, *large)]))) == [(1, b"tick"), (2, b"tick")]


names = st.sets(st.sampled_from(["A", "AAPL", "MSFT"]), min_size=1).map(lambda chosen: tuple(sorted(chosen)))


@given(st.dictionaries(st.integers(0, 30), names, max_size=20), st.integers(0, 31))
def test_the_ticks_that_are_read_are_those_that_were_published(of: dict[int, tuple[str, ...]], clock: int) -> None:
    """Wherever the clock is: what has closed by it is not taken again."""
    ticks = [minute(number, *symbols) for number, symbols in sorted(of.items())]
    clock_ms = OPEN_MS + clock * MINUTE_MS
    expected = [(close_ms, raw(fields)) for close_ms, fields in ticks if close_ms > clock_ms]
    assert read_back(list(joined(ticks)), clock_ms) == expected


@given(names, st.integers(2, 40), st.sampled_from(["1m", "5m"]))
def test_a_stretch_is_hashed_as_its_ticks_are(symbols: tuple[str, ...], length: int, interval: str) -> None:
    step_ms = interval_ms(interval)
    starts = [OPEN_MS + number * step_ms for number in range(length)]
    ticks: list[FeedTick] = [
        (start_ms + step_ms, {"type": "tick", **dict([group(start_ms, symbols, interval)])}) for start_ms in starts
    ]
    (entry,) = joined(ticks)
    expected = "before"
    for close_ms, fields in ticks:
        expected = after_tick(expected, close_ms, [item for item in raw(fields).items() if item[0] != b"type"])
    assert after_stretch("before", Stretch.of(entry.last_ms, raw(entry.fields))) == expected


FIELD, VALUE = (_bytes(part) for part in group(OPEN_MS, ("A", "B")))
TWO = VALUE + VALUE[VALUE.index(b"\n") + 1 :]
MALFORMED = {
    "no group": {},
    "two groups": {FIELD: TWO, b"5m@0": TWO},
    "no symbols": {FIELD: TWO[TWO.index(b"\n") + 1 :].replace(b"\n", b" ")},
    "half a tick": {FIELD: TWO[:-46]},
    "no tick": {FIELD: TWO[: TWO.index(b"\n") + 1]},
    "another start": {b"1m@%d" % (OPEN_MS + MINUTE_MS): TWO},
    "a name that is none": {FIELD: TWO.replace(b"A,B", b"a,B")},
    "more than a stretch has": {FIELD: TWO + VALUE[VALUE.index(b"\n") + 1 :] * (MOST_BYTES // 92)},
    "an interval that there is not": {b"7x@0": TWO},
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_stretch_is_refused(fields: Raw) -> None:
    with pytest.raises(Malformed):
        Stretch.of(OPEN_MS + 2 * MINUTE_MS, {b"type": b"ticks", **fields})


def test_a_stretch_that_goes_back_is_taken_from_where_the_feed_is() -> None:
    entries = list(joined([minute(number, "A") for number in range(4)]))
    feed = Feed("0-0", 0, 0)
    feed.push(f"{OPEN_MS + 2 * MINUTE_MS}-0".encode(), raw(next(joined([minute(1, "A")])).fields))
    feed.push(entries[0].id.encode(), raw(entries[0].fields))
    assert [(tick.close_ms - OPEN_MS) // MINUTE_MS for tick in apart(feed)] == [2, 3, 4]
    assert interval_ms("1m") == MINUTE_MS


@st.composite
def columns(draw: st.DrawFn) -> list[Closing]:
    """Bars of some symbols that have the same minutes, as a source with whole columns gives them; and now and then one
    with minutes of its own, or with other bars. Some close early, or together."""
    starts = np.array(sorted(draw(st.sets(st.integers(0, 40), min_size=1))), np.int64) * MINUTE_MS + OPEN_MS
    closes = starts + MINUTE_MS
    closes[-draw(st.integers(0, 2)) or len(closes) :] -= draw(st.sampled_from([1, MINUTE_MS // 2]))
    if len(closes) > 1 and draw(st.booleans()):
        closes[-2] = closes[-1]
    made = [closing(symbol, "1m", starts, closes) for symbol in draw(names)]
    if draw(st.booleans()):
        made.append(closing("OTHER", "1m", starts[1:], closes[1:]))
    if draw(st.booleans()):
        made.append(closing("AAPL", "5m", starts[:1], starts[:1] + 5 * MINUTE_MS))
    return made


def closing(symbol: str, interval: str, starts: NDArray[np.int64], closes: NDArray[np.int64]) -> Closing:
    values = np.arange(5 * len(starts), dtype=np.float64).reshape(-1, 5) + sum(symbol.encode())
    return Closing(Bars(symbol, interval, starts, values), closes)


@given(columns(), st.integers(1, 9), st.integers(1, 2_000))
def test_entries_made_of_columns_are_those_made_of_ticks(bars: list[Closing], most: int, packed_bytes: int) -> None:
    ticks = list(ticks_of(bars))
    with patch("shared.ticks.PACKED_BYTES", packed_bytes):  # however many are packed at once
        entries = list(entries_of(bars, most))
        assert list(ticks_of(bars)) == ticks
    assert entries == list(joined(ticks, most))
    assert all(entry.length <= most for entry in entries)
    assert sum(entry.length for entry in entries) == len(ticks)


@given(columns(), st.integers(0, 42))
def test_what_is_left_of_entries_after_a_time_are_the_ticks_after_it(bars: list[Closing], minute: int) -> None:
    clock_ms = OPEN_MS + minute * MINUTE_MS
    left = [part for entry in entries_of(bars) if (part := entry.after(clock_ms)) is not None]
    expected = [(close_ms, raw(fields)) for close_ms, fields in ticks_of(bars) if close_ms > clock_ms]
    assert read_back(left) == expected


def test_columns_of_many_symbols_are_cut_where_they_would_be_too_large() -> None:
    for count, length in ((100, 14), (LARGE_BYTES // 46, 1)):
        starts = np.arange(30, dtype=np.int64) * MINUTE_MS + OPEN_MS
        closes = starts + MINUTE_MS
        entries = list(entries_of([closing(f"S{number:04}", "1m", starts, closes) for number in range(count)]))
        assert max(entry.length for entry in entries) == length
        assert all(len(_bytes(value)) <= MOST_BYTES for entry in entries for value in entry.fields.values())
