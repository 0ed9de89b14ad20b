"""Corrections of the library's sessions: that their file can be true, is needed, and reaches all that reads a table."""

from __future__ import annotations

import csv
import dataclasses
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from playhead.errors import InvalidInput
from shared.calendars import REGULAR, TradingSession, calendar, expected_starts
from shared.corrections import FILE, RULES, Correction, Rule, corrected, read_corrections
from shared.hours import Hours
from shared.session_table import NEVER_MS, SessionTable, library_sessions, make_exchange, make_table

ANSWERS: Final = Path(__file__).parents[1] / "data" / "hours.csv"
COLUMNS: Final = ["calendar", "label", "open", "break_start", "break_end", "close", "source"]
MINUTE_MS: Final = 60_000
DAY: Final = timedelta(days=1)

ROWS: Final = read_corrections()
CALENDARS: Final = sorted({row.calendar for row in ROWS} | {rule.calendar for rule in RULES})
DATES: Final = date(2010, 1, 1), date(2026, 12, 31)

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.calendar}-{row.label}")
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.calendar}-{rule.first}-{rule.last}")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def lines(file: Path) -> list[str]:
    return [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]


@lru_cache
def library(name: str) -> tuple[TradingSession, ...]:
    """What the library itself has."""
    return library_sessions(make_exchange(name, DATES))


@lru_cache
def table(name: str) -> SessionTable:
    return make_table(make_exchange(name, DATES), *DATES)


def midnight(time_ms: int, zone: ZoneInfo) -> date:
    """The local date that begins at a time."""
    local = datetime.fromtimestamp(time_ms / 1000, zone)
    assert local.time() == time()
    return local.date()


def by_rules(session: TradingSession) -> TradingSession:
    for rule in RULES:
        if rule.calendar == session.calendar:
            session = rule.of(session, calendar(rule.calendar).zone)
    return session


def test_the_file_has_each_session_once_in_order_and_under_the_columns_that_are_read() -> None:
    rows = list(csv.reader(lines(FILE), strict=True))
    assert rows[0] == COLUMNS
    assert all(len(row) == len(COLUMNS) for row in rows)
    named = [(row.calendar, row.label) for row in ROWS]
    assert named == sorted(set(named))
    assert len(ROWS) == len(rows) - 1 > 0


@each_row
def test_a_correction_can_be_true(row: Correction) -> None:
    assert calendar(row.calendar).name == row.calendar, "the library has it under another name; use that"
    assert row.source.strip()
    assert DATES[0] <= row.label <= DATES[1], "widen DATES in this test"
    if row.session is None:
        return
    assert (row.session.break_start_ms is None) == (row.session.break_end_ms is None)
    times = [edge for each in row.session.open_ranges() for edge in each]
    assert times == sorted(set(times))
    assert not any(each % MINUTE_MS for each in times)
    # A slip in a date shows here: the close is on the local date of the label, and the open at most a day before it.
    zone = calendar(row.calendar).zone
    opened, closed = (datetime.fromtimestamp(each / 1000, zone) for each in (times[0], times[-1]))
    assert closed.date() == row.label
    assert timedelta() < closed - opened < DAY


def test_a_closed_session_has_no_times_in_the_file() -> None:
    rows = [row for row in csv.DictReader(lines(FILE), strict=True) if row["open"] == "closed"]
    assert rows
    assert not [row for row in rows if row["break_start"] or row["break_end"] or row["close"]]


@each_row
def test_a_correction_has_its_answer_among_those_worked_out_by_hand(row: Correction) -> None:
    answers = {(answer["calendar"], answer["label"]) for answer in csv.DictReader(lines(ANSWERS), strict=True)}
    assert (row.calendar, row.label.isoformat()) in answers, f"add it to {ANSWERS}"


@each_row
def test_a_correction_goes_when_the_library_has_learnt_it(row: Correction) -> None:
    had = next((by_rules(each) for each in library(row.calendar) if each.label == row.label), None)
    assert had != row.session, f"the library has it by now: delete {row.calendar},{row.label} from {FILE}"


@each_rule
def test_a_rule_goes_when_the_library_has_learnt_it(rule: Rule) -> None:
    zone = calendar(rule.calendar).zone
    within = [each for each in library(rule.calendar) if rule.first <= each.label <= rule.last]
    moved = [each for each in within if rule.of(each, zone) != each]
    # A holiday or an early close is rare: on every other session the library is wrong, or the rule is.
    assert len(moved) > 0.9 * len(within) > 100, f"the library has learnt {rule.source!r}: delete the rule or change it"


def test_no_two_rules_move_the_same_edge_of_a_session() -> None:
    for one, other in combinations(RULES, 2):
        if (one.calendar, one.edge) == (other.calendar, other.edge):
            assert one.last < other.first or other.last < one.first
    assert all(rule.first < rule.last and rule.library != rule.published and rule.source for rule in RULES)
    assert all(calendar(rule.calendar).name == rule.calendar for rule in RULES)


@each_row
def test_a_calendar_has_what_a_correction_says(row: Correction) -> None:
    expected = (row.session,) if row.session else ()
    assert calendar(row.calendar).sessions(row.label, row.label) == expected


@pytest.mark.parametrize("name", CALENDARS)
def test_what_no_correction_names_is_as_the_library_has_it(name: str) -> None:
    had = {each.label: each for each in library(name)}
    have = {each.label: each for each in table(name).sessions}
    changed = {label for label in had.keys() | have.keys() if had.get(label) != have.get(label)}
    dated = {row.label for row in ROWS if row.calendar == name}
    assert changed == dated | {label for label, each in had.items() if by_rules(each) != each}


@pytest.mark.parametrize("name", CALENDARS)
def test_the_columns_of_a_corrected_table_are_those_of_its_sessions_in_time_order(name: str) -> None:
    made = table(name)
    columns = {
        "labels": [each.label.toordinal() for each in made.sessions],
        "opens": [each.open_ms for each in made.sessions],
        "closes": [each.close_ms for each in made.sessions],
        "break_starts": [NEVER_MS if each.break_start_ms is None else each.break_start_ms for each in made.sessions],
        "break_ends": [NEVER_MS if each.break_end_ms is None else each.break_end_ms for each in made.sessions],
    }
    for column, values in columns.items():
        assert getattr(made, column).dtype == np.int64
        assert getattr(made, column).tolist() == values, column
    assert (np.diff(made.labels) > 0).all()
    assert (made.opens < made.closes).all()
    assert (made.closes[:-1] <= made.opens[1:]).all()
    zone = calendar(name).zone
    for day, local in zip(made.open_days.tolist(), made.opens.tolist(), strict=True):
        assert midnight(day, zone) == datetime.fromtimestamp(local / 1000, zone).date()
    for day, local in zip(made.close_days.tolist(), made.closes.tolist(), strict=True):
        assert midnight(day, zone) == datetime.fromtimestamp((local - 1) / 1000, zone).date() + DAY


def test_a_calendar_without_corrections_is_the_one_of_the_library() -> None:
    sessions = library("XNYS")
    assert corrected(sessions, "XNYS", calendar("XNYS").zone, *DATES) == sessions
    assert table("XNYS").sessions == sessions


def test_a_correction_outside_of_the_dates_that_were_asked_for_is_not_in_the_table() -> None:
    added = date(2026, 2, 1)
    for last, labels in ((added - DAY, 0), (added, 1)):
        dates = added - 31 * DAY, last
        sessions = make_table(make_exchange("XBOM", dates), *dates).sessions
        assert sum(each.label == added for each in sessions) == labels
        assert all(dates[0] <= each.label <= dates[1] for each in sessions)


@pytest.mark.parametrize("alias", ["CME", "cmes", "NYMEX"])
def test_another_name_of_a_calendar_has_the_same_corrections(alias: str) -> None:
    (session,) = calendar(alias).sessions(date(2025, 1, 9), date(2025, 1, 9))
    assert (session.calendar, session.close_ms) == ("CMES", ms("2025-01-09T08:30-06:00"))


def test_a_session_that_is_added_is_one_in_all_that_reads_the_calendar() -> None:
    sunday, market = date(2026, 2, 1), calendar("XBOM")
    assert market.nearest(sunday - DAY) == (date(2026, 1, 30), sunday)
    assert [each.label for each in market.before(sunday + DAY, 2)] == [date(2026, 1, 30), sunday]
    hours = Hours.of("XBOM", sunday, sunday)
    assert (hours.open_ms, hours.close_ms) == (ms("2026-02-01T09:15+05:30"), ms("2026-02-01T15:30+05:30"))
    assert expected_starts(hours.sessions[0], MINUTE_MS, hours.close_ms) == 375
    minutes = np.arange(hours.open_ms, hours.close_ms, MINUTE_MS)
    assert set(market.classify(minutes, sunday, sunday).tolist()) == {REGULAR}
    (ranges,) = market.extended_ranges(hours.sessions)
    assert (ranges[0][0], ranges[-1][1]) == (ms("2026-02-01T00:00+05:30"), ms("2026-02-02T00:00+05:30"))


def test_a_session_that_is_taken_away_is_none_in_all_that_reads_the_calendar() -> None:
    friday, market = date(2023, 9, 1), calendar("XHKG")
    assert market.nearest(friday) == (date(2023, 8, 31), date(2023, 9, 4))
    assert [each.label for each in market.before(date(2023, 9, 4), 1)] == [date(2023, 8, 31)]
    minutes = np.arange(ms("2023-09-01T09:30+08:00"), ms("2023-09-01T16:00+08:00"), MINUTE_MS)
    assert REGULAR not in market.classify(minutes, date(2023, 8, 31), date(2023, 9, 4))
    with pytest.raises(InvalidInput, match="XHKG has no session on 2023-09-01; the nearest are 2023-08-31 and 2023-09"):
        Hours.of("XHKG", friday, friday)


def test_the_hour_of_maintenance_of_futures_is_no_regular_one() -> None:
    first, last = date(2025, 6, 30), date(2025, 7, 2)
    market = calendar("CMES")
    sessions = market.sessions(first, last)
    assert [expected_starts(each, MINUTE_MS, each.close_ms) for each in sessions] == [23 * 60] * 3
    for session, following in pairwise(sessions):
        assert following.open_ms - session.close_ms == 60 * MINUTE_MS
        minutes = np.arange(session.close_ms - MINUTE_MS, following.open_ms + MINUTE_MS, MINUTE_MS)
        kinds = market.classify(minutes, first, last)
        assert (kinds[[0, -1]] == REGULAR).all()
        assert REGULAR not in kinds[1:-1]


def test_a_rule_moves_an_ordinary_close_alone() -> None:
    rule = next(each for each in RULES if each.calendar == "CMES" and each.last == date.max)
    zone = calendar("CMES").zone
    ordinary = TradingSession("CMES", date(2025, 7, 2), 0, ms("2025-07-02T17:00-05:00"), None, None)
    early = dataclasses.replace(ordinary, close_ms=ms("2025-07-02T12:00-05:00"))
    before = dataclasses.replace(ordinary, label=rule.first - DAY, close_ms=ms("2015-09-20T17:00-05:00"))
    assert rule.of(ordinary, zone).close_ms == ms("2025-07-02T16:00-05:00")
    assert rule.of(early, zone) == early
    assert rule.of(before, zone) == before
