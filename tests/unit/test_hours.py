"""The regular hours of a symbol within the dates of a session, by hours that a person can look up."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from playhead.bars import Bars
from playhead.errors import InvalidInput
from shared.hours import Hours, open_ranges

MINUTE_MS = 60_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}Z").timestamp() * 1000)


def hours(name: str, first: str, last: str | None = None) -> Hours:
    return Hours.of(name, date.fromisoformat(first), date.fromisoformat(last or first))


def bars_at(*starts: str) -> Bars:
    start_ms = np.array([ms(start) for start in starts], np.int64)
    return Bars("AAPL", "1m", start_ms, np.arange(5.0 * len(starts)).reshape(-1, 5))


# Calendar, dates, first open, last close, zone, number of sessions.
SPANS = [
    ("XNYS", "2025-07-02", "2025-07-02", "2025-07-02T13:30", "2025-07-02T20:00", "America/New_York", 1),
    # The 3rd closes early, the 4th is a holiday, then there is a weekend.
    ("XNYS", "2025-07-02", "2025-07-07", "2025-07-02T13:30", "2025-07-07T20:00", "America/New_York", 3),
    ("XNYS", "2025-07-04", "2025-07-07", "2025-07-07T13:30", "2025-07-07T20:00", "America/New_York", 1),
    # Summer time began on the 9th of March.
    ("XNYS", "2025-03-07", "2025-03-10", "2025-03-07T14:30", "2025-03-10T20:00", "America/New_York", 2),
    ("XTKS", "2024-11-05", "2024-11-05", "2024-11-05T00:00", "2024-11-05T06:30", "Asia/Tokyo", 1),
    # A session is named by its own date, though it opens on the evening before in UTC.
    ("XASX", "2025-01-15", "2025-01-15", "2025-01-14T23:00", "2025-01-15T05:00", "Australia/Sydney", 1),
    ("24/7", "2025-07-05", "2025-07-06", "2025-07-05T00:00", "2025-07-07T00:00", "UTC", 2),
]


@pytest.mark.parametrize(("name", "first", "last", "opens", "closes", "zone", "count"), SPANS)
def test_a_session_spans_the_exchange_sessions_labelled_within_its_dates(
    name: str, first: str, last: str, opens: str, closes: str, zone: str, count: int
) -> None:
    found = hours(name, first, last)
    assert (found.open_ms, found.close_ms) == (ms(opens), ms(closes))
    assert (found.zone, len(found.sessions)) == (zone, count)


def test_dates_without_a_session_are_refused_with_the_nearest_that_have_one() -> None:
    with pytest.raises(InvalidInput) as error:
        hours("XNYS", "2025-07-04", "2025-07-06")
    assert str(error.value) == ("XNYS has no session on 2025-07-04; the nearest are 2025-07-03 and 2025-07-07")


def test_an_unknown_calendar_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no market calendar 'XXXX'"):
        hours("XXXX", "2025-07-02")


# The clock, and the label of the session that is current then.
CURRENT = [
    ("2025-07-02T13:29:59", None),
    ("2025-07-02T13:30", "2025-07-02"),
    ("2025-07-02T20:00", "2025-07-02"),
    ("2025-07-03T13:29:59", "2025-07-02"),
    ("2025-07-03T13:30", "2025-07-03"),
    ("2025-07-05T12:00", "2025-07-03"),
    ("2025-07-07T13:30", "2025-07-07"),
    ("2025-08-01T13:30", "2025-07-07"),
]


@pytest.mark.parametrize(("clock", "label"), CURRENT)
def test_the_current_session_is_the_latest_that_has_opened(clock: str, label: str | None) -> None:
    current = hours("XNYS", "2025-07-02", "2025-07-07").current(ms(clock))
    assert (str(current.label) if current else None) == label


def test_bars_outside_of_the_hours_are_left_out_and_counted_by_reason() -> None:
    tokyo = hours("XTKS", "2024-11-05")
    bars = bars_at(
        "2024-11-04T23:59",  # pre-market
        "2024-11-05T00:00",
        "2024-11-05T02:29",
        "2024-11-05T02:30",  # break
        "2024-11-05T03:29",  # break
        "2024-11-05T03:30",
        "2024-11-05T06:29",
        "2024-11-05T06:30",  # post-market
        "2024-11-05T06:31",  # post-market
        "2024-11-05T07:00",  # post-market
    )
    kept = [1, 2, 5, 6]
    regular = tokyo.regular(bars)
    assert regular.start_ms.tolist() == [int(bars.start_ms[at]) for at in kept]
    assert np.array_equal(regular.values, bars.values[kept])
    assert tokyo.dropped(bars) == {"pre-market": 1, "post-market": 3, "break": 2}


def test_no_bars_are_no_bars() -> None:
    assert len(hours("XNYS", "2025-07-02").regular(Bars.empty("AAPL", "1m"))) == 0
    assert hours("XNYS", "2025-07-02").dropped(Bars.empty("AAPL", "1m")) == {
        "pre-market": 0,
        "post-market": 0,
        "break": 0,
    }


# Interval, clock, and how many bars the current session has by then.
EXPECTED = [
    (1, "2025-07-02T13:29", 0),
    (1, "2025-07-02T13:30", 0),
    (1, "2025-07-02T16:06", 156),
    (5, "2025-07-02T16:06", 31),
    (1, "2025-07-02T20:00", 390),
    (1, "2025-07-02T23:00", 390),
    (1, "2025-07-03T13:31", 1),
    (1, "2025-07-03T17:00", 210),
    (60, "2025-07-02T20:00", 7),
]


@pytest.mark.parametrize(("minutes", "clock", "expected"), EXPECTED)
def test_the_bars_of_the_current_session_are_counted_to_the_clock(minutes: int, clock: str, expected: int) -> None:
    found = hours("XNYS", "2025-07-02", "2025-07-03")
    assert found.expected(minutes * MINUTE_MS, ms(clock)) == expected


def test_open_ranges_of_several_exchanges_are_put_together() -> None:
    found = open_ranges([hours("XNYS", "2025-07-02"), hours("XLON", "2025-07-02"), hours("XTKS", "2025-07-02")])
    assert found == [
        (ms("2025-07-02T00:00"), ms("2025-07-02T02:30")),  # Tokyo until lunch
        (ms("2025-07-02T03:30"), ms("2025-07-02T06:30")),  # and after
        (ms("2025-07-02T07:00"), ms("2025-07-02T20:00")),  # London, and New York before London closes
    ]


def test_hours_that_touch_or_repeat_are_one_range() -> None:
    days = hours("24/7", "2025-07-05", "2025-07-06")
    assert open_ranges([days, days]) == [(ms("2025-07-05T00:00"), ms("2025-07-07T00:00"))]
    assert open_ranges([]) == []
