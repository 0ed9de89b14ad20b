"""Sessions of one exchange as a table, made from `exchange_calendars`; `shared.calendars` keeps it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
from numpy.typing import NDArray

from playhead.errors import InvalidInput

NEVER_MS: Final = 1 << 60  # further than any bar; small enough that a difference of two still fits int64
_SHOWN = 100  # characters of the library's own text; some list every date that they have
_NANOSECONDS_PER_MS = 1_000_000
_NOT_A_TIME = np.iinfo(np.int64).min  # how pandas writes that a session has no break


@dataclass(frozen=True, slots=True)
class TradingSession:
    """The regular hours of one exchange session. `label` is the date it is named by; times are UTC ms."""

    calendar: str
    label: date
    open_ms: int
    close_ms: int
    break_start_ms: int | None
    break_end_ms: int | None

    def open_ranges(self) -> tuple[tuple[int, int], ...]:
        """The half-open ranges of regular hours in UTC ms: one, or two around a break."""
        if self.break_start_ms is None or self.break_end_ms is None:
            return ((self.open_ms, self.close_ms),)
        return ((self.open_ms, self.break_start_ms), (self.break_end_ms, self.close_ms))


def expected_starts(session: TradingSession, interval_ms: int, until_ms: int) -> int:
    """How many bars of an interval the regular hours of a session have that close by `until_ms`, UTC ms.

    Bars are counted from the open, and again from the end of a break. A bar that the break or the close cuts
    short counts once, and closes there.
    """
    count = 0
    for start_ms, end_ms in session.open_ranges():
        if until_ms >= end_ms:
            count += -((start_ms - end_ms) // interval_ms)
        elif until_ms > start_ms:
            count += (until_ms - start_ms) // interval_ms
    return count


@dataclass(frozen=True, slots=True)
class SessionTable:
    """Every session labelled first..last, and the same as sorted int64 columns of shape (n,).

    `labels` are proleptic Gregorian ordinals, the other columns UTC ms; the break of a session without one
    is at `NEVER_MS`. `open_days` has the local midnight before each open, `close_days` that after each close.
    """

    first: date
    last: date
    sessions: tuple[TradingSession, ...]
    labels: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    break_starts: NDArray[np.int64]
    break_ends: NDArray[np.int64]
    open_days: NDArray[np.int64]
    close_days: NDArray[np.int64]


def make_exchange(name: str, dates: tuple[date, date] | None) -> Any:  # the library has no types
    """The library's own calendar for the sessions labelled within the dates, or for its default ones.

    Raises `InvalidInput` when the library cannot make it.
    """
    bounds = {"start": dates[0].isoformat(), "end": dates[1].isoformat()} if dates else {}
    with warnings.catch_warnings():
        # How the library calls pandas is not ours to mend, and users of ours turn warnings into errors.
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        try:
            return exchange_calendars.get_calendar(name, **bounds)
        except (ValueError, NotImplementedError) as error:
            # Some calendars fail inside pandas, depending on its version: ASEX does with pandas 3.1.
            span = f" from {dates[0]} to {dates[1]}" if dates else ""
            raise InvalidInput(
                f"exchange_calendars cannot make {name}{span} ({str(error)[:_SHOWN]}); choose another "
                "calendar, or other versions of exchange_calendars and pandas"
            ) from error


def make_table(exchange: Any, first: date, last: date) -> SessionTable:
    """The table of a library calendar that was made for the dates first..last."""
    name: str = exchange.name
    labels = [stamp.date() for stamp in exchange.sessions]
    opens, closes, break_starts, break_ends = (
        np.asarray(nanoseconds, np.int64)
        for nanoseconds in (
            exchange.opens_nanos,
            exchange.closes_nanos,
            exchange.break_starts_nanos,
            exchange.break_ends_nanos,
        )
    )
    without_break = break_starts == _NOT_A_TIME
    opens, closes = opens // _NANOSECONDS_PER_MS, closes // _NANOSECONDS_PER_MS
    break_starts = np.where(without_break, NEVER_MS, break_starts // _NANOSECONDS_PER_MS)
    break_ends = np.where(without_break, NEVER_MS, break_ends // _NANOSECONDS_PER_MS)
    columns = (column.tolist() for column in (opens, closes, break_starts, break_ends))
    sessions = tuple(
        TradingSession(name, label, open_ms, close_ms, _time(start_ms), _time(end_ms))
        for label, open_ms, close_ms, start_ms, end_ms in zip(labels, *columns, strict=True)
    )
    zone: ZoneInfo = exchange.tz
    return SessionTable(
        first=first,
        last=last,
        sessions=sessions,
        labels=np.array([label.toordinal() for label in labels], np.int64),
        opens=opens,
        closes=closes,
        break_starts=break_starts,
        break_ends=break_ends,
        open_days=np.array([_midnight_ms(each.open_ms, 0, zone) for each in sessions], np.int64),
        close_days=np.array([_midnight_ms(each.close_ms - 1, 1, zone) for each in sessions], np.int64),
    )


def _time(time_ms: int) -> int | None:
    return None if time_ms == NEVER_MS else time_ms


def _midnight_ms(time_ms: int, days: int, zone: ZoneInfo) -> int:
    """The local midnight that began the local date of a time, or the one `days` dates later."""
    local = datetime.fromtimestamp(time_ms / 1000, zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=days)
    return int(midnight.timestamp()) * 1000
