"""Longer bars out of shorter ones. One pure function, for the producer and for the worker."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from playhead.bars import Bars
from playhead.closing import closes_of, ranges_of
from playhead.config import SessionConfig
from playhead.days import TradingDays
from playhead.intervals import interval_ms
from shared.ticks import Closing


def derive(bars: Bars, interval: str, days: TradingDays) -> Bars:
    """Bars of a longer interval, which must be a multiple of the given bars' one.

    Buckets are counted from the start of each stretch of trading: the open, and again the end of a break. The last one
    before a break or a close is cut there. A bar belongs to the bucket in which it closes: one that does not begin on
    their grid, such as an hour of the clock in New York, is then never in a bucket that closes before it. A bucket in
    which no bar is has no bar; a bar that is missing inside one changes neither its start nor its close. Bars outside
    of the trading days are left out.
    """
    at = ranges_of(days, bars.start_ms)
    if (at < 0).any():
        bars, at = bars.where(at >= 0), at[at >= 0]
    if not len(bars):
        return Bars.empty(bars.symbol, interval)
    step_ms = interval_ms(interval)
    anchors = days.edges[0][at]
    closes = closes_of(days, bars.start_ms, interval_ms(bars.interval))
    starts = anchors + (closes - 1 - anchors) // step_ms * step_ms
    # Starts of different stretches differ, so a new start is a new bucket.
    first = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
    last = np.append(first[1:], len(starts)) - 1
    values = np.empty((len(first), 5), np.float64)
    values[:, 0] = bars.open[first]
    values[:, 1] = np.maximum.reduceat(bars.high, first)
    values[:, 2] = np.minimum.reduceat(bars.low, first)
    values[:, 3] = bars.close[last]
    values[:, 4] = np.add.reduceat(bars.volume, first)
    return Bars(bars.symbol, interval, starts[first], values)


def with_derived(bars: Bars, config: SessionConfig, days: TradingDays) -> Iterator[Closing]:
    """Bars and the longer ones that a session derives of them, each with the times at which they close."""
    yield Closing.of(bars, days)
    for interval in config.derive:
        yield Closing.of(derive(bars, interval, days), days)
