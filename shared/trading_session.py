"""One session of an exchange, and how many bars its regular hours have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class TradingSession:
    """The regular hours of one exchange session. `label` is the date it is named by; times are UTC ms."""

    calendar: str
    label: date
    open_ms: int
    close_ms: int
    break_start_ms: int | None
    break_end_ms: int | None

    def open_ranges(self) -> tuple[tuple[int, int], ...]:
        """The half-open ranges of regular hours in UTC ms: one, or two around a break."""
        if self.break_start_ms is None or self.break_end_ms is None:
            return ((self.open_ms, self.close_ms),)
        return ((self.open_ms, self.break_start_ms), (self.break_end_ms, self.close_ms))


def expected_starts(session: TradingSession, interval_ms: int, until_ms: int) -> int:
    """How many bars of an interval the regular hours of a session have that close by `until_ms`, UTC ms.

    Bars are counted from the open, and again from the end of a break. A bar that the break or the close cuts
    short counts once, and closes there.
    """
    count = 0
    for start_ms, end_ms in session.open_ranges():
        if until_ms >= end_ms:
            count += -((start_ms - end_ms) // interval_ms)
        elif until_ms > start_ms:
            count += (until_ms - start_ms) // interval_ms
    return count
