"""A session's regular hours: the exchange sessions of each symbol within the dates that are replayed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from playhead.bars import Bars
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
    """The sessions of one calendar labelled `first` to `last`."""

    market: MarketCalendar
    first: date
    last: date

    @classmethod
    def of(cls, name: str, first: date, last: date) -> Hours:
        """Raises `InvalidInput` for an unknown calendar, and where it has no session on these dates."""
        hours = cls(calendar(name), first, last)
        if not hours.sessions:
            raise InvalidInput(nearest_sessions_text(hours.market, first))
        return hours

    @cached_property
    def sessions(self) -> tuple[TradingSession, ...]:
        """In time order."""
        return self.market.sessions(self.first, self.last)

    @property
    def zone(self) -> str:
        return self.market.zone.key

    @property
    def open_ms(self) -> int:
        """The first open."""
        return self.sessions[0].open_ms

    @property
    def close_ms(self) -> int:
        """The last close."""
        return self.sessions[-1].close_ms

    def current(self, clock_ms: int) -> TradingSession | None:
        """The latest session that has opened by the clock, `None` before the first open."""
        opened = [each for each in self.sessions if each.open_ms <= clock_ms]
        return opened[-1] if opened else None

    def regular(self, bars: Bars) -> Bars:
        """The bars that start in regular hours."""
        return bars.where(self.market.classify(bars.start_ms, self.first, self.last) == REGULAR)

    def dropped(self, bars: Bars) -> dict[str, int]:
        """How many bars are not regular, by reason."""
        kinds = self.market.classify(bars.start_ms, self.first, self.last)
        return {reason: int(np.count_nonzero(kinds == kind)) for kind, reason in REASONS.items()}

    def expected(self, interval_ms: int, clock_ms: int) -> int:
        """How many bars the current session has by the clock if none is missing."""
        session = self.current(clock_ms)
        return expected_starts(session, interval_ms, clock_ms) if session else 0


def open_ranges(all_hours: Iterable[Hours]) -> list[tuple[int, int]]:
    """When at least one exchange is open: disjoint half-open ranges in time order."""
    ranges = sorted({each for hours in all_hours for session in hours.sessions for each in session.open_ranges()})
    merged: list[tuple[int, int]] = []
    for start_ms, end_ms in ranges:
        if merged and start_ms <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end_ms, merged[-1][1]))
        else:
            merged.append((start_ms, end_ms))
    return merged
