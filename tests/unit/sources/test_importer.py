"""Importing into Parquet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import SourceError, UnknownSymbolInSource
from shared.sources import importer
from shared.sources.csv import CsvSource
from shared.sources.importer import ImportReport, import_bars
from shared.sources.parquet import ParquetSource
from shared.sources.sample import SampleSource

ALL = (0, 4_102_444_800_000)  # to 2100
JULY_1 = datetime(2025, 7, 1, tzinfo=UTC)
SAMPLE = SampleSource("sample:")
HEADER = "time,open,high,low,close,volume"


def import_sample(place: Path, symbols: list[str], days: int = 2, *, overwrite: bool = False) -> ImportReport:
    end = JULY_1 + timedelta(days=days)
    return import_bars(SAMPLE, f"parquet:{place}", symbols, "1m", JULY_1, end, overwrite=overwrite)


def test_real_bars_come_back_to_the_last_bit(real_bars: Path, tmp_path: Path) -> None:
    source = CsvSource(f"csv:{real_bars}?pattern={{symbol}}_2022.csv&adjusted=yes")
    report = import_bars(source, f"parquet:{tmp_path}/bars", None, "1m")
    assert report == ImportReport(symbols=3, empty=(), bars=22_890, files=21, skipped_rows=0)
    copy = ParquetSource(f"parquet:{tmp_path}/bars")
    assert copy.symbols() == source.symbols()
    assert copy.adjusted is True
    for symbol in source.symbols():
        assert copy.get_bars(symbol, "1m", *ALL) == source.get_bars(symbol, "1m", *ALL)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.floats(0, 1e300)] * 4), max_size=5
    )
)  # fmt: skip
def test_any_prices_come_back_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, prices: list[tuple[float, ...]]
) -> None:
    directory = tmp_path_factory.mktemp("round")
    rows = [
        f"2025-07-0{day + 1}T12:00Z,{opened!r},{max(first, second)!r},{min(first, second)!r},{closed!r},0"
        for day, (opened, first, second, closed) in enumerate(prices)
    ]
    (directory / "A.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    source = CsvSource(f"csv:{directory}")
    report = import_bars(source, f"parquet:{directory}/bars", None, "1m")
    assert (report.bars, report.empty) == (len(prices), () if prices else ("A",))
    if prices:
        copy = ParquetSource(f"parquet:{directory}/bars").get_bars("A", "1m", *ALL)
        assert copy == source.get_bars("A", "1m", *ALL)


def test_a_full_buffer_is_written_as_another_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "_BUFFER_BYTES", 100_000)
    symbols = [f"S{number:02d}" for number in range(9)]
    report = import_sample(tmp_path / "bars", symbols)
    assert report.files == len(list((tmp_path / "bars").rglob("*.parquet"))) > 2
    copy = ParquetSource(f"parquet:{tmp_path}/bars")
    end = JULY_1 + timedelta(days=2)
    assert copy.get_many(symbols, "1m", JULY_1, end) == SAMPLE.get_many(symbols, "1m", JULY_1, end)


def test_files_are_cut_by_utc_date_and_into_row_groups_of_a_few_symbols(tmp_path: Path) -> None:
    import_sample(tmp_path / "bars", [f"S{number:02d}" for number in range(12)])
    files = sorted((tmp_path / "bars").rglob("*.parquet"))
    assert [path.relative_to(tmp_path / "bars").as_posix() for path in files] == [
        "date=2025-07-01/part-00000.parquet",
        "date=2025-07-02/part-00000.parquet",
    ]
    footer = pyarrow.parquet.read_metadata(files[0])
    assert footer.num_row_groups == 3
    assert footer.metadata[b"playhead.interval"] == b'"1m"'
    assert footer.metadata[b"playhead.adjusted"] == b"false"


def test_symbols_without_bars_are_named(tmp_path: Path) -> None:
    report = import_sample(tmp_path / "bars", ["NODATA", "AAPL"])
    assert (report.symbols, report.empty) == (1, ("NODATA",))


def test_rows_that_the_source_left_out_are_counted(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(f"{HEADER}\n2025-07-01T12:00Z,1,1,1,1,1\nbad\n", encoding="utf-8")
    report = import_bars(CsvSource(f"csv:{tmp_path}?skip_bad_rows=yes"), f"parquet:{tmp_path}/bars", None, "1m")
    assert report == ImportReport(symbols=1, empty=(), bars=1, files=1, skipped_rows=1)


def test_a_dataset_is_replaced_only_when_asked(tmp_path: Path) -> None:
    place = tmp_path / "bars"
    import_sample(place, ["AAPL", "MSFT"])
    with pytest.raises(SourceError, match="holds a dataset"):
        import_sample(place, ["TSLA"], days=1)
    source = ParquetSource(f"parquet:{place}")
    assert source.symbols() == ["AAPL", "MSFT"]
    import_sample(place, ["TSLA"], days=1, overwrite=True)
    assert source.symbols() == ["TSLA"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["bars"]


@pytest.mark.parametrize("name", ["notes.txt", "date=2025-07-01/notes.txt", "date=2025-07-01/other.parquet"])
def test_a_directory_with_anything_else_is_never_touched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(SourceError, match="no import wrote"):
        import_sample(tmp_path, ["AAPL"], overwrite=True)
    assert (tmp_path / name).read_text() == "mine"


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "bars"
    with pytest.raises(UnknownSymbolInSource):
        import_sample(place, ["AAPL", "UNKNOWN"])
    assert list(tmp_path.iterdir()) == []
    import_sample(place, ["AAPL"])
    with pytest.raises(UnknownSymbolInSource):
        import_sample(place, ["AAPL", "UNKNOWN"], overwrite=True)
    assert ParquetSource(f"parquet:{place}").symbols() == ["AAPL"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "bars").mkdir()
    assert import_sample(tmp_path / "bars", ["AAPL"]).symbols == 1


@pytest.mark.parametrize("uri", ["csv:/tmp/bars", "bars", "parquet:", "parquet:bars?interval=1m"])
def test_a_place_that_is_no_parquet_dataset_is_refused(uri: str) -> None:
    with pytest.raises(SourceError):
        import_bars(SAMPLE, uri, ["AAPL"], "1m", JULY_1, JULY_1)


def test_a_source_that_lists_nothing_needs_symbols(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="name those to import"):
        import_bars(SAMPLE, f"parquet:{tmp_path}/bars", None, "1m", JULY_1, JULY_1)
