"""Bars as tables of pandas, polars and Arrow: the same numbers, the same times, copied only where that must be."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from playhead.bars import COLUMNS, Bars
from playhead.errors import InvalidInput, PlayheadError
from playhead.frames import PackageMissing

MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000  # 2025-07-02 09:30 in New York
NEW_YORK = "America/New_York"
REPOSITORY = Path(__file__).resolve().parent.parent.parent

TO = {"pandas": Bars.to_pandas, "polars": Bars.to_polars, "pyarrow": Bars.to_arrow}
each_library = pytest.mark.parametrize("library", list(TO))

Numbers = np.ndarray[Any, np.dtype[Any]]


def bars_of(count: int, first_ms: int = OPEN_MS) -> Bars:
    """Bars of which every number is another one, read-only as a session hands them out."""
    starts = first_ms + MINUTE_MS * np.arange(count, dtype=np.int64)
    values = np.arange(5 * count, dtype=np.float64).reshape(count, 5) + 0.25
    starts.flags.writeable = values.flags.writeable = False
    return Bars("AAPL", "1m", starts, values)


def start_and_columns(table: Any) -> tuple[Numbers, list[Numbers]]:
    """What a table holds, as the arrays that it hands out without a copy: starts in milliseconds, and the columns."""
    match table:
        case pd.DataFrame():
            return table.index.asi8, [table[name].to_numpy() for name in COLUMNS]  # type: ignore[attr-defined]
        case pl.DataFrame():
            start = table["start"].to_physical().to_numpy(allow_copy=False)
            return start, [table[name].to_numpy(allow_copy=False) for name in COLUMNS]
    (start,) = table["start"].chunks
    return start.cast(pa.int64()).to_numpy(), [table[name].chunk(0).to_numpy() for name in COLUMNS]


def read_back(table: Any) -> Bars:
    start, columns = start_and_columns(table)
    return Bars("AAPL", "1m", start, np.column_stack(columns))


def column_major(bars: Bars) -> Bars:
    return Bars(bars.symbol, bars.interval, bars.start_ms, np.asfortranarray(bars.values))


@given(st.sets(st.integers(0, 2**33), max_size=30).map(sorted), st.data(), st.sampled_from(list(TO)), st.booleans())
def test_every_number_and_time_is_in_the_table_as_it_was(
    minutes: list[int], data: st.DataObject, library: str, by_column: bool
) -> None:
    values = data.draw(arrays(np.float64, (len(minutes), 5), elements=st.floats(allow_nan=False)))
    bars = Bars("AAPL", "1m", np.array(minutes, np.int64) * MINUTE_MS, values)
    assert read_back(TO[library](column_major(bars) if by_column else bars, NEW_YORK)) == bars


@each_library
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_table_has_the_same_columns_and_types_however_few_bars_there_are(library: str, count: int) -> None:
    bars = Bars.empty("AAPL", "1m") if count == 0 else bars_of(count)
    table = TO[library](bars)
    assert len(table) == count
    match table:
        case pd.DataFrame():
            assert (table.index.name, str(table.index.dtype)) == ("start", "datetime64[ms, UTC]")
            assert isinstance(table.index, pd.DatetimeIndex)
            assert [(name, str(type_)) for name, type_ in table.dtypes.items()] == [(n, "float64") for n in COLUMNS]
        case pl.DataFrame():
            assert table.schema == {"start": pl.Datetime("ms", "UTC")} | dict.fromkeys(COLUMNS, pl.Float64)
        case _:
            types = [("start", pa.timestamp("ms", "UTC")), *((name, pa.float64()) for name in COLUMNS)]
            assert table.schema == pa.schema(types)
            table.validate(full=True)


@each_library
def test_starts_can_be_those_of_the_exchange_across_a_change_of_its_clocks(library: str) -> None:
    before_ms = 1_741_503_540_000  # 2025-03-09 01:59 in New York, where 03:00 follows
    table = TO[library](bars_of(2, before_ms), NEW_YORK)
    match table:
        case pd.DataFrame():
            starts = [moment.isoformat() for moment in table.index]
        case pl.DataFrame():
            starts = [moment.isoformat() for moment in table["start"]]
        case _:
            starts = [moment.isoformat() for moment in table["start"].to_pylist()]
    assert starts == ["2025-03-09T01:59:00-05:00", "2025-03-09T03:00:00-04:00"]


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK])
@pytest.mark.parametrize("laid_out", [lambda bars: bars, column_major])
def test_pandas_takes_bars_without_a_copy(laid_out: Callable[[Bars], Bars], zone: str) -> None:
    bars = laid_out(bars_of(400))
    start, columns = start_and_columns(bars.to_pandas(zone))
    assert np.shares_memory(start, bars.start_ms)
    assert [np.shares_memory(column, bars.values) for column in columns] == [True] * 5


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK])
@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_the_others_take_the_times_without_a_copy_and_the_values_where_the_columns_lie_in_one_piece(
    library: str, zone: str
) -> None:
    bars = bars_of(400)
    start, columns = start_and_columns(TO[library](bars, zone))
    assert np.shares_memory(start, bars.start_ms)
    assert [np.shares_memory(column, bars.values) for column in columns] == [False] * 5

    bars = column_major(bars).between(OPEN_MS + MINUTE_MS, OPEN_MS + 300 * MINUTE_MS)
    start, columns = start_and_columns(TO[library](bars, zone))
    assert len(start) == 299
    assert np.shares_memory(start, bars.start_ms)
    assert [np.shares_memory(column, bars.values) for column in columns] == [True] * 5


@each_library
def test_a_table_of_views_with_gaps_between_them_has_the_right_bars(library: str) -> None:
    whole = bars_of(10)
    every_third = Bars("AAPL", "1m", whole.start_ms[::3], whole.values[::3])
    assert read_back(TO[library](every_third)) == every_third


@each_library
def test_a_number_that_is_none_is_not_a_missing_one(library: str) -> None:
    values = np.array([[1.0, np.nan, np.inf, -np.inf, -0.0]])
    table = TO[library](Bars("AAPL", "1m", np.array([OPEN_MS]), values))
    _, columns = start_and_columns(table)
    assert np.column_stack(columns).tobytes() == values.tobytes()
    if isinstance(table, pl.DataFrame):
        assert table.null_count().row(0) == (0,) * 6
    if isinstance(table, pa.Table):
        assert [column.null_count for column in table.columns] == [0] * 6


@each_library
@pytest.mark.parametrize("frozen", [True, False])
def test_what_a_table_hands_out_is_read_only_whether_the_bars_were_or_not(library: str, frozen: bool) -> None:
    bars = bars_of(3)
    bars = bars if frozen else Bars("AAPL", "1m", bars.start_ms.copy(), bars.values.copy())
    start, columns = start_and_columns(TO[library](bars))
    assert [array.flags.writeable for array in (start, *columns)] == [False] * 6
    assert bars.values.flags.writeable is not frozen


def test_a_value_of_a_pandas_frame_can_be_changed_in_a_copy_only() -> None:
    bars = bars_of(3)
    frame = bars.to_pandas()
    with pytest.raises(ValueError, match="read-only"):
        frame.loc[frame.index[0], "close"] = 1.0
    mine = frame.copy()
    mine.loc[mine.index[0], "close"] = 1.0
    assert bars.close[0] == frame["close"].iloc[0] == 3.25


def test_a_column_that_is_put_into_a_pandas_frame_is_not_in_the_bars_and_moves_no_other() -> None:
    bars = bars_of(3)
    frame = bars.to_pandas()
    frame["spread"] = frame["high"] - frame["low"]
    assert [*frame.columns] == [*COLUMNS, "spread"]
    assert np.shares_memory(frame["close"].to_numpy(), bars.values)
    assert bars.values.shape == (3, 5)


def test_longer_bars_and_rolling_means_come_from_a_pandas_frame() -> None:
    frame = bars_of(10).to_pandas(NEW_YORK)
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    five = frame.resample("5min").agg(how)
    assert [moment.strftime("%H:%M") for moment in five.index] == ["09:30", "09:35"]
    assert five["close"].tolist() == [23.25, 48.25]
    assert five["volume"].tolist() == [14.25 * 5, 39.25 * 5]
    assert frame["close"].rolling(3).mean().tolist()[2:4] == [8.25, 13.25]


@each_library
def test_a_table_stays_as_it_was_when_later_bars_are_written_behind_its_own(library: str) -> None:
    whole = bars_of(600)
    starts, values = whole.start_ms.copy(), whole.values.copy()
    table = TO[library](Bars("AAPL", "1m", starts[:300], values[:300]))
    starts[300:] += MINUTE_MS
    values[300:] = 0.0
    assert read_back(table) == whole.between(OPEN_MS, OPEN_MS + 300 * MINUTE_MS)


@each_library
def test_a_library_that_is_not_there_is_named_with_the_extra_that_brings_it(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    extra = "arrow" if library == "pyarrow" else library
    with pytest.raises(PlayheadError) as caught:
        TO[library](bars_of(1))
    assert str(caught.value) == f"{library} is not installed; install it with: pip install 'playhead[{extra}]'"
    assert isinstance(caught.value, PackageMissing)
    assert isinstance(caught.value, ImportError)
    offered = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(needed.startswith(library) for needed in offered[extra])
    assert extra in offered["frames"][0]


def test_a_library_that_is_there_and_cannot_be_imported_says_itself_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "polars.py").write_text("import a_part_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "polars")
    with pytest.raises(ModuleNotFoundError, match="a_part_that_is_missing") as caught:
        bars_of(1).to_polars()
    assert not isinstance(caught.value, PlayheadError)


@each_library
@pytest.mark.parametrize("zone", ["New York", "Mars/Olympus", "", "America", "../etc/passwd", "UTC\0", "x" * 300])
def test_a_zone_that_there_is_not_is_refused(library: str, zone: str) -> None:
    with pytest.raises(InvalidInput, match="there is no time zone"):
        TO[library](bars_of(1), zone)
