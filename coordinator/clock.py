"""The pace of the clock: which market time it may reach by now. Pure: times come from the caller."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

LAG_S: Final = 1.0
"""How far the clock may lag behind its pace before the pace waits for it: after that it does not race to catch up."""


class Clock:
    """Market time against wall time at a speed, counting only the hours in which an exchange is open.

    `open_ranges` are disjoint and in time order, UTC milliseconds; `wall_s` is a monotonic clock in seconds.
    """

    def __init__(
        self, open_ranges: Sequence[tuple[int, int]], speed: float | None, market_ms: int, wall_s: float
    ) -> None:
        self.speed = speed
        self._starts = [start for start, _ in open_ranges]
        self._ends = [end for _, end in open_ranges]
        self._before = [0, *accumulate(end - start for start, end in open_ranges)]
        self._suspended_s: float | None = None
        self.anchor(market_ms, wall_s)

    def anchor(self, market_ms: int, wall_s: float) -> None:
        """Says that the clock reads `market_ms` now."""
        self._open_ms = self._elapsed(market_ms)
        self._market_ms = market_ms
        self._wall_s = wall_s

    def suspend(self, wall_s: float) -> None:
        """Stops counting: there is a hold. What has passed of the present minute is kept."""
        if self._suspended_s is None:
            self._suspended_s = wall_s

    def resume(self, wall_s: float) -> None:
        """Counts on from where it was suspended."""
        if self._suspended_s is not None:
            self._wall_s += wall_s - self._suspended_s
            self._suspended_s = None

    def reading(self, wall_s: float) -> int | None:
        """The market time that the clock may have reached, `None` where there is no limit."""
        if self.speed is None:
            return None
        counted_s = (wall_s if self._suspended_s is None else self._suspended_s) - self._wall_s
        # No more than there is: at a speed beyond all measure the product is infinite.
        passed_ms = int(min(counted_s * self.speed * 1000, self._before[-1]))
        return max(self._market_ms, self._at(self._open_ms + passed_ms))

    def wait_s(self, market_ms: int, wall_s: float) -> float:
        """How long it takes until the clock may read `market_ms`."""
        if self.speed is None:
            return 0.0
        due_s = self._wall_s + (self._elapsed(market_ms) - self._open_ms) / 1000 / self.speed
        return max(0.0, due_s - wall_s)

    def hold_back(self, market_ms: int, wall_s: float) -> None:
        """Lets the pace wait for a clock that could not keep up with it."""
        if self.speed is not None and wall_s - self._wall_s > LAG_S:
            lag_ms = (wall_s - self._wall_s) * 1000 * self.speed - (self._elapsed(market_ms) - self._open_ms)
            if lag_ms > LAG_S * 1000 * self.speed:
                self.anchor(market_ms, wall_s)

    def open_ms(self, from_ms: int, to_ms: int) -> int:
        """The open time from one market time to another; 0 where that is not later."""
        return max(0, self._elapsed(to_ms) - self._elapsed(from_ms))

    def _elapsed(self, market_ms: int) -> int:
        """Open time from the beginning to a market time."""
        at = bisect_right(self._starts, market_ms) - 1
        if at < 0:
            return 0
        return self._before[at] + min(market_ms, self._ends[at]) - self._starts[at]

    def _at(self, open_ms: int) -> int:
        """The market time at which so much open time has passed. A close counts as part of the range it ends."""
        at = min(max(bisect_right(self._before, open_ms - 1) - 1, 0), len(self._starts) - 1)
        return min(self._starts[at] + open_ms - self._before[at], self._ends[at])
