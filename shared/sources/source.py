"""What a data source is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol, runtime_checkable

from playhead.bars import Bars
from playhead.errors import InvalidInput, SourceError, UnknownSymbolInSource
from playhead.intervals import interval_ms

_LISTED = 5  # symbols that an error names


class DataSource(Protocol):
    """Recorded bars of symbols, to be read by time. Made with its URI; any thread may call it."""

    @property
    def uri(self) -> str:
        """What it was opened with."""
        ...

    @property
    def adjusted(self) -> bool:
        """Whether its prices are adjusted for splits and dividends."""
        ...

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        """The bars whose start lies in start..end, `end` excluded, in time order; there may be none.

        `start` and `end` are aware datetimes or UTC milliseconds. Raises `InvalidInput` for a naive datetime,
        `UnknownSymbolInSource` when the source has nothing at all under the symbol, and `SourceError` when it
        cannot be read as asked: another interval than it holds, a bad row.
        """
        ...

    def get_many(
        self, symbols: Sequence[str], interval: str, start: datetime | int, end: datetime | int
    ) -> dict[str, Bars]:
        """The same for many symbols, one key for each. A source that can reads them in one pass."""
        ...

    def symbols(self) -> list[str]:
        """The symbols that it has, sorted; empty when it cannot list them, as `sample:`."""
        ...

    def check(self) -> None:
        """Raises `SourceError` when there is nothing to read at its place."""
        ...


@runtime_checkable
class SkipsRows(Protocol):
    """A source that can leave out rows which are no bars."""

    def skipped(self, symbol: str) -> int:
        """How many rows of the symbol were left out when it was read last; 0 before that."""
        ...


class OneByOne:
    """`get_many` for a source that has nothing to gain from reading symbols together."""

    def get_many(
        self: DataSource, symbols: Sequence[str], interval: str, start: datetime | int, end: datetime | int
    ) -> dict[str, Bars]:
        return {symbol: self.get_bars(symbol, interval, start, end) for symbol in symbols}


def time_range(start: datetime | int, end: datetime | int) -> tuple[int, int]:
    """A half-open range in UTC milliseconds.

    Raises `InvalidInput` for a naive datetime, and for a range that ends before it starts.
    """
    start_ms, end_ms = _time_ms(start), _time_ms(end)
    if end_ms < start_ms:
        raise InvalidInput(f"the range from {start} to {end} ends before it starts; exchange the two")
    return start_ms, end_ms


def unknown_symbol(uri: str, symbol: str, known: Iterable[str]) -> UnknownSymbolInSource:
    """The error for a symbol that a source does not have; it names some that it has, similar ones first."""
    names = sorted(known)
    listed = list(dict.fromkeys(get_close_matches(symbol, names, _LISTED) + names[:_LISTED]))[:_LISTED]
    more = f" and {len(names) - len(listed)} more" if len(names) > len(listed) else ""
    has = f"it has {', '.join(listed)}{more}" if names else "it has no symbols at all"
    return UnknownSymbolInSource(f"{uri} has nothing under {symbol}; {has}")


def require_interval(uri: str, asked: str, held: str) -> None:
    """Raises `SourceError` when a source holds bars of another length than was asked for."""
    if interval_ms(asked) != interval_ms(held):
        raise SourceError(f"{uri} holds {held} bars, not {asked}; ask for {held}, or say interval= in its URI")


def _time_ms(time: datetime | int) -> int:
    if not isinstance(time, datetime):
        return int(time)  # a numpy integer too
    if time.tzinfo is None:
        raise InvalidInput(f"time {time} has no time zone; give an aware datetime or UTC milliseconds")
    return round(time.timestamp() * 1000)
