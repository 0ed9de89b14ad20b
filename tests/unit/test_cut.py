"""Bars cut to hours and to a stretch of time, many symbols after each other: each as if it were cut alone."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.bars import Bars
from playhead.closing import closes_of, ranges_of
from playhead.config import SessionConfig, SymbolConfig
from shared.cut import Cut
from shared.hours import Hours

MINUTE_MS = 60_000
CONFIG = SessionConfig((SymbolConfig("AAPL"),), date(2025, 7, 2), date(2025, 7, 3))
DAYS = Hours.in_session("XNYS", CONFIG).days
OPEN_MS = DAYS.days[0].open_ms


def bars(symbol: str, minutes: list[int]) -> Bars:
    starts = np.array([OPEN_MS + minute * MINUTE_MS for minute in minutes], np.int64)
    return Bars(symbol, "1m", starts, np.arange(5.0 * len(starts)).reshape(-1, 5))


minutes = st.lists(st.integers(-90, 480), unique=True, max_size=30).map(sorted)


@settings(deadline=None)  # the calendar is made in the first one
@given(st.lists(minutes, min_size=1, max_size=4), st.integers(-60, 400), st.integers(0, 400), st.booleans())
def test_each_symbol_is_cut_as_if_it_were_alone(of: list[list[int]], after: int, length: int, repeat: bool) -> None:
    after_ms, end_ms = OPEN_MS + after * MINUTE_MS, OPEN_MS + (after + length) * MINUTE_MS
    cut = Cut(DAYS, MINUTE_MS, after_ms, end_ms)
    for number, each in enumerate(of + of[-1:] * repeat):
        given_bars = bars(f"S{number}", each)
        closes = closes_of(DAYS, given_bars.start_ms, MINUTE_MS)
        inside = ranges_of(DAYS, given_bars.start_ms) >= 0
        keep = inside & (closes > after_ms) & (closes <= end_ms)
        found = cut.of(given_bars)
        assert found.bars == given_bars.where(keep)
        assert found.close_ms.tolist() == closes[keep].tolist()


def test_symbols_with_the_same_minutes_share_their_times() -> None:
    cut = Cut(DAYS, MINUTE_MS, 0, OPEN_MS + 100 * MINUTE_MS)
    first, second = (cut.of(bars(symbol, list(range(10)))) for symbol in ("A", "B"))
    assert first.bars.start_ms is second.bars.start_ms
    assert first.close_ms is second.close_ms
    assert cut.of(bars("C", list(range(11)))).bars.start_ms is not first.bars.start_ms
