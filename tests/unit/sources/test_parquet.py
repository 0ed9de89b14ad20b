"""Parquet datasets: ours, those of others, and bad ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from playhead.bars import COLUMNS, Bars
from playhead.errors import BadRow, SourceError, UnknownSymbolInSource
from shared.sources.importer import import_bars
from shared.sources.parquet import ParquetSource
from shared.sources.parquet_listing import Listing
from shared.sources.sample import SampleSource

ALL = (0, 4_102_444_800_000)  # to 2100
JULY_1 = datetime(2025, 7, 1, tzinfo=UTC)
SYMBOLS = [f"S{number:02d}" for number in range(12)]
MINUTE_MS = 60_000


def write(path: Path, row_group_size: int | None = None, **columns: Any) -> Path:
    """A file of two bars each of A and B, with some columns replaced or, when None, left out."""
    start_ms = round(JULY_1.timestamp() * 1000)
    whole: dict[str, Any] = {
        "symbol": ["A", "A", "B", "B"],
        "start_ms": pa.array([start_ms, start_ms + MINUTE_MS] * 2, pa.int64()),
        **{name: [1.0, 2.0, 3.0, 4.0] for name in COLUMNS},
        **columns,
    }
    table = pa.table({name: column for name, column in whole.items() if column is not None})
    path.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(table, path, row_group_size=row_group_size)
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("parquet") / "bars"
    import_bars(SampleSource("sample:"), f"parquet:{place}", SYMBOLS, "1m", JULY_1, JULY_1 + timedelta(days=3))
    return place


def test_a_range_of_one_symbol_is_what_was_written(dataset: Path) -> None:
    source, sample = ParquetSource(f"parquet:{dataset}"), SampleSource("sample:")
    source.check()
    for hours in (0, 14, 20, 25, 48):
        start = JULY_1 + timedelta(hours=hours)
        ends = [start, start + timedelta(minutes=1), start + timedelta(hours=30)]
        for end in [min(end, JULY_1 + timedelta(days=3)) for end in ends]:
            expected = sample.get_bars("S07", "1m", start, end)
            assert source.get_bars("S07", "1m", start, end) == expected


def test_many_symbols_are_the_same_as_each_of_them(dataset: Path) -> None:
    source = ParquetSource(f"parquet:{dataset}")
    end = JULY_1 + timedelta(days=2)
    many = source.get_many(SYMBOLS, "1m", JULY_1, end)
    assert many == {symbol: source.get_bars(symbol, "1m", JULY_1, end) for symbol in SYMBOLS}
    assert all(len(bars) for bars in many.values())


@pytest.mark.parametrize("rows", [1, 1_000, 5_000])
def test_however_many_rows_are_read_together_they_are_the_same(
    dataset: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = JULY_1 + timedelta(hours=15), JULY_1 + timedelta(days=2)
    whole = ParquetSource(f"parquet:{dataset}").get_many(SYMBOLS, "1m", *span)
    monkeypatch.setattr("shared.sources.parquet_file.READ_ROWS", rows)
    source = ParquetSource(f"parquet:{dataset}")
    assert source.get_many(SYMBOLS, "1m", *span) == whole
    assert source.get_many(SYMBOLS[::4], "1m", *span) == {symbol: whole[symbol] for symbol in SYMBOLS[::4]}


def test_the_symbols_are_listed(dataset: Path) -> None:
    assert ParquetSource(f"parquet:{dataset}").symbols() == SYMBOLS


def test_a_date_without_bars_is_empty_and_an_unknown_symbol_is_an_error(dataset: Path) -> None:
    source = ParquetSource(f"parquet:{dataset}")
    later = JULY_1 + timedelta(days=100)
    assert source.get_bars("S07", "1m", later, later + timedelta(days=1)) == Bars.empty("S07", "1m")
    with pytest.raises(UnknownSymbolInSource, match=r"nothing under S99; it has S\d\d, .* and 7 more"):
        source.get_bars("S99", "1m", JULY_1, later)


def test_another_interval_than_the_files_have_is_refused(dataset: Path) -> None:
    with pytest.raises(SourceError, match="holds 1m bars, not 5m"):
        ParquetSource(f"parquet:{dataset}").get_bars("S07", "5m", *ALL)
    with pytest.raises(SourceError, match="holds 1m bars, not 5m"):
        ParquetSource(f"parquet:{dataset}?interval=5m").get_bars("S07", "5m", *ALL)


def test_only_the_days_of_the_range_are_opened(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    real = pa.parquet.ParquetFile

    def spy(path: Path, **options: Any) -> Any:
        opened.append(path)
        return real(path, **options)

    monkeypatch.setattr(pa.parquet, "ParquetFile", spy)
    source = ParquetSource(f"parquet:{dataset}")
    day = JULY_1 + timedelta(days=2)
    source.get_bars("S07", "1m", day + timedelta(hours=10), day + timedelta(hours=12))
    assert {path.parent.name for path in opened} == {"date=2025-07-02", "date=2025-07-03"}


def test_a_file_is_opened_again_only_where_its_footer_says_that_it_can_have_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "ab.parquet")
    write(tmp_path / "cd.parquet", symbol=["C", "C", "D", "D"])
    source = ParquetSource(f"parquet:{tmp_path}")
    assert source.symbols() == ["A", "B", "C", "D"]
    opened: list[str] = []
    real = pa.parquet.ParquetFile

    def spy(path: Path, **options: Any) -> Any:
        opened.append(path.name)
        return real(path, **options)

    monkeypatch.setattr(pa.parquet, "ParquetFile", spy)
    assert len(source.get_bars("C", "1m", *ALL)) == 2
    assert opened == ["cd.parquet"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_files_of_others_with_a_time_column_are_read(tmp_path: Path, unit: str) -> None:
    times = [JULY_1, JULY_1 + timedelta(minutes=1)] * 2
    write(
        tmp_path / "deep" / "er" / "x.parquet",
        start_ms=None,
        time=pa.array(times, pa.timestamp(unit, "America/New_York")),
        symbol=pa.array(["A", "A", "B", "B"]).dictionary_encode(),
        volume=pa.array([1, 2, 3, 4], pa.int32()),
        other=["x"] * 4,
    )
    source = ParquetSource(f"parquet:{tmp_path}?adjusted=yes")
    assert (source.symbols(), source.adjusted) == (["A", "B"], True)
    bars = source.get_bars("B", "1m", *ALL)
    assert bars.start_ms.tolist() == [round(time.timestamp() * 1000) for time in times[:2]]
    assert bars.values.tolist() == [[3.0] * 5, [4.0] * 5]
    assert len(source.get_bars("B", "1m", JULY_1 + timedelta(minutes=1), ALL[1])) == 1


def test_a_single_file_is_a_dataset(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet")
    source = ParquetSource(f"parquet:{path}")
    source.check()
    assert len(source.get_bars("A", "1m", *ALL)) == 2


def test_a_symbol_that_spans_row_groups_is_put_together(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet", row_group_size=1)
    assert ParquetSource(f"parquet:{tmp_path}").get_bars("B", "1m", *ALL).open.tolist() == [3.0, 4.0]


BAD_FILES: list[tuple[dict[str, Any], int, str]] = [
    ({"open": [1.0, float("nan"), 1.0, 1.0]}, 2, "open is nan"),
    ({"open": [1.0, None, 1.0, 1.0]}, 2, "open is nan"),
    ({"low": [-1.0, 2.0, 3.0, 4.0]}, 1, "low -1.0 is negative"),
    ({"high": [1.0, 1.0, 3.0, 4.0]}, 2, "high 1.0 is below low 2.0"),
    ({"volume": [1.0, float("inf"), 1.0, 1.0]}, 2, "volume is inf"),
    ({"start_ms": [0, 0, 0, 0]}, 2, "that of the row before"),
    ({"start_ms": [MINUTE_MS, 0, 0, 0]}, 2, "earlier than"),
    ({"start_ms": [0, None, 0, 0]}, 2, "start_ms is empty"),
    ({"symbol": ["A", None, "A", "B"]}, 2, "symbol is empty"),
    ({"symbol": ["A", "B", "A", "B"]}, 3, "rows of A are not together"),
]


@pytest.mark.parametrize(("columns", "row", "reason"), BAD_FILES, ids=lambda value: str(value)[:30])
def test_a_bad_row_is_refused_with_its_number_and_the_reason(
    tmp_path: Path, columns: dict[str, Any], row: int, reason: str
) -> None:
    path = write(tmp_path / "x.parquet", **columns)
    with pytest.raises(BadRow, match=reason) as caught:
        ParquetSource(f"parquet:{tmp_path}").get_bars("A", "1m", *ALL)
    assert (caught.value.file, caught.value.line) == (str(path), row)


@pytest.mark.parametrize("rows", [1, 1_000])
def test_the_number_of_a_bad_row_is_that_in_the_file(
    tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.sources.parquet_file.READ_ROWS", rows)
    write(tmp_path / "x.parquet", row_group_size=2, open=[1.0, 1.0, 1.0, -1.0])
    with pytest.raises(BadRow) as caught:
        ParquetSource(f"parquet:{tmp_path}").get_bars("B", "1m", *ALL)
    assert caught.value.line == 4


def test_the_same_bars_in_two_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet")
    write(tmp_path / "y.parquet")
    with pytest.raises(BadRow, match=r"for A in .*x\.parquet"):
        ParquetSource(f"parquet:{tmp_path}").get_bars("A", "1m", *ALL)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"close": None}, "no column close"),
        ({"start_ms": None}, "no column time"),
        ({"start_ms": None, "time": [datetime(2025, 7, 1)] * 4}, "not a timestamp with a zone"),
        ({"start_ms": [1.0, 2.0, 1.0, 2.0]}, "column start_ms is double"),
        ({"symbol": [1, 1, 2, 2]}, "column symbol is int64"),
        ({"open": ["1", "2", "3", "4"]}, "column open is string"),
    ],
)
def test_a_file_that_is_not_one_of_bars_is_refused(tmp_path: Path, columns: dict[str, Any], reason: str) -> None:
    write(tmp_path / "x.parquet", **columns)
    with pytest.raises(SourceError, match=reason):
        ParquetSource(f"parquet:{tmp_path}").get_bars("A", "1m", *ALL)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("bars")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        ParquetSource(f"parquet:{tmp_path}").symbols()


def test_check_says_that_the_place_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        ParquetSource(f"parquet:{tmp_path}/nowhere").check()
    with pytest.raises(SourceError, match=r"no \.parquet file"):
        ParquetSource(f"parquet:{tmp_path}").check()
    with pytest.raises(SourceError, match="no option 'tz'"):
        ParquetSource(f"parquet:{tmp_path}?tz=UTC")


def test_files_that_come_and_change_are_noticed(tmp_path: Path) -> None:
    source = ParquetSource(f"parquet:{tmp_path}")
    write(tmp_path / "date=2025-07-01" / "x.parquet")
    assert source.get_bars("A", "1m", *ALL).open.tolist() == [1.0, 2.0]
    later = round(JULY_1.timestamp() * 1000) + 24 * 60 * MINUTE_MS
    write(tmp_path / "date=2025-07-02" / "x.parquet", start_ms=[later, later + 1, later, later + 1])
    assert len(source.get_bars("A", "1m", *ALL)) == 4
    write(tmp_path / "date=2025-07-01" / "x.parquet", open=[5.0] * 4, other=["more"] * 4)
    assert source.get_bars("A", "1m", *ALL).open.tolist() == [5.0, 5.0, 1.0, 2.0]


def test_the_listing_skips_what_writers_have_not_finished(tmp_path: Path) -> None:
    for name in (
        "date=2025-07-01/a.parquet",
        "date=2025-07-09/b.parquet",
        ".tmp/c.parquet",
        "_d.parquet",
        "e.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listing = Listing(tmp_path)
    assert [path.name for path in listing.files()] == ["a.parquet", "b.parquet"]
    assert [path.name for path in listing.files(date(2025, 7, 2), date(2025, 7, 2))] == ["a.parquet"]


def test_bars_do_not_keep_their_row_group_in_memory(dataset: Path) -> None:
    bars = ParquetSource(f"parquet:{dataset}").get_bars("S07", "1m", JULY_1, JULY_1 + timedelta(days=1))
    base = bars.values.base if bars.values.base is not None else bars.values
    assert isinstance(base, np.ndarray)
    assert base.nbytes <= 2 * bars.values.nbytes


def test_a_dataset_whose_files_are_gone_is_not_taken_for_one_without_bars(tmp_path: Path) -> None:
    file = write(tmp_path / "bars" / "one.parquet")
    source = ParquetSource(f"parquet:{tmp_path}/bars")
    assert len(source.get_bars("A", "1m", *ALL)) == 2
    file.rename(tmp_path / "aside")
    with pytest.raises(SourceError, match=r"there is no \.parquet file"):
        source.get_bars("A", "1m", *ALL)
    (tmp_path / "aside").rename(file)
    assert len(source.get_bars("A", "1m", *ALL)) == 2


@pytest.mark.parametrize("sizes", [(2, 0), (0, 2), (1, 0, 1)])
def test_a_row_group_without_rows_is_passed_over(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    rows = pa.parquet.read_table(write(tmp_path / "x.parquet"))
    with pa.parquet.ParquetWriter(tmp_path / "x.parquet", rows.schema) as writer:
        at = 0
        for size in sizes:
            writer.write_table(rows.slice(at, size))
            at += size
    bars = ParquetSource(f"parquet:{tmp_path}").get_bars("A", "1m", *ALL)
    assert bars.start_ms.tolist() == rows.slice(0, 2).column("start_ms").to_pylist()
