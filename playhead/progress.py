"""How far a session has come, by the hours of its calendars. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from playhead.days import TradingDay, TradingDays, ticks_between


@dataclass(frozen=True, slots=True)
class Progress:
    """`day` is the number of the current trading day, from 1, of `days`; it opens at `open_ms` at its first exchange,
    and closes at `close_ms` at its last (UTC milliseconds). `done` of `total` ticks are over: as many as the hours of
    all days have.
    """

    day: int
    days: int
    open_ms: int
    close_ms: int
    done: int
    total: int

    @property
    def share(self) -> float:
        """What is over, from 0 to 1."""
        return self.done / self.total if self.total else 1.0

    def share_of_day(self, clock_ms: int) -> float:
        """What is over of the current day, from 0 to 1."""
        length_ms = self.close_ms - self.open_ms
        return min(1.0, max(0.0, (clock_ms - self.open_ms) / length_ms)) if length_ms else 1.0


def progress(calendars: Collection[TradingDays], clock_ms: int, step_ms: int) -> Progress | None:
    """How far a clock has come, with bars of one length; `None` without a calendar."""
    days: dict[str, list[TradingDay]] = {}
    for calendar in calendars:
        for day in calendar.days[calendar.warm_up :]:
            days.setdefault(day.label, []).append(day)
    if not days:
        return None
    labels = sorted(days)
    opens = [min(day.open_ms for day in days[label]) for label in labels]
    current = max(0, sum(open_ms <= clock_ms for open_ms in opens) - 1)
    close_ms = max(day.close_ms for day in days[labels[current]])
    end_ms = max(day.close_ms for of in days.values() for day in of)
    return Progress(
        current + 1,
        len(labels),
        opens[current],
        close_ms,
        ticks_between(calendars, opens[0], min(clock_ms, end_ms), step_ms),
        ticks_between(calendars, opens[0], end_ms, step_ms),
    )
