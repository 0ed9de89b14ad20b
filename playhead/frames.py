"""Bars as the tables of other libraries. Each is an extra of the package, and is imported when it is asked for.

Bars lie in memory bar by bar. Pandas takes them as they are: one block, one index, no copy. The columns of Arrow and
polars must each be in one piece, so their prices and volumes are copied once, all five together; the times never are.
Where the columns of the bars are in one piece already, nothing is copied. Everything that is handed out is read-only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from playhead.bars import COLUMNS, Bars
from playhead.errors import InvalidInput, PlayheadError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

UTC: Final = "UTC"
START: Final = "start"
"""The name of the column, or index, of the starts of bars."""

S = TypeVar("S", bound=np.generic)


class PackageMissing(PlayheadError, ImportError):
    """A table was asked for whose library is not installed; `package` and `extra` say what is missing."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'playhead[{extra}]'")
        self.package = package
        self.extra = extra


def to_pandas(bars: Bars, zone: str) -> pandas.DataFrame:
    """See `Bars.to_pandas`."""
    with _extra("pandas"):
        import pandas
    _check_zone(zone)
    # Given as numbers of a dtype with a zone they are taken as they are; naive times would be converted and copied.
    utc_ms = pandas.DatetimeTZDtype("ms", UTC)
    start = pandas.DatetimeIndex(_read_only(bars.start_ms), dtype=utc_ms, copy=False, name=START)
    if zone != UTC:
        start = start.tz_convert(ZoneInfo(zone))
    return pandas.DataFrame(_read_only(bars.values), index=start, columns=list(COLUMNS), copy=False)


def to_polars(bars: Bars, zone: str) -> polars.DataFrame:
    """See `Bars.to_polars`."""
    with _extra("polars"):
        import polars
    _check_zone(zone)
    start = polars.Series(START, _contiguous_start(bars)).cast(polars.Datetime("ms", zone))
    columns = _contiguous_columns(bars)
    return polars.DataFrame([start, *(polars.Series(name, columns[:, at]) for at, name in enumerate(COLUMNS))])


def to_arrow(bars: Bars, zone: str) -> pyarrow.Table:
    """See `Bars.to_arrow`."""
    with _extra("arrow", package="pyarrow"):
        import pyarrow
    _check_zone(zone)

    def array(type_: pyarrow.DataType, numbers: NDArray[S]) -> pyarrow.Array:
        return pyarrow.Array.from_buffers(type_, len(numbers), [None, pyarrow.py_buffer(numbers)])

    start = array(pyarrow.timestamp("ms", zone), _contiguous_start(bars))
    columns = _contiguous_columns(bars)
    arrays = [array(pyarrow.float64(), columns[:, at]) for at in range(len(COLUMNS))]
    return pyarrow.Table.from_arrays([start, *arrays], names=[START, *COLUMNS])


def _contiguous_start(bars: Bars) -> NDArray[np.int64]:
    return _read_only(np.ascontiguousarray(bars.start_ms))


def _contiguous_columns(bars: Bars) -> NDArray[np.float64]:
    """The values, shape (n, 5), with each column in one piece: as they are if that is so, else one copy."""
    values = bars.values
    return _read_only(values if bars.open.flags.c_contiguous else np.asfortranarray(values))


def _read_only(array: NDArray[S]) -> NDArray[S]:
    view = array.view()
    view.flags.writeable = False
    return view


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # unknown, no name of a zone, the name of a directory
        raise InvalidInput(f"there is no time zone {zone[:40]!r}; give one such as America/New_York") from None


@contextmanager
def _extra(extra: str, package: str = "") -> Iterator[None]:
    """Says which extra to install where the import in the block fails since the package is not there."""
    package = package or extra
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise PackageMissing(package, extra) from error
