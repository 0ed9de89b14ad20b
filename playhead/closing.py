"""When bars close, for whole columns: after their length, or where their hours end if that is sooner.

A bar of an hour that starts at 15:30 closes at 16:00 where the exchange does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playhead.days import TradingDays


def ranges_of(days: TradingDays, start_ms: NDArray[np.int64]) -> NDArray[np.intp]:
    """Which hours (counted over all days) each start of shape (n,) lies in, -1 for none."""
    starts, ends = days.edges
    at = np.searchsorted(starts, start_ms, side="right") - 1
    return np.where((at >= 0) & (start_ms < ends[np.maximum(at, 0)]), at, -1)


def closes_of(days: TradingDays, start_ms: NDArray[np.int64], step_ms: int) -> NDArray[np.int64]:
    """When bars of a length close, shape (n,), UTC ms. A bar outside of all hours has its full length."""
    at = ranges_of(days, start_ms)
    ends = days.edges[1][np.maximum(at, 0)]
    full = start_ms + step_ms
    return np.where(at >= 0, np.minimum(full, ends), full)
