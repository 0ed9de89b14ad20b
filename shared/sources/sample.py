"""`sample:` - invented bars for any symbol and any date, to try things out and to test.

The same symbol, date and interval give the same bars in every process and on every machine: prices are made
of whole cents, from a generator seeded with symbol and date. `sample:?calendar=XLON` sets the calendar for
every symbol; otherwise it is inferred from the suffix (`.L`, `.HK`, …), else XNYS.

- Every minute of regular hours has a bar for AAPL. For any other symbol about one in a hundred is missing.
- Pre-market begins two hours before the open, in New York 5.5 hours (04:00); post-market ends four hours
  after the close. About a third of these minutes is missing, for AAPL too.
- A lunch break has bars in its first three minutes, as stragglers of the morning.
- Days without a session have no bars.
- `UNKNOWN…` is a symbol that the source does not know, `NODATA…` one without any bars.
- Intervals are those that divide an hour. Whole minutes are put together from the 1m bars, counted from the
  open, from the end of a break and from the close; seconds are a walk of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.errors import SourceError, UnknownSymbolInSource
from playhead.intervals import HOUR_MS, MINUTE_MS, interval_ms
from playhead.names import parse_symbol
from shared.calendars import MarketCalendar, TradingSession, calendar, calendar_name_for
from shared.sources.cache import Cache
from shared.sources.source import OneByOne, time_range
from shared.sources.uri import parse_uri

DEFAULT_CALENDAR = "XNYS"
GAP_FREE = frozenset({"AAPL"})
UNKNOWN_PREFIX, EMPTY_PREFIX = "UNKNOWN", "NODATA"

_PRE_MARKET_MS: Mapping[str, int] = {"XNYS": 11 * HOUR_MS // 2}
_OTHER_PRE_MARKET_MS = 2 * HOUR_MS
_POST_MARKET_MS = 4 * HOUR_MS
_BREAK_MS = 3 * MINUTE_MS
_MISSING_REGULAR, _MISSING_EXTENDED = 10, 330  # of a thousand bars
_KNOT_DAYS = 30  # the price level runs straight from one drawn level to the next, this far apart
_CACHE_ENTRIES, _CACHE_BYTES = 4_096, 16 * 2**20
_AROUND = timedelta(days=15)  # longer than any usual closure: finds the sessions before and after a day


class SampleSource(OneByOne):
    """Invented bars. See the module."""

    def __init__(self, uri: str) -> None:
        parsed = parse_uri(uri, ("calendar",))
        if parsed.path:
            raise SourceError(f"{uri}: sample has no place; write sample: or sample:?calendar=XLON")
        self.uri = uri
        self.adjusted = False
        named = parsed.options.get("calendar")
        self._calendar = calendar(named) if named is not None else None
        self._days: Cache[Bars] = Cache(_CACHE_ENTRIES, _CACHE_BYTES)

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        start_ms, end_ms = time_range(start, end)
        symbol, length_ms = parse_symbol(symbol), interval_ms(interval)
        if HOUR_MS % length_ms:
            raise SourceError(f"{self.uri} makes intervals that divide an hour, not {interval}; ask for 1m")
        if symbol.startswith(UNKNOWN_PREFIX):
            raise UnknownSymbolInSource(
                f"{self.uri} has nothing under {symbol}; it has any symbol that does not begin with UNKNOWN"
            )
        if symbol.startswith(EMPTY_PREFIX) or start_ms == end_ms:
            return Bars.empty(symbol, interval)
        market = self._calendar or calendar(calendar_name_for(symbol, {}, DEFAULT_CALENDAR))
        first, last = _utc_date(start_ms), _utc_date(end_ms - 1)
        sessions = market.sessions(max(first - _AROUND, market.first_date), min(last + _AROUND, market.last_date))
        before_ms = _PRE_MARKET_MS.get(market.name, _OTHER_PRE_MARKET_MS)
        wanted = [
            at
            for at, session in enumerate(sessions)
            if session.open_ms - before_ms < end_ms and session.close_ms + _POST_MARKET_MS > start_ms
        ]
        days = [self._day(symbol, interval, market, sessions, at) for at in wanted]
        days = [day.between(start_ms, end_ms) for day in days]
        if not days:
            return Bars.empty(symbol, interval)
        return Bars(
            symbol,
            interval,
            np.concatenate([day.start_ms for day in days]),
            np.concatenate([day.values for day in days]),
        )

    def symbols(self) -> list[str]:
        return []

    def check(self) -> None:
        return None

    def _day(
        self,
        symbol: str,
        interval: str,
        market: MarketCalendar,
        sessions: tuple[TradingSession, ...],
        at: int,
    ) -> Bars:
        key = symbol, interval, sessions[at].label
        day = self._days.get(key)
        if day is None:
            before = sessions[at - 1].close_ms if at else None
            after = sessions[at + 1] if at + 1 < len(sessions) else None
            starts, anchors, missing = _starts(market, sessions[at], before, after, interval_ms(interval))
            next_label = after.label if after else sessions[at].label + timedelta(days=1)
            day = _walk(symbol, interval, sessions[at].label, next_label, starts, anchors, missing)
            day.start_ms.setflags(write=False)
            day.values.setflags(write=False)
            self._days.put(key, day, day.start_ms.nbytes + day.values.nbytes)
        return day


def _starts(
    market: MarketCalendar,
    session: TradingSession,
    closed_ms: int | None,
    following: TradingSession | None,
    length_ms: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where a session may have bars: their starts, from where intervals are counted, how many are missing.

    All have shape (n,); the last is of a thousand. Bars are of a minute at most.
    """
    step_ms = min(length_ms, MINUTE_MS)
    pre_ms = session.open_ms - _PRE_MARKET_MS.get(market.name, _OTHER_PRE_MARKET_MS)
    if closed_ms is not None:  # the post-market before it keeps its place
        pre_ms = min(max(pre_ms, closed_ms + _POST_MARKET_MS), session.open_ms)
    post_ms = session.close_ms + _POST_MARKET_MS
    if following is not None:
        post_ms = min(post_ms, following.open_ms)
    parts = [(pre_ms, session.open_ms, session.open_ms, _MISSING_EXTENDED)]
    for from_ms, to_ms in session.open_ranges():
        if from_ms != session.open_ms and session.break_start_ms is not None:
            pause_ms = session.break_start_ms
            parts.append((pause_ms, min(pause_ms + _BREAK_MS, from_ms), pause_ms, 0))
        parts.append((from_ms, to_ms, from_ms, _MISSING_REGULAR))
    parts.append((session.close_ms, post_ms, session.close_ms, _MISSING_EXTENDED))
    starts = [np.arange(from_ms, to_ms, step_ms, dtype=np.int64) for from_ms, to_ms, _, _ in parts]
    sizes = [len(part) for part in starts]
    return (
        np.concatenate(starts),
        np.repeat(np.array([part[2] for part in parts], np.int64), sizes),
        np.repeat(np.array([part[3] for part in parts], np.int64), sizes),
    )


def _walk(
    symbol: str,
    interval: str,
    label: date,
    next_label: date,
    starts: NDArray[np.int64],
    anchors: NDArray[np.int64],
    missing: NDArray[np.int64],
) -> Bars:
    """A random walk in whole cents from the level of one session to that of the next, cut into bars."""
    length_ms = interval_ms(interval)
    size = len(starts)
    seed = f"{symbol}|{label.isoformat()}|{min(length_ms, MINUTE_MS)}".encode()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(seed).digest(), "big")))
    level, next_level = _level_cents(symbol, label), _level_cents(symbol, next_label)
    swing = 2 if length_ms >= MINUTE_MS else 1
    tick = max(1, level // (4_000 if length_ms >= MINUTE_MS else 20_000))
    drawn = random.integers(0, 1_000, (size, 5))
    steps = random.integers(-swing, swing + 1, (size, 2)).sum(axis=1) * tick
    walk = level + np.cumsum(steps)
    closes = walk - (walk[-1] - next_level) * np.arange(1, size + 1) // size
    opens = np.concatenate(([level], closes[:-1])) + (drawn[:, 0] % 3 - 1) * tick
    highs = np.maximum(opens, closes) + drawn[:, 1] % 3 * tick
    lows = np.minimum(opens, closes) - drawn[:, 2] % 3 * tick
    regular = missing == _MISSING_REGULAR
    volumes = drawn[:, 3] * np.where(regular, 50, 3)
    if symbol in GAP_FREE:
        missing = np.where(regular, 0, missing)
    keep = drawn[:, 4] >= missing
    cents = np.maximum(np.stack([opens, highs, lows, closes], axis=1), 1)[keep]
    values = np.column_stack([cents / 100, volumes[keep].astype(np.float64)])
    starts, anchors = starts[keep], anchors[keep]
    if length_ms > MINUTE_MS:
        starts, values = _join(anchors + (starts - anchors) // length_ms * length_ms, values)
    return Bars(symbol, interval, starts, values)


def _join(starts: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Puts the bars that share a start together into one."""
    firsts = np.flatnonzero(np.diff(starts, prepend=starts[:1] - 1))
    lasts = np.append(firsts[1:], len(starts)) - 1
    joined = np.column_stack(
        [
            values[firsts, 0],
            np.maximum.reduceat(values[:, 1], firsts),
            np.minimum.reduceat(values[:, 2], firsts),
            values[lasts, 3],
            np.add.reduceat(values[:, 4], firsts),
        ]
    )
    return starts[firsts], joined


def _level_cents(symbol: str, day: date) -> int:
    """The price of a symbol at the beginning of a date, 14 to 650 in the currency, as cents."""
    base = 2_000 + _drawn(symbol, 48_000)
    knot, past = divmod(day.toordinal(), _KNOT_DAYS)
    left, right = (700 + _drawn(f"{symbol}|{at}", 600) for at in (knot, knot + 1))  # of a thousand
    return base * (left * (_KNOT_DAYS - past) + right * past) // (_KNOT_DAYS * 1_000)


def _drawn(seed: str, below: int) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") % below


def _utc_date(time_ms: int) -> date:
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()
