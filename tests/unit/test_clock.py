"""The pace of the clock: market time that a person can work out from wall time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.clock import LAG_S, Clock

WALL_S: Final = 1_000.0
"""What the wall clock read when the pace began."""


def ms(text: str) -> int:
    return round(datetime.fromisoformat(f"2025-{text}Z").timestamp() * 1000)


NEW_YORK: Final = [(ms("07-02T13:30"), ms("07-02T20:00")), (ms("07-03T13:30"), ms("07-03T17:00"))]
TOKYO: Final = [(ms("07-02T00:00"), ms("07-02T02:30")), (ms("07-02T03:30"), ms("07-02T06:30"))]
BITCOIN: Final = [(ms("07-02T00:00"), ms("07-04T00:00"))]

# Where the clock stood, the speed, how many wall seconds went by, what it may read then.
READINGS: Final = [
    (NEW_YORK, "07-02T13:30", 1, 0, "07-02T13:30"),
    (NEW_YORK, "07-02T13:30", 1, 60, "07-02T13:31"),
    (NEW_YORK, "07-02T13:30", 60, 1, "07-02T13:31"),
    (NEW_YORK, "07-02T13:30", 60, 390, "07-02T20:00"),
    (NEW_YORK, "07-02T13:30", 0.5, 240, "07-02T13:32"),
    # The night takes no time at all: one second after the close it is a minute past the next open.
    (NEW_YORK, "07-02T19:59", 60, 2, "07-03T13:31"),
    (NEW_YORK, "07-02T20:00", 60, 1, "07-03T13:31"),
    (NEW_YORK, "07-02T23:00", 60, 1, "07-03T13:31"),
    # Nor does what comes before the first open, and nothing comes after the last close.
    (NEW_YORK, "07-02T09:00", 60, 2, "07-02T13:32"),
    (NEW_YORK, "07-03T16:59", 60, 1, "07-03T17:00"),
    (NEW_YORK, "07-03T16:59", 60, 9, "07-03T17:00"),
    # The lunch break, too.
    (TOKYO, "07-02T02:29", 60, 1, "07-02T02:30"),
    (TOKYO, "07-02T02:29", 60, 2, "07-02T03:31"),
    # What never closes runs through midnight.
    (BITCOIN, "07-02T23:59", 60, 2, "07-03T00:01"),
]


@pytest.mark.parametrize(("hours", "stood", "speed", "passed_s", "expected"), READINGS)
def test_the_clock_reads_what_its_speed_makes_of_the_open_hours(
    hours: list[tuple[int, int]], stood: str, speed: float, passed_s: float, expected: str
) -> None:
    assert Clock(hours, speed, ms(stood), WALL_S).reading(WALL_S + passed_s) == ms(expected)


# Where the clock stands, the speed, which time is waited for, how many wall seconds that takes.
WAITS: Final = [
    (NEW_YORK, "07-02T13:30", 1, "07-02T13:31", 60.0),
    (NEW_YORK, "07-02T13:30", 60, "07-02T13:31", 1.0),
    (NEW_YORK, "07-02T19:59", 60, "07-03T13:31", 2.0),
    (NEW_YORK, "07-02T20:00", 60, "07-03T13:30", 0.0),
    (TOKYO, "07-02T02:29", 60, "07-02T03:31", 2.0),
    (BITCOIN, "07-02T23:59", 60, "07-03T00:01", 2.0),
    (NEW_YORK, "07-02T13:31", 60, "07-02T13:30", 0.0),
]


@pytest.mark.parametrize(("hours", "stood", "speed", "wanted", "expected_s"), WAITS)
def test_waiting_for_a_time_takes_its_open_hours_at_the_speed(
    hours: list[tuple[int, int]], stood: str, speed: float, wanted: str, expected_s: float
) -> None:
    assert Clock(hours, speed, ms(stood), WALL_S).wait_s(ms(wanted), WALL_S) == pytest.approx(expected_s)


def test_at_full_speed_there_is_neither_a_limit_nor_a_wait() -> None:
    clock = Clock(NEW_YORK, None, ms("07-02T13:30"), WALL_S)
    assert clock.reading(WALL_S + 1) is None
    assert clock.wait_s(ms("07-03T17:00"), WALL_S) == 0.0


def test_an_anchor_forgets_the_time_that_went_by_under_a_hold() -> None:
    clock = Clock(NEW_YORK, 60, ms("07-02T13:30"), WALL_S)
    clock.anchor(ms("07-02T13:40"), WALL_S + 3_600)
    assert clock.reading(WALL_S + 3_600) == ms("07-02T13:40")
    assert clock.reading(WALL_S + 3_601) == ms("07-02T13:41")


def test_a_hold_stops_the_clock_within_a_minute_and_it_goes_on_from_there() -> None:
    clock = Clock(NEW_YORK, 1, ms("07-02T13:30"), WALL_S)
    clock.suspend(WALL_S + 40)
    clock.suspend(WALL_S + 50)  # a second hold changes nothing
    assert clock.reading(WALL_S + 3_600) == ms("07-02T13:30:40")
    clock.resume(WALL_S + 3_600)
    clock.resume(WALL_S + 3_650)
    assert clock.reading(WALL_S + 3_620) == ms("07-02T13:31")
    assert clock.wait_s(ms("07-02T13:32"), WALL_S + 3_620) == 60.0


def test_a_clock_that_fell_far_behind_is_waited_for() -> None:
    clock = Clock(NEW_YORK, 60, ms("07-02T13:30"), WALL_S)
    clock.hold_back(ms("07-02T13:31"), WALL_S + 10)  # 10 s went by, and it made one minute of ten
    assert clock.reading(WALL_S + 11) == ms("07-02T13:32")


def test_a_clock_that_is_behind_by_less_than_the_limit_may_catch_up() -> None:
    clock = Clock(NEW_YORK, 60, ms("07-02T13:30"), WALL_S)
    clock.hold_back(ms("07-02T13:40"), WALL_S + 10 + LAG_S)
    assert clock.reading(WALL_S + 10 + LAG_S) == ms("07-02T13:41")


def test_at_full_speed_there_is_nothing_to_hold_back() -> None:
    clock = Clock(NEW_YORK, None, ms("07-02T13:30"), WALL_S)
    clock.hold_back(ms("07-02T13:30"), WALL_S + 10)
    assert clock.reading(WALL_S + 10) is None


@pytest.mark.parametrize("speed", [1e300, 1.7e308])
def test_a_speed_beyond_all_measure_ends_at_the_last_close(speed: float) -> None:
    clock = Clock(NEW_YORK, speed, ms("07-02T13:30"), WALL_S)
    assert clock.reading(WALL_S) == ms("07-02T13:30")
    assert clock.reading(WALL_S + 3_600) == ms("07-03T17:00")


@st.composite
def open_hours(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Disjoint ranges in time order, on whole seconds."""
    lengths = draw(st.lists(st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)), min_size=1, max_size=6))
    at, ranges = 1_751_463_000_000, []
    for closed_s, open_s in lengths:
        at += closed_s * 1_000
        ranges.append((at, at + open_s * 1_000))
        at += open_s * 1_000
    return ranges


speeds = st.floats(0.01, 10_000)
seconds = st.floats(0, 10**6)
fractions = st.floats(-0.1, 1.0)


def at_fraction(hours: list[tuple[int, int]], fraction: float) -> int:
    """A market time before, in, between or at the end of the open hours."""
    first, last = hours[0][0], hours[-1][1]
    return int(first + fraction * (last - first))


@given(open_hours(), speeds, fractions, seconds, seconds)
def test_the_reading_never_moves_back(
    hours: list[tuple[int, int]], speed: float, stood: float, one_s: float, other_s: float
) -> None:
    clock = Clock(hours, speed, at_fraction(hours, stood), WALL_S)
    sooner, later = (clock.reading(WALL_S + each) for each in sorted((one_s, other_s)))
    assert sooner is not None
    assert later is not None
    assert at_fraction(hours, stood) <= sooner <= later <= max(hours[-1][1], at_fraction(hours, stood))


@given(open_hours(), speeds, fractions, st.floats(0, 1), seconds)
def test_whoever_waits_as_long_as_the_clock_says_finds_it_there(
    hours: list[tuple[int, int]], speed: float, stood: float, wanted: float, passed_s: float
) -> None:
    clock = Clock(hours, speed, at_fraction(hours, stood), WALL_S)
    now_s, wanted_ms = WALL_S + passed_s, at_fraction(hours, wanted)
    wait_s = clock.wait_s(wanted_ms, now_s)
    reading_ms = clock.reading(now_s + wait_s + 0.003 / speed)  # readings are cut to whole milliseconds
    assert wait_s >= 0
    assert reading_ms is not None
    is_open = any(start < wanted_ms <= end for start, end in hours)
    # A time at which everything is closed is as good as the close before it: no bar comes in between.
    closes = [end for _, end in hours if end <= wanted_ms]
    assert reading_ms >= (wanted_ms if is_open else max(closes, default=0))


@given(open_hours(), speeds, fractions, st.floats(0, 1))
def test_the_clock_is_not_there_before_the_wait_is_over(
    hours: list[tuple[int, int]], speed: float, stood: float, wanted: float
) -> None:
    clock = Clock(hours, speed, at_fraction(hours, stood), WALL_S)
    wanted_ms = at_fraction(hours, wanted)
    wait_s = clock.wait_s(wanted_ms, WALL_S)
    early_s = wait_s - 0.003 / speed - 1e-6
    if early_s > 0:
        reading_ms = clock.reading(WALL_S + early_s)
        assert reading_ms is not None
        assert reading_ms < wanted_ms
