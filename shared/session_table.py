"""Sessions of one exchange as a table, made from `exchange_calendars` and corrected; `shared.calendars` keeps it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
from numpy.typing import NDArray

from playhead.errors import InvalidInput
from shared.corrections import corrected
from shared.trading_session import TradingSession

NEVER_MS: Final = 1 << 60  # further than any bar; small enough that a difference of two still fits int64
_SHOWN = 100  # characters of the library's own text; some list every date that they have
_NANOSECONDS_PER_MS = 1_000_000
_NOT_A_TIME = int(np.iinfo(np.int64).min)  # how pandas writes that a session has no break


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
    """The table of a library calendar that was made for the dates first..last, with what its exchange published."""
    zone: ZoneInfo = exchange.tz
    sessions = corrected(library_sessions(exchange), exchange.name, zone, first, last)
    return SessionTable(
        first=first,
        last=last,
        sessions=sessions,
        labels=_column(each.label.toordinal() for each in sessions),
        opens=_column(each.open_ms for each in sessions),
        closes=_column(each.close_ms for each in sessions),
        break_starts=_column(each.break_start_ms for each in sessions),
        break_ends=_column(each.break_end_ms for each in sessions),
        open_days=_column(_midnight_ms(each.open_ms, 0, zone) for each in sessions),
        close_days=_column(_midnight_ms(each.close_ms - 1, 1, zone) for each in sessions),
    )


def library_sessions(exchange: Any) -> tuple[TradingSession, ...]:
    """The sessions as the library itself has them, in time order."""
    name: str = exchange.name
    labels = [stamp.date() for stamp in exchange.sessions]
    columns = (
        np.asarray(nanoseconds, np.int64).tolist()
        for nanoseconds in (
            exchange.opens_nanos,
            exchange.closes_nanos,
            exchange.break_starts_nanos,
            exchange.break_ends_nanos,
        )
    )
    return tuple(
        TradingSession(name, label, opened // _NANOSECONDS_PER_MS, closed // _NANOSECONDS_PER_MS, _ms(start), _ms(end))
        for label, opened, closed, start, end in zip(labels, *columns, strict=True)
    )


def _ms(nanoseconds: int) -> int | None:
    return None if nanoseconds == _NOT_A_TIME else nanoseconds // _NANOSECONDS_PER_MS


def _column(times: Iterable[int | None]) -> NDArray[np.int64]:
    return np.array([NEVER_MS if each is None else each for each in times], np.int64)


def _midnight_ms(time_ms: int, days: int, zone: ZoneInfo) -> int:
    """The local midnight that began the local date of a time, or the one `days` dates later."""
    local = datetime.fromtimestamp(time_ms / 1000, zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=days)
    return int(midnight.timestamp()) * 1000
