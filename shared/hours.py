"""A session's hours: the exchange sessions of each symbol within the dates that are replayed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

import numpy as np

from playhead.bars import Bars
from playhead.closing import ranges_of
from playhead.config import ALL_HOURS, SessionConfig
from playhead.days import TradingDay, TradingDays
from playhead.errors import InvalidInput
from shared.calendars import (
    REASONS,
    REGULAR,
    MarketCalendar,
    TradingSession,
    calendar,
    expected_starts,
    nearest_sessions_text,
)


@dataclass(frozen=True)
class Hours:
    """The sessions of one calendar labelled `first` to `last`, and so many before them as history.

    With `extended` a session has all hours around its regular ones too.
    """

    market: MarketCalendar
    first: date
    last: date
    history: int = 0
    extended: bool = False

    @classmethod
    def of(cls, name: str, first: date, last: date, history: int = 0, *, extended: bool = False) -> Hours:
        """Raises `InvalidInput` for an unknown calendar, and where it has no session on these dates."""
        return _hours(name, first, last, history, extended)

    @classmethod
    def in_session(cls, name: str, config: SessionConfig) -> Hours:
        """Those of a calendar in a session. Raises what `of` does."""
        return cls.of(name, config.date, config.end, config.history, extended=config.hours == ALL_HOURS)

    @cached_property
    def sessions(self) -> tuple[TradingSession, ...]:
        """Those that are replayed, in time order."""
        return self.market.sessions(self.first, self.last)

    @cached_property
    def days(self) -> TradingDays:
        """The same as trading days, those of history before them. There may be less history than was asked for."""
        before = self.market.before(self.first, self.history)
        sessions = (*before, *self.sessions)
        ranges = self.market.extended_ranges(sessions) if self.extended else [each.open_ranges() for each in sessions]
        days = (TradingDay(each.label.isoformat(), of) for each, of in zip(sessions, ranges, strict=True))
        return TradingDays(self.zone, len(before), tuple(days))

    @property
    def zone(self) -> str:
        return self.market.zone.key

    @property
    def open_ms(self) -> int:
        """The first open."""
        return self.days.days[self.days.warm_up].open_ms

    @property
    def close_ms(self) -> int:
        """The last close."""
        return self.days.days[-1].close_ms

    def session(self, clock_ms: int) -> TradingSession:
        """The session of the current trading day."""
        return self.sessions[self.days.current(clock_ms) - self.days.warm_up]

    def within(self, bars: Bars) -> Bars:
        """The bars that start in the hours of a trading day, those of history included."""
        return bars.where(ranges_of(self.days, bars.start_ms) >= 0)

    def in_regular(self, bars: Bars) -> int:
        """How many bars are in regular hours."""
        kinds = self.market.classify(bars.start_ms, self.first, self.last)
        return int(np.count_nonzero(kinds == REGULAR))

    def dropped(self, bars: Bars) -> dict[str, int]:
        """How many bars are in no hours, by reason."""
        outside = bars.where(ranges_of(self.days, bars.start_ms) < 0)
        kinds = self.market.classify(outside.start_ms, self.first, self.last)
        return {reason: int(np.count_nonzero(kinds == kind)) for kind, reason in REASONS.items()}

    def expected(self, interval_ms: int, clock_ms: int) -> int:
        """How many bars the regular hours of the current session have by the clock if none is missing."""
        return expected_starts(self.session(clock_ms), interval_ms, clock_ms)


@lru_cache(maxsize=256)
def _hours(name: str, first: date, last: date, history: int, extended: bool) -> Hours:
    hours = Hours(calendar(name), first, last, history, extended)
    if not hours.sessions:
        raise InvalidInput(nearest_sessions_text(hours.market, first))
    return hours


def open_ranges(all_hours: Iterable[Hours]) -> list[tuple[int, int]]:
    """When at least one exchange is open: disjoint half-open ranges in time order."""
    replayed = (day for hours in all_hours for day in hours.days.days[hours.days.warm_up :])
    ranges = sorted({each for day in replayed for each in day.ranges})
    merged: list[tuple[int, int]] = []
    for start_ms, end_ms in ranges:
        if merged and start_ms <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_ms, merged[-1][1]))
        else:
            merged.append((start_ms, end_ms))
    return merged
