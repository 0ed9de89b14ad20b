"""What one move of the clock releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.batch import Runs
from coordinator.roster import Arranged
from playhead.days import TradingDays
from shared.run_hash import after_event


@dataclass(frozen=True, slots=True)
class Move:
    """What one move of the clock releases.

    `runs` are the bars of `ticks`, for session data; `days` has the trading day of each symbol. `feeds` says for each
    feed whether it has ended and can go. `opening` are the trading days that open at `to_ms`. `joined` is how many
    registrations of consumers are known, empty where that does not matter, `skipped` how many entries were taken out of
    streams.
    """

    from_ms: int
    to_ms: int
    ticks: Sequence[Arranged] = ()
    runs: Iterable[Runs] = ()
    days: Mapping[str, str] = field(default_factory=dict)
    feeds: Mapping[str, bool] = field(default_factory=dict)
    opening: Sequence[tuple[str, str]] = ()
    ticks_left: int | None = None
    run_hash: str = ""
    joined: str = ""
    skipped: str = "0"


def days_that_open(calendars: Mapping[str, TradingDays], clock_ms: int) -> list[tuple[str, str]]:
    """Calendar and date of each trading day that opens at this time."""
    return [(name, label) for name, days in sorted(calendars.items()) if (label := days.opened(clock_ms))]


def hash_with_days(before: str, clock_ms: int, opening: Iterable[tuple[str, str]]) -> str:
    """The run hash after the events of trading days that open."""
    for calendar, label in opening:
        before = after_event(before, clock_ms, "day-opened", calendar, label)
    return before
