"""Columns that grow: they hold what was appended, each bar once, and what was handed out never changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.bars import Bars
from playhead.columns import FIRST_CAPACITY, Columns

MINUTE_MS = 60_000
MINUTES = st.sets(st.integers(0, 3_000), max_size=80).map(sorted)


def bars_at(minutes: list[int]) -> Bars:
    values = np.array([[float(m)] * 5 for m in minutes], np.float64).reshape(-1, 5)
    return Bars("AAPL", "1m", np.array(minutes, np.int64) * MINUTE_MS, values)


def append(columns: Columns, minute: int) -> None:
    columns.append(minute * MINUTE_MS, [float(minute)] * 5)


@given(MINUTES, st.integers(0, 80), st.integers(0, 3_002))
def test_read_and_extended_columns_are_what_one_read_gives(minutes: list[int], read_first: int, clock: int) -> None:
    columns = Columns(bars_at(minutes[:read_first]))
    for minute in minutes:  # the first ones once more: a tick that is handed out again
        append(columns, minute)
    assert columns.closed_by(clock * MINUTE_MS) == bars_at([m for m in minutes if m + 1 <= clock])
    assert len(columns) == len(minutes)


@given(MINUTES, st.lists(st.integers(0, 79), max_size=5))
def test_what_was_handed_out_does_not_change_later(minutes: list[int], looks: list[int]) -> None:
    columns = Columns(bars_at([]))
    handed: list[tuple[Bars, Bars]] = []
    for at, minute in enumerate(minutes):
        append(columns, minute)
        if at in looks:
            handed.append((columns.closed_by((minute + 1) * MINUTE_MS), bars_at(minutes[: at + 1])))
    assert all(seen == expected for seen, expected in handed)


def test_columns_grow_beyond_their_first_room_and_old_views_stay() -> None:
    columns = Columns(bars_at([]))
    minutes = list(range(5 * FIRST_CAPACITY))
    early: Bars | None = None
    for minute in minutes:
        append(columns, minute)
        if minute == 9:
            early = columns.closed_by(10 * MINUTE_MS)
    assert columns.closed_by(len(minutes) * MINUTE_MS) == bars_at(minutes)
    assert early == bars_at(minutes[:10])


def test_what_is_handed_out_is_a_read_only_view_and_no_copy() -> None:
    columns = Columns(bars_at([0, 1, 2]))
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
    columns = Columns(bars)
    bars.values[0, 0] = 99.0
    assert columns.closed_by(2 * MINUTE_MS).values[0, 0] == 0.0


def test_a_bar_is_seen_from_its_close_on_and_not_before() -> None:
    columns = Columns(bars_at([5]))
    assert len(columns.closed_by(6 * MINUTE_MS - 1)) == 0
    assert len(columns.closed_by(6 * MINUTE_MS)) == 1
