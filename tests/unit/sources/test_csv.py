"""Text files of bars: the real ones, every option, and every way in which a row can be bad."""

from __future__ import annotations

import csv
import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.bars import Bars
from playhead.errors import BadRow, SourceError, UnknownSymbolInSource
from shared.sources import csv_file
from shared.sources.csv import CsvSource
from shared.sources.csv_layout import OPTIONS, CsvLayout
from shared.sources.uri import parse_uri

HEADER = "time,open,high,low,close,volume"
ALL = (0, 4_102_444_800_000)  # to 2100
SPY = "header=no&columns=0,1,2,3,4,5&tz=UTC&label=end"


def source(directory: Path, content: str, options: str = "", name: str = "AAPL.csv") -> CsvSource:
    (directory / name).write_text(content, encoding="utf-8", newline="")
    return CsvSource(f"csv:{directory}?{options}")


def read(directory: Path, content: str, options: str = "", interval: str = "1m") -> Bars:
    return source(directory, content, options).get_bars("AAPL", interval, *ALL)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def by_hand(path: Path, *, first_line: int, delimiter: str) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))[first_line:]


@pytest.mark.parametrize(("symbol", "count"), [("MSFT", 7440), ("AZN.L", 9180), ("9988.HK", 6270)])
def test_real_files_with_a_header_are_read_to_the_last_bit(real_bars: Path, symbol: str, count: int) -> None:
    source = CsvSource(f"csv:{real_bars}?pattern={{symbol}}_2022.csv")
    source.check()
    bars = source.get_bars(symbol, "1m", *ALL)
    rows = by_hand(real_bars / f"{symbol}_2022.csv", first_line=1, delimiter=",")
    assert len(bars) == count == len(rows)
    assert bars.start_ms.tolist() == [ms(row[0]) for row in rows]
    assert bars.values.tolist() == [[float(field) for field in row[1:]] for row in rows]


@pytest.mark.parametrize(
    "options",
    [
        f"pattern={{symbol}}_2011-03.csv&delimiter=;&format=%Y%m%d %H%M%S&{SPY}",
        f"pattern=SPY_2011-03.csv&delimiter=semicolon&format=%25Y%25m%25d%20%25H%25M%25S&{SPY}",
        f"pattern=SPY_2011-03.csv&delimiter=%3B&format=%Y%m%d %H%M%S&{SPY}",
    ],
)
def test_the_real_file_with_end_labels_is_read_to_the_last_bit(real_bars: Path, options: str) -> None:
    source = CsvSource(f"csv:{real_bars}?{options}")
    source.check()
    assert source.symbols() == ["SPY"]
    bars = source.get_bars("SPY", "1m", *ALL)
    rows = by_hand(real_bars / "SPY_2011-03.csv", first_line=0, delimiter=";")
    ends = [datetime.strptime(row[0], "%Y%m%d %H%M%S").replace(tzinfo=UTC) for row in rows]
    assert bars.start_ms.tolist() == [round(end.timestamp() * 1000) - 60_000 for end in ends]
    assert bars.values.tolist() == [[float(field) for field in row[1:]] for row in rows]
    assert len(bars) == 17_577


def test_the_real_files_of_a_directory_are_listed(real_bars: Path) -> None:
    assert CsvSource(f"csv:{real_bars}?pattern={{symbol}}_2022.csv").symbols() == ["9988.HK", "AZN.L", "MSFT"]


def bad_rows() -> list[dict[str, str]]:
    path = Path(__file__).parent.parent / "data" / "bad_rows.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="|", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("case", bad_rows(), ids=lambda case: case["name"])
def test_a_bad_file_is_refused_with_its_line_and_the_reason(tmp_path: Path, case: dict[str, str]) -> None:
    content = case["file"].replace("\\n", "\n").replace("H\n", f"{HEADER}\n", 1)
    with pytest.raises(BadRow) as caught:
        read(tmp_path, content, case["options"])
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "AAPL.csv"), int(case["line"]))
    assert case["reason"] in caught.value.reason


def test_bad_rows_are_left_out_and_counted_when_asked(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [
        "2025-07-02 09:30:00-04:00,1,2,1,1,5",
        "2025-07-02 09:31:00-04:00,1,2,nan,1,5",
        "2025-07-02 09:30:00-04:00,1,2,1,1,5",
        "nothing",
        "2025-07-02 09:32:00-04:00,1,2,1,1,5",
    ]
    skipping = source(tmp_path, "\n".join([HEADER, *rows]), "skip_bad_rows=yes")
    assert skipping.skipped("AAPL") == 0
    bars = skipping.get_bars("AAPL", "1m", *ALL)
    assert bars.start_ms.tolist() == [ms("2025-07-02T09:30-04:00"), ms("2025-07-02T09:32-04:00")]
    assert skipping.skipped("AAPL") == 3
    skipping.get_bars("AAPL", "1m", *ALL)
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'AAPL.csv'}: 3 bad rows left out; the first is line 3: low is nan, not a number"
    ]


def test_a_zero_price_and_a_close_outside_low_and_high_are_accepted(tmp_path: Path) -> None:
    bars = read(tmp_path, f"{HEADER}\n2025-07-02 09:30:00-04:00,0,2,1,3,0\n")
    assert bars.values.tolist() == [[0.0, 2.0, 1.0, 3.0, 0.0]]


def test_the_range_is_half_open_and_by_start(tmp_path: Path) -> None:
    rows = [f"2025-07-02 09:{minute}:00-04:00,1,2,1,1,5" for minute in (30, 31, 32)]
    ends = source(tmp_path, "\n".join([HEADER, *rows]), "label=end")
    start = datetime.fromisoformat("2025-07-02T09:30-04:00")
    bars = ends.get_bars("aapl", "60s", start, start + timedelta(minutes=1))
    assert (bars.symbol, bars.interval) == ("AAPL", "60s")
    assert bars.start_ms.tolist() == [ms("2025-07-02T09:30-04:00")]
    assert len(ends.get_bars("AAPL", "1m", start, start)) == 0


def test_a_symbol_without_a_file_is_unknown_and_some_that_are_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownSymbolInSource, match=r"nothing under AAPK; it has AAPL"):
        source(tmp_path, f"{HEADER}\n").get_bars("AAPK", "1m", *ALL)
    with pytest.raises(SourceError, match="no directory"):
        CsvSource(f"csv:{tmp_path}/none").get_bars("AAPL", "1m", *ALL)


def test_a_pattern_without_symbol_has_one_symbol(tmp_path: Path) -> None:
    one = source(tmp_path, f"{HEADER}\n", "pattern=SPY_2011.csv", name="SPY_2011.csv")
    assert one.symbols() == ["SPY"]
    assert len(one.get_bars("SPY", "1m", *ALL)) == 0
    with pytest.raises(UnknownSymbolInSource):
        one.get_bars("QQQ", "1m", *ALL)
    named = CsvSource(f"csv:{tmp_path}?pattern=SPY_2011.csv&symbol=QQQ")
    assert named.symbols() == ["QQQ"]


def test_files_in_folders_and_in_lower_case_are_found(tmp_path: Path) -> None:
    for name in ("MSFT/MSFT.csv", "spy/spy.csv", "AAPL/TSLA.csv", "bad name/bad name.csv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"{HEADER}\n", encoding="utf-8")
    folders = CsvSource(f"csv:{tmp_path}?pattern={{symbol}}/{{symbol}}.csv")
    assert folders.symbols() == ["MSFT", "SPY"]
    assert len(folders.get_bars("SPY", "1m", *ALL)) == 0


def test_a_link_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.csv").write_text(f"{HEADER}\n", encoding="utf-8")
    (tmp_path / "inside" / "AAPL.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(SourceError, match="lies outside"):
        CsvSource(f"csv:{tmp_path}/inside").get_bars("AAPL", "1m", *ALL)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    first = source(tmp_path, f"{HEADER}\n2025-07-02 09:30:00-04:00,1,2,1,1,5\n")
    assert len(first.get_bars("AAPL", "1m", *ALL)) == 1
    path = tmp_path / "AAPL.csv"
    path.write_text(f"{HEADER}\n2025-07-02 09:30:00-04:00,1,2,1,1,6\n", encoding="utf-8")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert first.get_bars("AAPL", "1m", *ALL).volume.tolist() == [6.0]


def test_check_says_that_the_place_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no directory"):
        CsvSource(f"csv:{tmp_path}/none").check()
    with pytest.raises(SourceError, match="no file"):
        CsvSource(f"csv:{tmp_path}?pattern=SPY.csv").check()
    CsvSource(f"csv:{tmp_path}").check()


def test_prices_are_adjusted_only_when_the_uri_says_so(tmp_path: Path) -> None:
    assert CsvSource(f"csv:{tmp_path}").adjusted is False
    assert CsvSource(f"csv:{tmp_path}?adjusted=yes").adjusted is True


prices = st.floats(0, 1e12, allow_nan=False)
numbers = st.one_of(
    prices.map(repr),
    prices.map(lambda price: f"{price:.3f}"),
    st.sampled_from(["nan", "", "-1", " 7", "1e3"]),
)


@settings(max_examples=150, deadline=None)
@given(
    minutes=st.lists(st.integers(0, 10_000), max_size=8),
    fields=st.lists(st.tuples(numbers, numbers, numbers, numbers, numbers), min_size=8, max_size=8),
    zone=st.sampled_from(["UTC", "America/New_York"]),
)
def test_reading_at_once_and_row_by_row_agree(
    tmp_path_factory: pytest.TempPathFactory,
    minutes: list[int],
    fields: list[tuple[str, ...]],
    zone: str,
) -> None:
    """The quick way gives what the careful one gives, or nothing at all."""
    path = tmp_path_factory.mktemp("both") / "A.csv"
    begin = datetime(2025, 3, 7)
    rows = [
        f"{begin + timedelta(minutes=minute)},{','.join(row)}"
        for minute, row in zip(sorted(minutes), fields, strict=False)
    ]
    path.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    layout = CsvLayout.of(parse_uri(f"csv:x?tz={zone}", OPTIONS))
    head = csv_file._read_head(path, layout)
    assert head is not None
    quick = csv_file._read_all(path, layout, *head)
    try:
        careful = csv_file._read_rows(path, layout, *head)
    except BadRow:
        assert quick is None
        return
    if quick is not None:
        assert np.array_equal(quick.start_ms, careful.start_ms)
        assert quick.values.tobytes() == careful.values.tobytes()


def test_a_folder_that_may_not_be_entered_is_no_symbol_that_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = source(tmp_path, f"{HEADER}\n")

    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)  # root may enter any
    with pytest.raises(SourceError, match=r"AAPL\.csv cannot be read \(Permission denied\)"):
        one.get_bars("AAPL", "1m", *ALL)
