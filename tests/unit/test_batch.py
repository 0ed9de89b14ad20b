"""Several ticks as runs: the same bars, one field a symbol where no minute is missing."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.batch import Runs, regrouped
from coordinator.roster import Arranged, Released
from playhead.codec import group_field, pack, pack_names, unpack
from playhead.intervals import interval_ms
from playhead.runs import BAR_BYTES

MINUTE_MS = 60_000
Owned = tuple[str, str, int]
"""Symbol, interval and start of a bar."""


def values(owned: Owned) -> list[float]:
    """Numbers that only this bar has."""
    symbol, interval, start_ms = owned
    return [float(sum(symbol.encode())), float(interval_ms(interval)), float(start_ms), 0.5, -0.0]


def group(interval: str, start_ms: int, *symbols: str, ticks: int = 1) -> Released:
    """The group of a tick, or of a stretch of some."""
    starts_ms = [start_ms + at * interval_ms(interval) for at in range(ticks)]
    frame = pack(np.array([values((symbol, interval, each_ms)) for each_ms in starts_ms for symbol in symbols]))
    field = group_field(interval, start_ms).encode()
    return Released(field, pack_names(symbols) + frame.tobytes(), interval, start_ms, symbols, frame)


def apart(found: Iterable[Runs]) -> list[Runs]:
    """The runs of one symbol each."""
    runs = []
    for symbols, interval, start_ms, packed in found:
        size = len(packed) // len(symbols)
        assert size * len(symbols) == len(packed)
        runs += [
            Runs((symbol,), interval, start_ms, packed[at * size : (at + 1) * size])
            for at, symbol in enumerate(symbols)
        ]
    return runs


def bars_in(runs: list[Runs]) -> list[Owned]:
    """The bars of runs, each checked against its numbers."""
    found = []
    for (symbol,), interval, start_ms, packed in runs:
        for at, row in enumerate(unpack(packed).tolist()):
            owned = symbol, interval, start_ms + at * interval_ms(interval)
            assert row == values(owned)
            found.append(owned)
    return found


def lengths(runs: list[Runs]) -> list[tuple[str, str, int, int]]:
    """Symbol, interval, start in minutes and number of bars of each run."""
    return [
        (symbol, interval, start_ms // MINUTE_MS, len(packed) // BAR_BYTES)
        for (symbol,), interval, start_ms, packed in runs
    ]


def minute(number: int, *symbols: str, ticks: int = 1) -> Arranged:
    return Arranged((number + 1) * MINUTE_MS, [group("1m", number * MINUTE_MS, *symbols, ticks=ticks)])


EXAMPLES = {
    "nothing": ([], []),
    "ticks without groups": ([Arranged(1, []), Arranged(2, [])], []),
    "one tick": ([minute(5, "A", "B")], [("A", "1m", 5, 1), ("B", "1m", 5, 1)]),
    "minutes in a row are one run": (
        [minute(5, "A", "B"), minute(6, "A", "B"), minute(7, "A", "B")],
        [("A", "1m", 5, 3), ("B", "1m", 5, 3)],
    ),
    "a stretch and a tick after it are one run": (
        [minute(5, "A", "B", ticks=3), minute(8, "A", "B")],
        [("A", "1m", 5, 4), ("B", "1m", 5, 4)],
    ),
    "a stretch of others begins a new run": (
        [minute(5, "A", ticks=2), minute(7, "A", "B", ticks=2), minute(10, "B", ticks=2)],
        [("A", "1m", 5, 4), ("B", "1m", 7, 2), ("B", "1m", 10, 2)],
    ),
    "a missing minute begins a new run": (
        [minute(5, "A"), minute(6, "A"), minute(8, "A")],
        [("A", "1m", 5, 2), ("A", "1m", 8, 1)],
    ),
    "a gap of one symbol is none of the other": (
        [minute(5, "A", "B"), minute(6, "B"), minute(7, "A", "B")],
        [("A", "1m", 5, 1), ("A", "1m", 7, 1), ("B", "1m", 5, 3)],
    ),
    "where one symbol's run ends another's begins, a minute later": (
        [minute(5, "A"), minute(6, "B")],
        [("A", "1m", 5, 1), ("B", "1m", 6, 1)],
    ),
    "each interval has runs of its own": (
        [Arranged(5 * MINUTE_MS, [group("1m", 4 * MINUTE_MS, "A"), group("5m", 0, "A")]), minute(5, "A")],
        [("A", "1m", 4, 2), ("A", "5m", 0, 1)],
    ),
}


@pytest.mark.parametrize(("ticks", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_bars_that_follow_each_other_are_one_run(
    ticks: list[Arranged], expected: list[tuple[str, str, int, int]]
) -> None:
    runs = apart(regrouped(ticks))
    bars_in(runs)
    assert lengths(runs) == expected


names = st.sampled_from(["A", "AAPL", "BRK.B", "MSFT", "^GSPC"])


@st.composite
def batches(draw: st.DrawFn) -> list[Arranged]:
    """Ticks in time order, each with a group of some symbols, and now and then one of five minutes; and stretches."""
    ticks = []
    number = 0
    for gap, length in draw(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), max_size=12)):
        number += gap
        symbols = sorted(draw(st.sets(names, min_size=1)))
        groups = [group("1m", (number - 1) * MINUTE_MS, *symbols, ticks=length)]
        if length == 1 and number % 5 == 0:
            groups.append(group("5m", (number - 5) * MINUTE_MS, *sorted(draw(st.sets(names, min_size=1)))))
        ticks.append(Arranged(number * MINUTE_MS, groups))
        number += length - 1
    return ticks


def slow_bars(ticks: list[Arranged]) -> list[Owned]:
    """One bar after the other: by interval, symbol and start."""
    owned = [
        (symbol, each.interval, each.start_ms + at * interval_ms(each.interval))
        for tick in ticks
        for each in tick.groups
        for at in range(len(each.frame) // len(each.symbols))
        for symbol in each.symbols
    ]
    return sorted(owned, key=lambda each: (interval_ms(each[1]), each[0], each[2]))


@given(batches())
def test_the_bars_of_the_runs_are_the_bars_of_the_ticks(ticks: list[Arranged]) -> None:
    found = bars_in(apart(regrouped(ticks)))
    assert sorted(found) == sorted(slow_bars(ticks))


@given(batches())
def test_there_are_as_few_runs_as_there_can_be(ticks: list[Arranged]) -> None:
    bars = slow_bars(ticks)
    breaks = sum(
        (symbol, interval) != (other, other_interval) or following != start_ms + interval_ms(interval)
        for (symbol, interval, start_ms), (other, other_interval, following) in pairwise(bars)
    )
    assert len(apart(regrouped(ticks))) == (breaks + 1 if bars else 0)
