"""The regular hours of a symbol within the dates of a session, by hours that a person can look up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from playhead.bars import Bars
from playhead.config import SessionConfig, SymbolConfig
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


# The clock, and the label of the session that is current then: the first one before its open already.
CURRENT = [
    ("2025-07-02T13:29:59", "2025-07-02"),
    ("2025-07-02T13:30", "2025-07-02"),
    ("2025-07-02T20:00", "2025-07-02"),
    ("2025-07-03T13:29:59", "2025-07-02"),
    ("2025-07-03T13:30", "2025-07-03"),
    ("2025-07-05T12:00", "2025-07-03"),
    ("2025-07-07T13:30", "2025-07-07"),
    ("2025-08-01T13:30", "2025-07-07"),
]


@pytest.mark.parametrize(("clock", "label"), CURRENT)
def test_the_current_session_is_the_latest_that_has_opened(clock: str, label: str) -> None:
    found = hours("XNYS", "2025-07-02", "2025-07-07")
    assert str(found.session(ms(clock)).label) == found.days.day(ms(clock)).label == label


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
    regular = tokyo.within(bars)
    assert regular.start_ms.tolist() == [int(bars.start_ms[at]) for at in kept]
    assert np.array_equal(regular.values, bars.values[kept])
    assert tokyo.dropped(bars) == {"pre-market": 1, "post-market": 3, "break": 2}
    assert tokyo.in_regular(bars) == 4


def test_no_bars_are_no_bars() -> None:
    assert len(hours("XNYS", "2025-07-02").within(Bars.empty("AAPL", "1m"))) == 0
    assert hours("XNYS", "2025-07-02").in_regular(Bars.empty("AAPL", "1m")) == 0
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


# Calendar, dates, history, its labels: holidays and weekends are not counted.
HISTORIES = [
    ("XNYS", "2025-07-07", "2025-07-07", 2, ["2025-07-02", "2025-07-03"]),
    ("XNYS", "2025-07-07", "2025-07-08", 1, ["2025-07-03"]),
    ("XNYS", "2025-07-05", "2025-07-07", 1, ["2025-07-03"]),
    ("XHKG", "2022-05-19", "2022-05-19", 0, []),
    ("24/7", "2025-07-05", "2025-07-05", 2, ["2025-07-03", "2025-07-04"]),
]


@pytest.mark.parametrize(("name", "first", "last", "history", "labels"), HISTORIES)
def test_history_is_the_trading_days_before_the_first_replayed_one(
    name: str, first: str, last: str, history: int, labels: list[str]
) -> None:
    plain = hours(name, first, last)
    found = Hours.of(name, date.fromisoformat(first), date.fromisoformat(last), history)
    assert [day.label for day in found.days.days[: found.days.warm_up]] == labels
    assert found.days.days[found.days.warm_up :] == plain.days.days
    assert (found.open_ms, found.close_ms, found.sessions) == (plain.open_ms, plain.close_ms, plain.sessions)
    assert open_ranges([found]) == open_ranges([plain])


def test_history_may_be_shorter_than_what_was_asked_for() -> None:
    market = hours("XHKG", "2025-07-02").market
    first = market.sessions(market.first_date, market.first_date + timedelta(days=30))
    found = Hours.of("XHKG", first[2].label, first[2].label, 10)
    assert [day.label for day in found.days] == [str(each.label) for each in first[:3]]
    assert Hours.of("XHKG", market.first_date, first[0].label, 10).days.warm_up == 0


def test_bars_of_history_are_within_the_hours_and_none_of_what_was_dropped() -> None:
    found = Hours.of("XNYS", date(2025, 7, 7), date(2025, 7, 7), 1)
    bars = bars_at("2025-07-03T13:29", "2025-07-03T13:30", "2025-07-03T17:00", "2025-07-07T13:30")
    assert found.within(bars).start_ms.tolist() == [ms("2025-07-03T13:30"), ms("2025-07-07T13:30")]
    assert found.dropped(bars) == {"pre-market": 1, "post-market": 1, "break": 0}


def extended(name: str, first: str, last: str | None = None, history: int = 0) -> Hours:
    return Hours.of(name, date.fromisoformat(first), date.fromisoformat(last or first), history, extended=True)


# Calendar, dates, the hours of the last day.
EXTENDED = [
    # From local midnight to local midnight, in one stretch: trade does not stop where the regular hours do.
    ("XNYS", "2025-07-02", "2025-07-02", ["07-02T04:00", "07-03T04:00"]),
    ("XNYS", "2025-07-02", "2025-07-03", ["07-03T04:00", "07-04T04:00"]),
    # Clocks go forward: a shorter day.
    ("XNYS", "2025-03-07", "2025-03-10", ["03-10T04:00", "03-11T04:00"]),
    ("XTKS", "2025-07-02", "2025-07-02", ["07-01T15:00", "07-02T15:00"]),
    # Sessions that touch leave nothing between them.
    ("24/7", "2025-07-05", "2025-07-05", ["07-05T00:00", "07-06T00:00"]),
]


@pytest.mark.parametrize(("name", "first", "last", "edges"), EXTENDED)
def test_extended_hours_reach_from_midnight_to_midnight_around_the_regular_ones(
    name: str, first: str, last: str, edges: list[str]
) -> None:
    day = extended(name, first, last).days.days[-1]
    times = [ms(f"2025-{edge}") for edge in edges]
    assert day.ranges == tuple(pairwise(times))
    (regular,) = hours(name, last).days
    assert day.open_ms <= regular.open_ms < regular.close_ms <= day.close_ms


def test_extended_hours_of_sessions_that_share_a_date_meet_half_way() -> None:
    """Futures close in the afternoon, Chicago time, and open again for the next date an hour or more later."""
    found = extended("CMES", "2025-06-30", "2025-07-03").days
    edges = [edge for day in found for each in day.ranges for edge in each]
    assert edges == sorted(edges)
    sessions = hours("CMES", "2025-06-30", "2025-07-03").sessions
    for day, following, session, later in zip(found, list(found)[1:], sessions, sessions[1:], strict=False):
        assert day.close_ms == following.open_ms == (session.close_ms + later.open_ms) // 2
        assert session.close_ms <= day.close_ms <= later.open_ms


def test_in_extended_hours_nothing_of_its_dates_is_dropped_and_regular_bars_are_counted_apart() -> None:
    tokyo = extended("XTKS", "2024-11-05")
    bars = bars_at("2024-11-04T15:00", "2024-11-04T23:59", "2024-11-05T00:00", "2024-11-05T02:30", "2024-11-05T14:59")
    assert tokyo.within(bars) == bars
    assert tokyo.dropped(bars) == {"pre-market": 0, "post-market": 0, "break": 0}
    assert tokyo.in_regular(bars) == 1
    assert tokyo.expected(MINUTE_MS, ms("2024-11-05T12:00")) == 330  # of regular hours
    # The evening of a holiday, and the midnight after: both come before an open.
    assert tokyo.dropped(bars_at("2024-11-04T14:59", "2024-11-05T15:00"))["pre-market"] == 2


def test_a_session_says_with_its_configuration_which_hours_it_has() -> None:
    day = date(2025, 7, 3)
    config = SessionConfig((SymbolConfig("AAPL"),), day, day, history=1, hours="all")
    assert Hours.in_session("XNYS", config) is extended("XNYS", "2025-07-03", history=1)
    assert Hours.in_session("XNYS", replace(config, history=0, hours="regular")) is hours("XNYS", "2025-07-03")


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
