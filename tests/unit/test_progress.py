"""How far a session has come, by the hours of its calendars."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from playhead.days import TradingDays
from playhead.progress import progress
from shared.hours import Hours

MINUTE_MS = 60_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}Z").timestamp() * 1000)


def days(name: str, first: str, last: str, history: int = 0) -> TradingDays:
    return Hours.of(name, date.fromisoformat(first), date.fromisoformat(last), history).days


# Replayed are the 2nd, the 3rd, which closes early, and the 7th, after a holiday and a weekend.
NEW_YORK = days("XNYS", "2025-07-02", "2025-07-07", history=2)
LONDON = days("XLON", "2025-07-02", "2025-07-07")


@pytest.mark.parametrize(
    ("clock", "day", "done", "share_of_day"),
    [
        ("2025-07-02T13:30", 1, 0, 0.0),
        ("2025-07-02T16:45", 1, 195, 0.5),
        ("2025-07-02T20:00", 1, 390, 1.0),
        ("2025-07-03T04:00", 1, 390, 1.0),
        ("2025-07-03T13:30", 2, 390, 0.0),
        ("2025-07-03T17:00", 2, 600, 1.0),
        ("2025-07-05T12:00", 2, 600, 1.0),
        ("2025-07-07T20:00", 3, 990, 1.0),
    ],
)
def test_days_and_ticks_are_counted_and_nights_are_none(clock: str, day: int, done: int, share_of_day: float) -> None:
    clock_ms = ms(clock)
    found = progress([NEW_YORK], clock_ms, MINUTE_MS)
    assert found is not None
    assert (found.day, found.days, found.done, found.total) == (day, 3, done, 990)
    assert found.share == done / 990
    assert found.share_of_day(clock_ms) == share_of_day


def test_a_day_opens_with_its_first_exchange_and_closes_with_its_last() -> None:
    found = progress([NEW_YORK, LONDON], ms("2025-07-02T10:00"), MINUTE_MS)
    assert found is not None
    assert (found.open_ms, found.close_ms) == (ms("2025-07-02T07:00"), ms("2025-07-02T20:00"))
    assert (found.day, found.days) == (1, 4)  # London trades on the 4th
    assert found.done == 180


def test_without_a_calendar_there_is_no_progress() -> None:
    assert progress([], 0, MINUTE_MS) is None
