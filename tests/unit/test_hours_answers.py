"""Trading hours against answers that a person wrote down from what the exchanges published: `tests/data/hours.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from shared.calendars import BREAK, POST_MARKET, PRE_MARKET, REGULAR, TradingSession, calendar, expected_starts
from shared.hours import Hours, open_ranges

DATA: Final = Path(__file__).parents[1] / "data" / "hours.csv"
MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 60 * MINUTE_MS

Range = tuple[int, int]


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def ms_or_none(text: str) -> int | None:
    return ms(text) if text else None


@dataclass(frozen=True)
class Answer:
    """One row. `session` is under the row's name of the calendar, which may be an alias, and `None` when closed."""

    code: str
    label: date
    session: TradingSession | None
    note: str

    @classmethod
    def of(cls, row: dict[str, str]) -> Answer:
        label = date.fromisoformat(row["label"])
        session = None
        if row["open"] != "closed":
            opened, closed = ms(row["open"]), ms(row["close"])
            pause = ms_or_none(row["break_start"]), ms_or_none(row["break_end"])
            session = TradingSession(row["calendar"], label, opened, closed, *pause)
        return cls(row["calendar"], label, session, row["note"])

    def __str__(self) -> str:
        return f"{self.code}-{self.label}"

    def hours(self) -> Hours:
        return Hours.of(self.code, self.label, self.label)


def read() -> list[Answer]:
    with DATA.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader((line for line in file if not line.startswith("#")), strict=True)
        return [Answer.of(row) for row in rows]


ANSWERS: Final = read()
OPEN: Final = [(answer, answer.session) for answer in ANSWERS if answer.session]

each_open = pytest.mark.parametrize(("answer", "session"), [pytest.param(*each, id=str(each[0])) for each in OPEN])


@pytest.mark.parametrize("answer", ANSWERS, ids=str)
def test_a_calendar_has_the_hours_that_the_exchange_published(answer: Answer) -> None:
    market = calendar(answer.code)
    expected = (replace(answer.session, calendar=market.name),) if answer.session else ()
    assert market.sessions(answer.label, answer.label) == expected, answer.note


def test_every_answer_can_be_true() -> None:
    named = [(answer.code, answer.label) for answer in ANSWERS]
    assert len(set(named)) == len(named) >= 60
    assert all(answer.note for answer in ANSWERS)
    for answer, session in OPEN:
        times = [edge for each in session.open_ranges() for edge in each]
        assert times == sorted(set(times)), answer
        assert times[-1] - times[0] <= DAY_MS, answer
        # A slip in a date shows here: no session opens a whole day from the midnight, in UTC, of the date it has.
        assert abs(times[0] - ms(f"{answer.label}T00:00Z")) < DAY_MS, answer


def edges(session: TradingSession) -> list[tuple[str, int, int]]:
    """The first and the last minute on both sides of every edge of a session, and what a bar that starts there is."""
    found = [
        ("before the open", session.open_ms - MINUTE_MS, PRE_MARKET),
        ("the open", session.open_ms, REGULAR),
        ("before the close", session.close_ms - MINUTE_MS, REGULAR),
        ("a moment before the close", session.close_ms - 1, REGULAR),
        ("the close", session.close_ms, POST_MARKET),
    ]
    if session.break_start_ms is not None and session.break_end_ms is not None:
        found += [
            ("before the break", session.break_start_ms - MINUTE_MS, REGULAR),
            ("the first minute of the break", session.break_start_ms, BREAK),
            ("the last minute of the break", session.break_end_ms - MINUTE_MS, BREAK),
            ("after the break", session.break_end_ms, REGULAR),
        ]
    return found


@each_open
def test_a_bar_at_an_edge_is_on_the_side_where_it_starts(answer: Answer, session: TradingSession) -> None:
    names, starts, kinds = zip(*edges(session), strict=True)
    found = calendar(answer.code).classify(np.array(starts, np.int64), answer.label, answer.label)
    assert dict(zip(names, found.tolist(), strict=True)) == dict(zip(names, kinds, strict=True))


def starts_of(session: TradingSession, interval_ms: int) -> list[Range]:
    """The start and the close of each bar of an interval; what an edge cuts short closes there."""
    return [
        (start_ms, min(start_ms + interval_ms, end_ms))
        for opened_ms, end_ms in session.open_ranges()
        for start_ms in range(opened_ms, end_ms, interval_ms)
    ]


@pytest.mark.parametrize("minutes", [1, 5])
@each_open
def test_each_bar_of_the_ranges_is_expected_from_its_close_on(
    answer: Answer, session: TradingSession, minutes: int
) -> None:
    interval_ms = minutes * MINUTE_MS
    bars = starts_of(session, interval_ms)
    assert expected_starts(session, interval_ms, session.open_ms) == 0
    for closed, (_, close_ms) in enumerate(bars):
        assert expected_starts(session, interval_ms, close_ms - 1) == closed
        assert expected_starts(session, interval_ms, close_ms) == closed + 1
    assert expected_starts(session, interval_ms, session.close_ms + interval_ms) == len(bars)


@pytest.mark.parametrize("minutes", [1, 5])
@each_open
def test_each_bar_that_is_expected_is_a_regular_one(answer: Answer, session: TradingSession, minutes: int) -> None:
    starts = np.array([start_ms for start_ms, _ in starts_of(session, minutes * MINUTE_MS)], np.int64)
    assert set(calendar(answer.code).classify(starts, answer.label, answer.label).tolist()) == {REGULAR}


def minutes_of(ranges: Iterable[Range]) -> set[int]:
    return {minute for start_ms, end_ms in ranges for minute in range(start_ms // MINUTE_MS, end_ms // MINUTE_MS)}


def assert_merged(found: list[Range], parts: list[Range]) -> None:
    """Disjoint with something between, in order, and neither more nor less than the parts."""
    assert all(start_ms < end_ms for start_ms, end_ms in found)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    for start_ms, end_ms in parts:
        assert any(first_ms <= start_ms and end_ms <= last_ms for first_ms, last_ms in found)
    assert minutes_of(found) == minutes_of(parts)


def test_all_answers_merge_into_disjoint_ranges_that_cover_each() -> None:
    found = open_ranges([answer.hours() for answer, _ in OPEN])
    assert_merged(found, [each for _, session in OPEN for each in session.open_ranges()])


@pytest.mark.parametrize("label", sorted({answer.label for answer, _ in OPEN}), ids=str)
def test_the_exchanges_of_one_date_merge_into_disjoint_ranges_that_cover_each(label: date) -> None:
    same = [(answer, session) for answer, session in OPEN if answer.label == label]
    found = open_ranges([answer.hours() for answer, _ in same])
    assert_merged(found, [each for _, session in same for each in session.open_ranges()])


# Calendars, first and last date, and when at least one is open, in UTC.
SPANS: Final = [
    pytest.param(
        ["XTKS", "XHKG", "XLON", "XNYS"],
        "2024-12-24",
        "2024-12-26",
        [
            ("2024-12-24T00:00Z", "2024-12-24T06:30Z"),  # Tokyo, with Hong Kong's half day over its lunch
            ("2024-12-24T08:00Z", "2024-12-24T12:30Z"),  # London until noon
            ("2024-12-24T14:30Z", "2024-12-24T18:00Z"),  # New York until 13:00
            ("2024-12-25T00:00Z", "2024-12-25T02:30Z"),  # Tokyo alone, so its lunch shows
            ("2024-12-25T03:30Z", "2024-12-25T06:30Z"),
            ("2024-12-26T00:00Z", "2024-12-26T02:30Z"),
            ("2024-12-26T03:30Z", "2024-12-26T06:30Z"),
            ("2024-12-26T14:30Z", "2024-12-26T21:00Z"),  # New York, without London's Boxing Day
        ],
        id="Christmas in four cities",
    ),
    pytest.param(
        ["XNYS", "XLON", "XASX"],
        "2025-07-03",
        "2025-07-07",
        [
            ("2025-07-03T00:00Z", "2025-07-03T06:00Z"),  # Sydney
            ("2025-07-03T07:00Z", "2025-07-03T17:00Z"),  # London, and New York's early close
            ("2025-07-04T00:00Z", "2025-07-04T06:00Z"),
            ("2025-07-04T07:00Z", "2025-07-04T15:30Z"),  # London alone on Independence Day
            ("2025-07-07T00:00Z", "2025-07-07T06:00Z"),
            ("2025-07-07T07:00Z", "2025-07-07T20:00Z"),
        ],
        id="a weekend behind Independence Day",
    ),
    pytest.param(
        ["XNZE", "XASX", "XTKS"],
        "2025-01-14",
        "2025-01-15",
        [
            ("2025-01-13T21:00Z", "2025-01-14T06:30Z"),  # Auckland, Sydney, Tokyo: one range over midnight UTC
            ("2025-01-14T21:00Z", "2025-01-15T06:30Z"),
        ],
        id="sessions that open on the day before in UTC",
    ),
    pytest.param(
        ["24/7", "XNYS"],
        "2025-07-04",
        "2025-07-07",
        [("2025-07-04T00:00Z", "2025-07-08T00:00Z")],  # sessions that touch, and one within them
        id="every hour of four dates",
    ),
]


@pytest.mark.parametrize(("codes", "first", "last", "ranges"), SPANS)
def test_several_dates_over_several_exchanges_merge_into_disjoint_ranges_that_cover_each(
    codes: list[str], first: str, last: str, ranges: list[tuple[str, str]]
) -> None:
    dates = date.fromisoformat(first), date.fromisoformat(last)
    found = open_ranges([Hours.of(code, *dates) for code in codes])
    assert found == [(ms(start), ms(end)) for start, end in ranges]
    sessions = [session for code in codes for session in calendar(code).sessions(*dates)]
    assert_merged(found, [each for session in sessions for each in session.open_ranges()])
