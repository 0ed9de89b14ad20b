"""Columns that grow: they hold what was appended, each bar once, and what was handed out never changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.bars import Bars
from playhead.columns import FIRST_CAPACITY, Columns
from playhead.days import TradingDay, TradingDays

MINUTE_MS = 60_000
MINUTES = st.sets(st.integers(0, 3_000), max_size=80).map(sorted)


def days_of(*days: list[tuple[int, int]]) -> TradingDays:
    """Trading days with hours in minutes."""
    return TradingDays(
        "UTC",
        0,
        tuple(
            TradingDay(str(at), tuple((first * MINUTE_MS, last * MINUTE_MS) for first, last in ranges))
            for at, ranges in enumerate(days)
        ),
    )


ONE_DAY = days_of([(0, 5_000)])
# Each has a break, and some minutes lie between two days.
THREE_DAYS = days_of([(10, 100), (120, 400)], [(1_010, 1_100), (1_130, 1_400)], [(2_010, 2_100), (2_110, 2_400)])


def bars_at(minutes: list[int], interval: str = "1m") -> Bars:
    values = np.array([[float(m)] * 5 for m in minutes], np.float64).reshape(-1, 5)
    return Bars("AAPL", interval, np.array(minutes, np.int64) * MINUTE_MS, values)


def columns_of(minutes: list[int], days: TradingDays = ONE_DAY, clock: int = 0, interval: str = "1m") -> Columns:
    return Columns(bars_at(minutes, interval), days, clock * MINUTE_MS)


def append(columns: Columns, minute: int) -> None:
    columns.append(minute * MINUTE_MS, [float(minute)] * 5)


@given(MINUTES, st.integers(0, 80), st.integers(0, 3_002))
def test_read_and_extended_columns_are_what_one_read_gives(minutes: list[int], read_first: int, clock: int) -> None:
    columns = columns_of(minutes[:read_first])
    for minute in minutes:  # the first ones once more: a tick that is handed out again
        append(columns, minute)
    assert columns.closed_by(clock * MINUTE_MS) == bars_at([m for m in minutes if m + 1 <= clock])
    assert len(columns) == len(minutes)


@given(MINUTES, st.lists(st.integers(0, 79), max_size=5))
def test_what_was_handed_out_does_not_change_later(minutes: list[int], looks: list[int]) -> None:
    columns = columns_of([])
    handed: list[tuple[Bars, Bars]] = []
    for at, minute in enumerate(minutes):
        append(columns, minute)
        if at in looks:
            handed.append((columns.closed_by((minute + 1) * MINUTE_MS), bars_at(minutes[: at + 1])))
    assert all(seen == expected for seen, expected in handed)


def test_columns_grow_beyond_their_first_room_and_old_views_stay() -> None:
    columns = columns_of([])
    minutes = list(range(5 * FIRST_CAPACITY))
    early: Bars | None = None
    for minute in minutes:
        append(columns, minute)
        if minute == 9:
            early = columns.closed_by(10 * MINUTE_MS)
    assert columns.closed_by(len(minutes) * MINUTE_MS) == bars_at(minutes)
    assert early == bars_at(minutes[:10])


def test_what_is_handed_out_is_a_read_only_view_and_no_copy() -> None:
    columns = columns_of([0, 1, 2])
    first, second = columns.closed_by(3 * MINUTE_MS), columns.closed_by(3 * MINUTE_MS)
    assert np.shares_memory(first.values, second.values)
    with pytest.raises(ValueError, match="read-only"):
        first.values[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        first.start_ms[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        first.close[0] = 1.0


def test_columns_do_not_share_the_arrays_that_they_were_made_of() -> None:
    bars = bars_at([0, 1])
    columns = Columns(bars, ONE_DAY, 0)
    bars.values[0, 0] = 99.0
    assert columns.closed_by(2 * MINUTE_MS).values[0, 0] == 0.0


def test_a_bar_is_seen_from_its_close_on_and_not_before() -> None:
    columns = columns_of([5])
    assert len(columns.closed_by(6 * MINUTE_MS - 1)) == 0
    assert len(columns.closed_by(6 * MINUTE_MS)) == 1


# The starts of bars of two hours, in minutes after the open: cut at a break and at the close, none missing.
TWO_HOURS = {
    "one stretch": (days_of([(0, 390)]), [0, 120, 240, 360]),
    "a break": (days_of([(0, 150), (210, 390)]), [0, 120, 210, 330]),
    "stretches that touch and are all shorter than a bar": (
        days_of([(0, 90), (90, 100), (100, 190), (190, 200)]),
        [0, 90, 100, 190],
    ),
}


@pytest.mark.parametrize(("days", "starts"), TWO_HOURS.values(), ids=TWO_HOURS)
def test_a_bar_that_is_cut_is_seen_from_its_own_close_on(days: TradingDays, starts: list[int]) -> None:
    for clock in range(400):
        closed = [at for at in starts if days.close_of(at * MINUTE_MS, 120 * MINUTE_MS) <= clock * MINUTE_MS]
        read = columns_of(starts, days, clock, "2h")  # all of them are there already, as at a late read
        assert read.closed_by(clock * MINUTE_MS) == bars_at(closed, "2h")
        grown = columns_of([], days, 0, "2h")
        for start in closed:
            append(grown, start)
        assert grown.closed_by(clock * MINUTE_MS) == bars_at(closed, "2h")


def test_the_columns_begin_anew_when_the_next_day_opens_and_old_views_stay() -> None:
    columns = columns_of([10, 11], THREE_DAYS, 12)
    append(columns, 399)
    first = columns.closed_by(1_009 * MINUTE_MS)
    assert first == bars_at([10, 11, 399])
    assert len(columns.closed_by(1_010 * MINUTE_MS)) == 0  # it has opened, and has no bar yet
    append(columns, 1_010)
    append(columns, 1_011)
    second = columns.closed_by(1_012 * MINUTE_MS)
    append(columns, 2_010)  # nobody read in between
    assert columns.closed_by(2_011 * MINUTE_MS) == bars_at([2_010])
    assert (first, second) == (bars_at([10, 11, 399]), bars_at([1_010, 1_011]))
    assert not np.shares_memory(first.values, second.values)


def test_bars_that_were_read_before_the_first_open_are_those_of_the_first_day() -> None:
    """Another exchange opens sooner; the coordinator is ahead of who reads."""
    columns = columns_of([10, 11, 12], THREE_DAYS, 3)
    assert len(columns.closed_by(3 * MINUTE_MS)) == 0
    append(columns, 10)  # a tick brings it once more
    assert columns.closed_by(11 * MINUTE_MS) == bars_at([10])
    assert columns.closed_by(13 * MINUTE_MS) == bars_at([10, 11, 12])


@given(MINUTES, st.integers(0, 3_000), st.integers(0, 300), st.lists(st.integers(0, 3_002)))
def test_over_days_the_columns_are_what_one_read_of_the_current_day_gives(
    minutes: list[int], begin: int, ahead: int, looks: list[int]
) -> None:
    """They are first read at some time, from a coordinator that is ahead by some minutes; then ticks come."""

    def day_at(clock: int) -> int:
        return THREE_DAYS.current(clock * MINUTE_MS)

    def of_day(clock: int) -> list[int]:
        return [m for m in minutes if in_day(m, day_at(clock))]

    def in_day(minute: int, day: int) -> bool:
        return any(first <= minute * MINUTE_MS < last for first, last in THREE_DAYS.days[day].ranges)

    minutes = [m for m in minutes if any(in_day(m, day) for day in range(3))]
    columns = columns_of([m for m in of_day(begin) if m + 1 <= begin + ahead], THREE_DAYS, begin)
    coming = [m for m in minutes if m + 1 > begin]
    handed: list[tuple[Bars, Bars]] = []
    for clock in sorted({begin, *(look for look in looks if look > begin)}):
        while coming and coming[0] + 1 <= clock:
            append(columns, coming.pop(0))
        expected = bars_at([m for m in of_day(clock) if m + 1 <= clock])
        handed.append((columns.closed_by(clock * MINUTE_MS), expected))
    assert all(seen == expected for seen, expected in handed)
