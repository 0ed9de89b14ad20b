"""The market calendar: when an exchange is open, over `exchange_calendars`. Pure, without Redis.

All hours belong to one session of one exchange. Early closes, holidays, lunch breaks and daylight saving are
in the table of sessions, and nothing here repeats the hours of one date for another.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
from exchange_calendars import calendar_utils
from numpy.typing import NDArray

from playhead.errors import InvalidInput
from playhead.intervals import MINUTE_MS
from shared.session_table import NEVER_MS, SessionTable, make_exchange, make_table
from shared.suffixes import calendar_name_for as calendar_name_for
from shared.trading_session import TradingSession as TradingSession
from shared.trading_session import expected_starts as expected_starts

REGULAR: Final = 0
PRE_MARKET: Final = 1
POST_MARKET: Final = 2
BREAK: Final = 3
REASONS: Final = {PRE_MARKET: "pre-market", POST_MARKET: "post-market", BREAK: "break"}

# Longer than any closure that a calendar records, so the sessions before and after a date are in the table.
_MARGIN = timedelta(days=40)
_FIRST_YEAR, _LAST_YEAR = 1900, 2199  # what every calendar without bounds of its own can be asked for


class MarketCalendar:
    """The sessions of one exchange. Get one with `calendar`, which keeps them.

    The table of sessions is made for the years that were asked for and grows when others are; after that a
    look-up costs microseconds. Any thread may call.
    """

    def __init__(self, name: str) -> None:
        exchange = make_exchange(name, None)
        lowest, highest = exchange.bound_min(), exchange.bound_max()
        self.name: str = exchange.name
        self.zone: ZoneInfo = exchange.tz
        self.first_date: date = lowest.date() if lowest else date(_FIRST_YEAR, 1, 1)
        self.last_date: date = highest.date() if highest else date(_LAST_YEAR, 12, 31)
        self._lock = threading.Lock()
        self._made = make_table(exchange, exchange.default_start().date(), exchange.default_end().date())

    def __repr__(self) -> str:
        return f"MarketCalendar({self.name!r})"

    def sessions(self, first: date, last: date) -> tuple[TradingSession, ...]:
        """The sessions labelled first..last, both included, in time order; empty where there is none.

        Raises `InvalidInput` for dates that the calendar does not record.
        """
        for day in (first, last):
            if not self.first_date <= day <= self.last_date:
                raise InvalidInput(
                    f"calendar {self.name} is known from {self.first_date} to {self.last_date}, "
                    f"not on {day}; choose other dates, or a newer exchange_calendars"
                )
        table = self._table(first, last)
        start, stop = np.searchsorted(table.labels, (first.toordinal(), last.toordinal() + 1))
        return table.sessions[start:stop]

    def before(self, day: date, most: int) -> tuple[TradingSession, ...]:
        """Up to so many sessions labelled before a date, the last ones, in time order."""
        if not most or day <= self.first_date:
            return ()
        # No exchange is closed for half of the days, but for its longest holidays.
        earliest = self._clamp(day - timedelta(days=2 * most) - _MARGIN)
        return self.sessions(earliest, day - timedelta(days=1))[-most:]

    def extended_ranges(self, sessions: Sequence[TradingSession]) -> list[tuple[tuple[int, int], ...]]:
        """The hours of sessions with those around their regular ones: a stretch from local midnight to local midnight.

        Where a local date has the close of one session and the open of the next, the border is half-way between them.
        """
        if not sessions:
            return []
        table = self._table(sessions[0].label, sessions[-1].label)
        return [(_extended(table, int(np.searchsorted(table.labels, each.label.toordinal()))),) for each in sessions]

    def classify(self, start_ms: NDArray[np.int64], first: date, last: date) -> NDArray[np.int8]:
        """For each bar start, shape (n,) in UTC ms, one of the constants of this module, shape (n,).

        A start at or after the open and before the close of a session labelled first..last is `REGULAR`, or
        `BREAK` when it lies in that session's break. Any other start is on the local date of the next open
        (`PRE_MARKET`), or on that of the last close (`POST_MARKET`); when it is on neither, as at a weekend,
        or on both, it belongs to the nearer of the two, and to the close when they are as near.
        A start inside the hours of a session outside first..last is `PRE_MARKET` before them and
        `POST_MARKET` after them.
        """
        if not len(start_ms):
            return np.empty(0, np.int8)
        days = [_utc_date(int(start_ms.min())), _utc_date(int(start_ms.max())), first, last]
        table = self._table(min(days), max(days))
        if not table.sessions:
            raise InvalidInput(f"calendar {self.name} has no session between {table.first} and {table.last}")
        after = np.searchsorted(table.opens, start_ms, side="right")
        before = after - 1
        at = np.maximum(before, 0)
        inside = (before >= 0) & (start_ms < table.closes[at])
        in_break = inside & (start_ms >= table.break_starts[at]) & (start_ms < table.break_ends[at])
        label = table.labels[at]
        early, late = label < first.toordinal(), label > last.toordinal()

        closed_ms = np.where(before >= 0, table.closes[at], -NEVER_MS)
        closed_day = np.where(before >= 0, table.close_days[at], -NEVER_MS)
        following = np.minimum(after, len(table.opens) - 1)
        opens_ms = np.where(after < len(table.opens), table.opens[following], NEVER_MS)
        open_day = np.where(after < len(table.opens), table.open_days[following], NEVER_MS)
        on_open_day, on_close_day = start_ms >= open_day, start_ms < closed_day
        nearer_open = opens_ms - start_ms < start_ms - closed_ms
        is_pre = np.where(on_open_day == on_close_day, nearer_open, on_open_day)

        reason = np.where(is_pre, PRE_MARKET, POST_MARKET)
        reason[inside] = np.where(in_break, BREAK, REGULAR)[inside]
        reason[inside & early] = PRE_MARKET
        reason[inside & late] = POST_MARKET
        return reason.astype(np.int8)

    def nearest(self, day: date) -> tuple[date | None, date | None]:
        """The labels of the last session before a date and the first after it; None where there is none."""
        table = self._table(day, day)
        at = int(np.searchsorted(table.labels, day.toordinal()))
        past = at + int(at < len(table.labels) and table.labels[at] == day.toordinal())
        before = table.sessions[at - 1].label if at else None
        return before, table.sessions[past].label if past < len(table.sessions) else None

    def _table(self, first: date, last: date) -> SessionTable:
        """A table that has every session labelled first..last, and those around it."""
        lowest, highest = self._clamp(self._clamp(first) - _MARGIN), self._clamp(self._clamp(last) + _MARGIN)
        with self._lock:
            if lowest < self._made.first or highest > self._made.last:
                years = (lowest.year, highest.year, self._made.first.year, self._made.last.year)
                dates = self._clamp(date(min(years), 1, 1)), self._clamp(date(max(years), 12, 31))
                self._made = make_table(make_exchange(self.name, dates), *dates)
            return self._made

    def _clamp(self, day: date) -> date:
        return min(max(day, self.first_date), self.last_date)


def _extended(table: SessionTable, at: int) -> tuple[int, int]:
    begins, ends = int(table.open_days[at]), int(table.close_days[at])
    if at and table.close_days[at - 1] > begins:
        begins = _half_way(int(table.closes[at - 1]), int(table.opens[at]))
    if at + 1 < len(table.sessions) and table.open_days[at + 1] < ends:
        ends = _half_way(int(table.closes[at]), int(table.opens[at + 1]))
    return begins, ends


def _half_way(close_ms: int, open_ms: int) -> int:
    return (close_ms + open_ms) // 2 // MINUTE_MS * MINUTE_MS


def nearest_sessions_text(market: MarketCalendar, day: date) -> str:
    """`XNYS has no session on 2025-07-04; the nearest are 2025-07-03 and 2025-07-07`, for an error."""
    near = " and ".join(str(label) for label in market.nearest(day) if label is not None)
    return f"{market.name} has no session on {day}; the nearest are {near}"


def calendar(name: str) -> MarketCalendar:
    """The calendar of a name or alias (XNYS, NYSE, 24/7), the same object each time.

    Raises `InvalidInput` for an unknown name, with the names that look like it.
    """
    known = _names()
    canonical = known.get(name.upper())
    if canonical is None:
        like = difflib.get_close_matches(name.upper()[:40], known, n=4, cutoff=0.5)
        names = ", ".join(known[each] for each in like) or "XNYS, XLON, 24/7"
        raise InvalidInput(f"there is no market calendar {name[:40]!r}; names that there are: {names}")
    return _calendar(calendar_utils.resolve_alias(canonical))


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {name.upper(): name for name in exchange_calendars.get_calendar_names()}


@lru_cache(maxsize=256)
def _calendar(canonical: str) -> MarketCalendar:
    return MarketCalendar(canonical)


def _utc_date(time_ms: int) -> date:
    return datetime.fromtimestamp(time_ms / 1000, UTC).date()
