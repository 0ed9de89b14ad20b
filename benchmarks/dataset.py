"""Invented minute bars of New York to measure with: as Parquet for Playhead, as one array for everything else.

The same number of symbols and days is always the same bars, so a data set is written once and kept. Prices are whole
cents and volumes whole hundreds, as they are in files of recorded bars: they compress about as well.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from playhead import SessionConfig, SymbolConfig
from playhead.bars import Bars
from playhead.errors import InvalidInput, SourceError
from playhead.intervals import MINUTE_MS
from shared.calendars import calendar
from shared.sources.importer import import_bars
from shared.sources.source import OneByOne, time_range
from shared.trading_session import TradingSession

VERSION: Final = 1
"""Of the bars: raised when they change, so that those which are kept are not taken for them."""
FIRST, LAST = date(2024, 1, 2), date(2025, 12, 31)
CALENDAR: Final = "XNYS"
CENT: Final = 100
MAX_SYMBOLS: Final = 10_000
"""As many as have names of the same length: their order is that of their numbers."""


@dataclass(frozen=True)
class DataSet:
    """Bars of so many symbols over the first so many trading days. What is written of them is kept below `cache`."""

    symbols: int
    days: int
    cache: Path

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for more days than there are."""
        known = len(_sessions())
        if not 1 <= self.days <= known:
            raise InvalidInput(f"{self.days} trading days are not between 1 and {known}: bars are invented for no more")
        if not 1 <= self.symbols <= MAX_SYMBOLS:
            raise InvalidInput(f"{self.symbols} symbols are not between 1 and {MAX_SYMBOLS:,}")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The symbols, sorted."""
        return tuple(f"S{number:04d}" for number in range(self.symbols))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The starts of all bars of a symbol, UTC milliseconds: every minute of the trading days has one."""
        return np.concatenate([np.arange(day.open_ms, day.close_ms, MINUTE_MS) for day in _sessions()[: self.days]])

    @property
    def ticks(self) -> int:
        """Minutes of all days."""
        return len(self.starts)

    @property
    def bars(self) -> int:
        """Bars of all symbols."""
        return self.ticks * self.symbols

    def config(self, *, symbols: int | None = None, days: int | None = None, **others: Any) -> SessionConfig:
        """A session with all symbols over all days, or with the first ones over the first days."""
        chosen = tuple(map(SymbolConfig, self.names[:symbols]))
        last = _sessions()[(days or self.days) - 1].label
        return SessionConfig(chosen, FIRST, last, source=self.parquet(), **others)

    def parquet(self) -> str:
        """The URI of the bars in Parquet files, as the importer lays them out; written where they are not there yet."""
        place = self._place("parquet")
        if not place.exists():
            import_bars(_Invented(self), f"parquet:{place}", list(self.names), "1m")
        return f"parquet:{place}"

    def array(self) -> Path:
        """A file of numpy with all values, shape (ticks, symbols, 5); written where it is not there yet."""
        place = self._place("npy")
        if not place.exists():
            values = np.empty((self.ticks, self.symbols, 5), np.float64)
            for at in range(self.symbols):
                values[:, at] = values_of(at, self.ticks)
            fresh = place.with_suffix(f".{os.getpid()}")
            try:
                with fresh.open("wb") as file:
                    np.save(file, values)
                fresh.replace(place)
            except OSError as error:
                raise SourceError(f"{place} cannot be written ({error.strerror})") from error
            finally:
                fresh.unlink(missing_ok=True)
        return place

    def close_sum(self) -> float:
        """The sum of all closes: who has it has seen every bar."""
        return float(np.load(self.array(), mmap_mode="r")[:, :, 3].sum())

    def _place(self, kind: str) -> Path:
        """Where they are kept. Raises `SourceError` where nothing can be."""
        folder = self.cache / f"v{VERSION}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"{folder} cannot be made ({error.strerror}); name another place by --cache") from error
        return folder / f"{self.symbols}x{self.days}.{kind}"


def default_cache() -> Path:
    """Where data sets are kept: below the system's temporary directory."""
    return Path(tempfile.gettempdir()) / "playhead-benchmarks"


def values_of(number: int, ticks: int) -> NDArray[np.float64]:
    """Open, high, low, close and volume of the first bars of a symbol, shape (ticks, 5)."""
    random = np.random.default_rng(number)
    moves = np.concatenate([random.integers(-3, 4, size) for size in _chunks(ticks)])
    closes = 5_000 + 10 * number + np.abs(np.cumsum(moves))
    opens = np.concatenate([[closes[0]], closes[:-1]])
    spread = np.abs(moves) + 1
    columns = [opens, np.maximum(opens, closes) + spread, np.minimum(opens, closes) - spread, closes]
    return np.column_stack([*(column / CENT for column in columns), 100.0 * (1 + (closes + 7 * moves) % 97)])


def _chunks(ticks: int, size: int = 1_000) -> Iterator[int]:
    """Numbers are drawn in pieces of one size, so that a longer data set begins with the bars of a shorter one."""
    for first in range(0, ticks, size):
        yield min(size, ticks - first)


class _Invented(OneByOne):
    """A source of the bars of a data set, for the importer."""

    adjusted = False

    def __init__(self, data: DataSet) -> None:
        self.uri = f"invented:{data.symbols}x{data.days}"
        self._data = data

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        values = values_of(int(symbol.removeprefix("S")), self._data.ticks)
        return Bars(symbol, interval, self._data.starts, values).between(*time_range(start, end))

    def symbols(self) -> list[str]:
        return list(self._data.names)

    def check(self) -> None:
        """There is always something."""


@lru_cache(maxsize=1)
def _sessions() -> tuple[TradingSession, ...]:
    return calendar(CALENDAR).sessions(FIRST, LAST)
