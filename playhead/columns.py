"""Columns of bars of the current trading day that grow at their end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.days import TradingDays
from playhead.intervals import interval_ms

FIRST_CAPACITY = 512
"""Bars for which there is room at first: more than a day of minutes of most exchanges."""


class Columns:
    """The bars of one symbol and interval on its current trading day, in two growing arrays.

    They begin anew when the next day opens: what was read from then on has come in ticks, so nothing is missing.

    What `closed_by` hands out are read-only views: they cost nothing, and later bars do not change them,
    since bars are only ever written behind the last one. A full array is replaced by one twice as long.
    """

    def __init__(self, bars: Bars, days: TradingDays, clock_ms: int) -> None:
        """`bars` are those of the day that is current at the clock; they may be later than it."""
        self._days = days
        # Before the first open that day is the current one already, and its bars may be here.
        self._next_open_ms = days.next_open_ms(max(clock_ms, days.day(clock_ms).open_ms))
        self.symbol = bars.symbol
        self.interval = bars.interval
        self._step_ms = interval_ms(bars.interval)
        self._length = len(bars)
        self._last_ms = int(bars.start_ms[-1]) if self._length else -1
        self._start_ms = np.empty(max(FIRST_CAPACITY, 2 * self._length), np.int64)
        self._values = np.empty((len(self._start_ms), 5), np.float64)
        self._start_ms[: self._length] = bars.start_ms
        self._values[: self._length] = bars.values

    def __len__(self) -> int:
        return self._length

    def append(self, start_ms: int, row: NDArray[np.float64] | Sequence[float]) -> None:
        """Adds a bar. Bars come in time order, so one that is not later than the last is there already."""
        if start_ms <= self._last_ms:
            return
        if start_ms >= self._next_open_ms:
            self._begin_day(start_ms)
        at = self._length
        if at == len(self._start_ms):
            self._start_ms = np.concatenate((self._start_ms, np.empty_like(self._start_ms)))
            self._values = np.concatenate((self._values, np.empty_like(self._values)))
        self._start_ms[at] = start_ms
        self._values[at] = row
        self._length = at + 1
        self._last_ms = start_ms

    def closed_by(self, clock_ms: int) -> Bars:
        """The bars of the day that had closed by a clock, as read-only views."""
        if clock_ms >= self._next_open_ms:
            self._begin_day(clock_ms)
        end = self._length
        if end and self._closes_ms(end - 1) > clock_ms:
            end = int(np.searchsorted(self._start_ms[:end], clock_ms - self._step_ms, side="right"))
            # The last bar before a break or a close may be shorter than the others.
            while self._closes_ms(end) <= clock_ms:
                end += 1
        starts, values = self._start_ms[:end], self._values[:end]
        starts.flags.writeable = values.flags.writeable = False
        return Bars(self.symbol, self.interval, starts, values)

    def _closes_ms(self, at: int) -> int:
        return self._days.close_of(int(self._start_ms[at]), self._step_ms)

    def _begin_day(self, at_ms: int) -> None:
        """A new pair of arrays: views of the old ones have been handed out."""
        self._start_ms = np.empty_like(self._start_ms)
        self._values = np.empty_like(self._values)
        self._length = 0
        self._next_open_ms = self._days.next_open_ms(at_ms)
