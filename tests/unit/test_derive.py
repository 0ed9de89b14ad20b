"""Longer bars out of shorter ones: anchored at each stretch of trading, cut at its end, made of what there is."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.bars import Bar, Bars
from playhead.closing import closes_of, ranges_of
from playhead.config import SessionConfig, SymbolConfig
from playhead.days import TradingDays
from playhead.intervals import interval_ms
from shared.derive import derive, with_derived
from shared.hours import Hours

MINUTE_MS = 60_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}Z").timestamp() * 1000)


def days(name: str, first: str, last: str | None = None, *, extended: bool = False) -> TradingDays:
    return Hours.of(name, date.fromisoformat(first), date.fromisoformat(last or first), extended=extended).days


NEW_YORK = days("XNYS", "2025-07-02", "2025-07-03")  # the second closes early
HONG_KONG = days("XHKG", "2022-05-19")
SYDNEY = days("XASX", "2025-01-15")  # opens on the day before, in UTC


def bars_at(starts: list[int], interval: str = "1m") -> Bars:
    """Bars whose numbers tell them apart, the high and the low in another order than the rest."""
    at = np.arange(len(starts), dtype=np.float64)
    wave = (at * 7) % 10
    values = np.column_stack([100 + at, 200 + wave, 50 - wave, 150 + at, 1 + at]).reshape(-1, 5)
    return Bars("AAPL", interval, np.array(starts, np.int64), values)


def every_minute(of: TradingDays) -> list[int]:
    return [at for day in of for first, last in day.ranges for at in range(first, last, MINUTE_MS)]


def starts_in(of: TradingDays, interval: str) -> list[int]:
    """Where all bars of an interval start: each stretch of trading counts anew."""
    return [at for day in of for first, last in day.ranges for at in range(first, last, interval_ms(interval))]


def test_a_longer_bar_has_first_open_highest_high_lowest_low_last_close_and_all_volume() -> None:
    open_ms = ms("2025-07-02T13:30")
    values = np.array([[5, 8, 4, 6, 10], [6, 9, 5, 7, 20], [7, 7, 1, 2, 30], [2, 3, 2, 3, 40]], np.float64)
    bars = Bars("AAPL", "1m", open_ms + MINUTE_MS * np.arange(4, dtype=np.int64), values)
    found = derive(bars, "3m", NEW_YORK)
    assert (found.symbol, found.interval) == ("AAPL", "3m")
    assert list(found) == [Bar(open_ms, 5, 9, 1, 2, 60), Bar(open_ms + 3 * MINUTE_MS, 2, 3, 2, 3, 40)]


@pytest.mark.parametrize("interval", ["2m", "5m", "7m", "45m", "1h", "4h", "24h"])
@pytest.mark.parametrize("of", [NEW_YORK, HONG_KONG, SYDNEY, days("24/7", "2025-07-05", "2025-07-06")])
def test_bars_are_counted_from_the_open_and_again_from_the_end_of_a_break(of: TradingDays, interval: str) -> None:
    assert derive(bars_at(every_minute(of)), interval, of).start_ms.tolist() == starts_in(of, interval)


# Of all minutes of a day: interval, then start and number of minutes of some bars.
CUT = [
    (NEW_YORK, "1h", "2025-07-02T18:30", 60),
    (NEW_YORK, "1h", "2025-07-02T19:30", 30),  # the close
    (NEW_YORK, "1h", "2025-07-03T16:30", 30),  # the early close
    (NEW_YORK, "24h", "2025-07-02T13:30", 390),
    (NEW_YORK, "7m", "2025-07-02T19:55", 5),  # no multiple of it is a day
    (NEW_YORK, "7m", "2025-07-03T13:30", 7),  # and the next day begins anew
    (HONG_KONG, "1h", "2022-05-19T03:30", 30),  # the break
    (HONG_KONG, "1h", "2022-05-19T05:00", 60),  # after it
    (HONG_KONG, "4h", "2022-05-19T01:30", 150),
    (HONG_KONG, "4h", "2022-05-19T05:00", 180),
    (days("XNYS", "2025-07-02", extended=True), "1h", "2025-07-02T13:00", 60),  # over the open, and not cut there
    (days("XNYS", "2025-07-02", extended=True), "7h", "2025-07-03T01:00", 180),  # local midnight
]


@pytest.mark.parametrize(("of", "interval", "start", "minutes"), CUT)
def test_the_last_bar_before_a_break_or_a_close_is_cut_there(
    of: TradingDays, interval: str, start: str, minutes: int
) -> None:
    bars = bars_at(every_minute(of))
    found = derive(bars, interval, of)
    made = bars.between(ms(start), ms(start) + minutes * MINUTE_MS)
    assert len(made) == minutes
    assert list(found.between(ms(start), ms(start) + 1)) == [
        Bar(
            ms(start),
            float(made.open[0]),
            float(made.high.max()),
            float(made.low.min()),
            float(made.close[-1]),
            float(made.volume.sum()),
        )
    ]
    assert of.close_of(ms(start), interval_ms(interval)) == ms(start) + minutes * MINUTE_MS


def test_a_bar_is_made_of_the_minutes_that_there_are_and_none_of_none() -> None:
    open_ms = ms("2025-07-02T13:30")
    minutes = [1, 3, 4, 15, 19]  # of the third five minutes there is nothing, nor of the second
    bars = bars_at([open_ms + at * MINUTE_MS for at in minutes])
    found = derive(bars, "5m", NEW_YORK)
    assert found.start_ms.tolist() == [open_ms, open_ms + 15 * MINUTE_MS]
    assert found.open.tolist() == [bars.open[0], bars.open[3]]
    assert found.close.tolist() == [bars.close[2], bars.close[4]]
    assert found.volume.tolist() == [bars.volume[:3].sum(), bars.volume[3:].sum()]


def test_bars_outside_of_the_trading_days_are_left_out() -> None:
    inside = [ms("2022-05-19T01:30"), ms("2022-05-19T03:59"), ms("2022-05-19T05:00")]
    outside = [ms("2022-05-19T01:29"), ms("2022-05-19T04:00"), ms("2022-05-19T04:59"), ms("2022-05-19T08:00")]
    both = bars_at(sorted(inside + outside))
    kept = both.where(np.isin(both.start_ms, inside))
    assert derive(both, "5m", HONG_KONG) == derive(kept, "5m", HONG_KONG)
    assert derive(kept, "5m", HONG_KONG).start_ms.tolist() == [inside[0], ms("2022-05-19T03:55"), inside[2]]


@pytest.mark.parametrize("starts", [[], [ms("2022-05-19T04:30")]])
def test_no_bars_in_hours_make_none(starts: list[int]) -> None:
    assert derive(bars_at(starts), "5m", HONG_KONG) == Bars.empty("AAPL", "5m")


def slowly(bars: Bars, interval: str, of: TradingDays) -> Bars:
    """One bar after the other."""
    buckets: dict[int, list[Bar]] = {}
    for bar in bars:
        for day in of:
            for first, last in day.ranges:
                if first <= bar.start_ms < last:
                    step_ms = interval_ms(interval)
                    buckets.setdefault(first + (bar.start_ms - first) // step_ms * step_ms, []).append(bar)
    rows = [
        [
            each[0].open,
            max(bar.high for bar in each),
            min(bar.low for bar in each),
            each[-1].close,
            sum(bar.volume for bar in each),
        ]
        for each in buckets.values()
    ]
    return Bars(bars.symbol, interval, np.array(list(buckets), np.int64), np.array(rows, np.float64).reshape(-1, 5))


@given(
    st.sampled_from([HONG_KONG, SYDNEY, NEW_YORK]),
    st.sets(st.integers(-90, 2_000), max_size=150).map(sorted),
    st.sampled_from(["2m", "5m", "7m", "1h", "150m", "4h"]),
)
def test_derived_bars_are_what_a_walk_over_the_bars_makes(of: TradingDays, minutes: list[int], interval: str) -> None:
    bars = bars_at([of.days[0].open_ms + at * MINUTE_MS for at in minutes])
    assert derive(bars, interval, of) == slowly(bars, interval, of)


@given(st.sets(st.integers(0, 389), max_size=390).map(sorted), st.integers(0, 390))
def test_what_comes_later_changes_no_bar_that_has_closed(minutes: list[int], clock: int) -> None:
    """So the producer, which reads windows, and a worker, which reads days, make the same bars."""
    open_ms = ms("2025-07-02T13:30")
    clock_ms = open_ms + clock * MINUTE_MS
    bars = bars_at([open_ms + at * MINUTE_MS for at in minutes])
    for interval in ("5m", "7m", "1h"):
        whole, part = (derive(each, interval, NEW_YORK) for each in (bars, bars.between(0, clock_ms)))
        closed = [NEW_YORK.close_of(int(at), interval_ms(interval)) <= clock_ms for at in whole.start_ms]
        assert whole.where(np.array(closed, bool)) == part.where(
            np.array([NEW_YORK.close_of(int(at), interval_ms(interval)) <= clock_ms for at in part.start_ms], bool)
        )


def test_a_session_has_its_own_bars_and_the_derived_ones_with_the_times_at_which_they_close() -> None:
    day = date(2022, 5, 19)
    config = SessionConfig((SymbolConfig("9988.HK"),), day, day, derive=("5m", "1h"))
    bars = bars_at(every_minute(HONG_KONG))
    found = list(with_derived(bars, config, HONG_KONG))
    assert [each.bars for each in found] == [bars, derive(bars, "5m", HONG_KONG), derive(bars, "1h", HONG_KONG)]
    assert found[0].close_ms.tolist() == (bars.start_ms + MINUTE_MS).tolist()
    assert [ms("2022-05-19T04:00"), ms("2022-05-19T06:00")] == found[2].close_ms[2:4].tolist()
    assert (len(found[1].close_ms), len(found[2].close_ms)) == (66, 6)


@pytest.mark.parametrize(
    ("of", "base", "interval", "first"),
    [
        (NEW_YORK, "1h", "2h", "2025-07-02T14:00"),  # hours of the clock; the market opens at half past
        (HONG_KONG, "1h", "2h", "2022-05-19T02:00"),
        (NEW_YORK, "30m", "1h", "2025-07-02T13:45"),
    ],
)
def test_bars_that_do_not_begin_on_the_grid_are_in_no_bar_that_closes_before_them(
    of: TradingDays, base: str, interval: str, first: str
) -> None:
    step_ms = interval_ms(base)
    starts = np.arange(ms(first), of.days[0].close_ms, step_ms)
    starts = starts[ranges_of(of, starts) >= 0]
    bars = Bars("S", base, starts, np.repeat(np.arange(len(starts), dtype=float)[:, None], 5, axis=1))
    found = derive(bars, interval, of)
    closes = closes_of(of, starts, step_ms)
    for bar in found:
        last = int(bar.close)  # which of the given bars was the last one in it
        assert closes[last] <= of.close_of(bar.start_ms, interval_ms(interval))
    assert found.volume.sum() == bars.volume.sum()
