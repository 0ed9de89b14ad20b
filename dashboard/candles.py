"""From bars to what a browser draws: everything at first, then only what has come since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dashboard.scene import Series
from playhead.bars import Bars
from playhead.intervals import interval_ms

MOST: Final = 5_000
"""Bars that are sent at first, the latest ones."""
Update = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser has: which bars of which symbol."""

    symbol: str
    interval: str
    since: str
    first_ms: int
    count: int
    last_ms: int


def update_of(shown: Shown | None, series: Series, zone: str) -> tuple[Shown, Update | None]:
    """What a browser has after it, and what to send to it; `None` where it has everything.

    `bars` are rows of start (UTC milliseconds), open, high, low, close, volume. With `all` they take the place of what
    is there, else they follow it. `caught` is how many of all bars came with the addition of the symbol.
    """
    bars = series.bars
    count = len(bars)
    if shown is not None and _goes_on(shown, series):
        begin = int(np.searchsorted(bars.start_ms, shown.first_ms))
        new = bars.start_ms[begin + shown.count :]
        if len(new) == 0:
            return shown, None
        now = Shown(shown.symbol, shown.interval, shown.since, shown.first_ms, count - begin, int(bars.start_ms[-1]))
        return now, {"all": False, "bars": rows(bars, begin + shown.count)}
    begin = max(0, count - MOST)
    first_ms, last_ms = (int(bars.start_ms[begin]), int(bars.start_ms[-1])) if count else (0, 0)
    now = Shown(bars.symbol, bars.interval, series.since, first_ms, count - begin, last_ms)
    return now, {
        "all": True,
        "symbol": bars.symbol,
        "interval": bars.interval,
        "step_ms": interval_ms(bars.interval),
        "zone": zone,
        "bars": rows(bars, begin),
        "caught": caught(bars, begin, series.added_ms),
        "added_ms": series.added_ms,
    }


def _goes_on(shown: Shown, series: Series) -> bool:
    bars = series.bars
    if (shown.symbol, shown.interval, shown.since) != (bars.symbol, bars.interval, series.since) or not shown.count:
        return False
    begin = int(np.searchsorted(bars.start_ms, shown.first_ms))
    last = begin + shown.count - 1
    has_all = last < len(bars) and bars.start_ms[begin] == shown.first_ms and bars.start_ms[last] == shown.last_ms
    return has_all and len(bars) - begin <= 2 * MOST


def rows(bars: Bars, begin: int) -> list[list[float]]:
    """The bars from one on, as rows."""
    starts = bars.start_ms[begin:].tolist()
    return [[start, *values] for start, values in zip(starts, bars.values[begin:].tolist(), strict=True)]


def caught(bars: Bars, begin: int, added_ms: int | None) -> int:
    """How many of the bars from one on had closed when the symbol was added: those that it was caught up with."""
    if added_ms is None:
        return 0
    closes = bars.start_ms[begin:] + interval_ms(bars.interval)
    return int(np.searchsorted(closes, added_ms, side="right"))


def latest(bars: Bars) -> Sequence[float]:
    """The last bar as a row, empty without one."""
    return rows(bars, len(bars) - 1)[0] if len(bars) else ()
