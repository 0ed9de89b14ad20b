"""Bars of one symbol and interval, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

COLUMNS = ("open", "high", "low", "close", "volume")


class Bar(NamedTuple):
    """One bar as a row. `start_ms` is UTC milliseconds; the bar closed at `start_ms` plus its interval."""

    start_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Consecutive bars in time order, labelled by their start.

    `start_ms` has shape (n,), int64, UTC milliseconds, strictly increasing. `values` has shape (n, 5), float64,
    in the order of `COLUMNS`; the properties below are views of it. Both arrays may be read-only.
    """

    symbol: str
    interval: str
    start_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def empty(cls, symbol: str, interval: str) -> Bars:
        return cls(symbol, interval, np.empty(0, np.int64), np.empty((0, 5), np.float64))

    @classmethod
    def joined(cls, symbol: str, interval: str, parts: Iterable[Bars]) -> Bars:
        """Bars of which each part is later than the one before."""
        found = [part for part in parts if len(part)]
        if not found:
            return cls.empty(symbol, interval)
        starts, values = ([getattr(part, name) for part in found] for name in ("start_ms", "values"))
        return cls(symbol, interval, np.concatenate(starts), np.concatenate(values))

    @property
    def open(self) -> NDArray[np.float64]:
        return self.values[:, 0]

    @property
    def high(self) -> NDArray[np.float64]:
        return self.values[:, 1]

    @property
    def low(self) -> NDArray[np.float64]:
        return self.values[:, 2]

    @property
    def close(self) -> NDArray[np.float64]:
        return self.values[:, 3]

    @property
    def volume(self) -> NDArray[np.float64]:
        return self.values[:, 4]

    def __len__(self) -> int:
        return len(self.start_ms)

    def __iter__(self) -> Iterator[Bar]:
        for start_ms, row in zip(self.start_ms.tolist(), self.values.tolist(), strict=True):
            yield Bar(start_ms, *row)

    def __getitem__(self, index: int) -> Bar:
        return Bar(int(self.start_ms[index]), *self.values[index].tolist())

    def __eq__(self, other: object) -> bool:
        """Equal to the last bit: same symbol, interval, starts and values."""
        if not isinstance(other, Bars):
            return NotImplemented
        return (
            (self.symbol, self.interval) == (other.symbol, other.interval)
            and np.array_equal(self.start_ms, other.start_ms)
            and np.array_equal(self.values, other.values)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays are mutable

    def where(self, keep: NDArray[np.bool_]) -> Bars:
        """The bars at which the mask of shape (n,) is true."""
        return Bars(self.symbol, self.interval, self.start_ms[keep], self.values[keep])

    def between(self, start_ms: int, end_ms: int) -> Bars:
        """The bars whose start lies in the half-open range, as views."""
        first, last = np.searchsorted(self.start_ms, (start_ms, end_ms))
        return Bars(self.symbol, self.interval, self.start_ms[first:last], self.values[first:last])

    def to_pandas(self, zone: str = "UTC") -> pandas.DataFrame:
        """A frame with the columns `COLUMNS` and a `DatetimeIndex` named `start`, in milliseconds of a zone.

        It shares the memory of these bars and is read-only like them: new columns can be put in, values are changed
        in a `copy()`. Raises `PackageMissing` without the extra `pandas`, `InvalidInput` for an unknown zone.
        """
        from playhead import frames

        return frames.to_pandas(self, zone)

    def to_polars(self, zone: str = "UTC") -> polars.DataFrame:
        """A frame with the columns `start`, in milliseconds of a zone, and `COLUMNS`.

        Raises `PackageMissing` without the extra `polars`, `InvalidInput` for an unknown zone.
        """
        from playhead import frames

        return frames.to_polars(self, zone)

    def to_arrow(self, zone: str = "UTC") -> pyarrow.Table:
        """A table with the columns `start`, in milliseconds of a zone, and `COLUMNS`.

        Raises `PackageMissing` without the extra `arrow`, `InvalidInput` for an unknown zone.
        """
        from playhead import frames

        return frames.to_arrow(self, zone)
