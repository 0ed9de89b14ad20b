"""The market calendar: bars and dates that a person can check, and `classify` against a slow reference."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import exchange_calendars
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import InvalidInput
from shared import calendars
from shared.calendars import calendar, calendar_name_for, expected_starts
from shared.suffixes import CALENDAR_BY_SUFFIX

DATA = Path(__file__).parent / "data"
MINUTE_MS = 60_000
DAY = timedelta(days=1)


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize("row", rows("bar_hours.csv"), ids=lambda row: f"{row['calendar']}-{row['start']}")
def test_a_bar_is_classified_by_the_session_it_starts_in(row: dict[str, str]) -> None:
    first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
    reason = calendar(row["calendar"]).classify(np.array([ms(row["start"])]), first, last)
    names = {calendars.REGULAR: "regular", **calendars.REASONS}
    assert [names[int(each)] for each in reason] == [row["reason"]], row["why"]


@pytest.mark.parametrize("row", rows("symbol_calendars.csv"), ids=lambda row: row["symbol"])
def test_the_suffix_of_a_symbol_says_its_calendar(row: dict[str, str]) -> None:
    assert calendar_name_for(row["symbol"], {}, "XNYS") == row["calendar"]


def test_a_calendar_given_for_a_symbol_comes_before_its_suffix() -> None:
    assert calendar_name_for("AZN.L", {"AZN.L": "XNYS"}, "XTKS") == "XNYS"
    assert calendar_name_for("AZN", {"AZN.L": "XNYS"}, "XTKS") == "XTKS"


def test_every_suffix_names_a_calendar_that_exists() -> None:
    known = set(exchange_calendars.get_calendar_names(include_aliases=False))
    assert set(CALENDAR_BY_SUFFIX.values()) <= known


def test_aliases_and_lower_case_give_the_same_calendar() -> None:
    assert calendar("NYSE") is calendar("XNYS") is calendar("xnys") is calendar("NASDAQ")
    assert (calendar("NYSE").name, calendar("NYSE").zone.key) == ("XNYS", "America/New_York")


def test_an_unknown_calendar_is_refused_with_names_that_look_like_it() -> None:
    with pytest.raises(InvalidInput, match=r"'london'.*XLON"):
        calendar("london")
    with pytest.raises(InvalidInput, match=r"'\?\?\?'.*XNYS, XLON, 24/7"):
        calendar("???")


def test_dates_far_back_and_ahead_are_known_whatever_was_asked_before() -> None:
    market = calendar("XNYS")
    assert len(market.sessions(date(2011, 1, 1), date(2011, 12, 31))) == 252
    assert len(market.sessions(date(1995, 1, 1), date(1995, 12, 31))) == 252
    assert len(market.sessions(date(2030, 1, 1), date(2030, 1, 31))) == 21
    assert len(market.sessions(date(2025, 1, 1), date(2025, 12, 31))) == 250


def test_dates_that_a_calendar_does_not_record_are_refused_with_its_bounds() -> None:
    with pytest.raises(InvalidInput, match=r"XHKG is known from 1960-01-01 to .* not on 1959-12-31"):
        calendar("XHKG").sessions(date(1959, 12, 31), date(2025, 7, 2))


def test_a_range_without_a_session_is_empty() -> None:
    assert calendar("XNYS").sessions(date(2025, 7, 4), date(2025, 7, 6)) == ()
    assert calendar("XNYS").sessions(date(2025, 7, 3), date(2025, 7, 2)) == ()


def test_the_nearest_sessions_are_named_for_a_date_without_one() -> None:
    text = calendars.nearest_sessions_text(calendar("XNYS"), date(2025, 7, 4))
    assert text == "XNYS has no session on 2025-07-04; the nearest are 2025-07-03 and 2025-07-07"


def test_a_session_with_a_break_is_open_in_two_ranges() -> None:
    (session,) = calendar("XHKG").sessions(date(2022, 5, 19), date(2022, 5, 19))
    assert session.open_ranges() == (
        (ms("2022-05-19T01:30Z"), ms("2022-05-19T04:00Z")),
        (ms("2022-05-19T05:00Z"), ms("2022-05-19T08:00Z")),
    )


@pytest.mark.parametrize(
    ("market", "label", "minutes", "until", "count"),
    [
        ("XNYS", "2025-07-02", 1, "2025-07-02T12:06-04:00", 156),
        ("XNYS", "2025-07-02", 1, "2025-07-02T09:30-04:00", 0),
        ("XNYS", "2025-07-02", 1, "2025-07-02T09:31-04:00", 1),
        ("XNYS", "2025-07-02", 1, "2025-07-02T23:00-04:00", 390),
        ("XNYS", "2025-07-03", 1, "2025-07-03T23:00-04:00", 210),
        ("XNYS", "2025-07-02", 5, "2025-07-02T09:39-04:00", 1),
        ("XNYS", "2025-07-02", 60, "2025-07-02T15:59-04:00", 6),
        ("XNYS", "2025-07-02", 60, "2025-07-02T16:00-04:00", 7),
        ("XHKG", "2022-05-19", 1, "2022-05-19T12:30+08:00", 150),
        ("XHKG", "2022-05-19", 1, "2022-05-19T13:01+08:00", 151),
        ("XHKG", "2022-05-19", 1, "2022-05-19T16:00+08:00", 330),
        ("XHKG", "2022-05-19", 60, "2022-05-19T12:00+08:00", 3),
        ("XLON", "2022-06-01", 1, "2022-06-01T16:30+01:00", 510),
    ],
)
def test_the_bars_expected_by_a_time_are_counted_without_breaks(
    market: str, label: str, minutes: int, until: str, count: int
) -> None:
    day = date.fromisoformat(label)
    (session,) = calendar(market).sessions(day, day)
    assert expected_starts(session, minutes * MINUTE_MS, ms(until)) == count


def slowly(name: str, start_ms: int, first: date, last: date) -> str:
    """`classify` of one bar, told with dates and a walk over the sessions."""
    market = calendar(name)
    here = datetime.fromtimestamp(start_ms / 1000, market.zone).date()
    around = market.sessions(here - 30 * DAY, here + 30 * DAY)
    for session in around:
        if session.open_ms <= start_ms < session.close_ms:
            if session.label < first:
                return "pre-market"
            if session.label > last:
                return "post-market"
            is_open = any(opened <= start_ms < closed for opened, closed in session.open_ranges())
            return "regular" if is_open else "break"
    before = [session for session in around if session.close_ms <= start_ms][-1]
    after = next(session for session in around if session.open_ms > start_ms)
    on_open = here >= datetime.fromtimestamp(after.open_ms / 1000, market.zone).date()
    on_close = here <= datetime.fromtimestamp((before.close_ms - 1) / 1000, market.zone).date()
    if on_open != on_close:
        return "pre-market" if on_open else "post-market"
    nearer_open = after.open_ms - start_ms < start_ms - before.close_ms
    return "pre-market" if nearer_open else "post-market"


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["XNYS", "XLON", "XHKG", "XTKS", "XASX", "XNZE", "CMES", "24/7"]),
    first=st.dates(date(2011, 1, 1), date(2025, 12, 31)),
    days=st.integers(0, 9),
    minutes=st.lists(st.integers(-5 * 1440, 15 * 1440), min_size=1, max_size=40),
)
def test_classify_says_of_any_bars_what_a_walk_over_the_sessions_says(
    name: str, first: date, days: int, minutes: list[int]
) -> None:
    last = first + days * DAY
    origin_ms = round(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
    starts = np.array([origin_ms + minute * MINUTE_MS for minute in minutes], np.int64)
    names = {calendars.REGULAR: "regular", **calendars.REASONS}
    reasons = [names[int(each)] for each in calendar(name).classify(starts, first, last)]
    assert reasons == [slowly(name, int(start), first, last) for start in starts]


def test_no_bars_have_no_reasons() -> None:
    found = calendar("XNYS").classify(np.empty(0, np.int64), date(2025, 7, 2), date(2025, 7, 2))
    assert (found.shape, found.dtype) == ((0,), np.dtype(np.int8))
