"""Bars cut to trading hours and to a stretch of time. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.closing import ranges_of
from playhead.days import TradingDays
from shared.ticks import Closing


class Cut:
    """Cuts the bars of many symbols of one calendar and of one length: those in trading hours that close after
    `after_ms` and by `end_ms` are left, with the times at which they close.

    Most symbols have bars of the same minutes. What was found for one then holds for the next one, and they share the
    arrays of their times: to look at each by itself takes longer than to read them.
    """

    def __init__(self, days: TradingDays, step_ms: int, after_ms: int, end_ms: int) -> None:
        self._days = days
        self._step_ms = step_ms
        self._after_ms = after_ms
        self._end_ms = end_ms
        self._given: NDArray[np.int64] | None = None

    def of(self, bars: Bars) -> Closing:
        """The bars that are left of a symbol."""
        if self._given is None or not np.array_equal(self._given, bars.start_ms):
            self._look(bars.start_ms)
        return Closing(Bars(bars.symbol, bars.interval, self._starts, bars.values[self._kept]), self._closes)

    def _look(self, start_ms: NDArray[np.int64]) -> None:
        at = ranges_of(self._days, start_ms)
        closes = np.minimum(start_ms + self._step_ms, self._days.edges[1][np.maximum(at, 0)])
        keep = (at >= 0) & (closes > self._after_ms) & (closes <= self._end_ms)
        kept = np.flatnonzero(keep)
        self._kept: slice | NDArray[np.intp] = kept
        if len(kept) and kept[-1] - kept[0] + 1 == len(kept):  # in one piece: the values need not be copied
            self._kept = slice(int(kept[0]), int(kept[-1]) + 1)
        self._given, self._starts, self._closes = start_ms, start_ms[self._kept], closes[self._kept]
