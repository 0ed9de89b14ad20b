"""What the options of a `csv:` URI say about its files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from playhead.bars import Bars
from playhead.errors import SourceError
from shared.sources import csv_file
from shared.sources.csv import CsvSource
from shared.sources.csv_layout import OPTIONS, CsvLayout
from shared.sources.uri import parse_uri

HEADER = "time,open,high,low,close,volume"
ALL = (0, 4_102_444_800_000)  # to 2100


def read(directory: Path, content: str, options: str = "", interval: str = "1m") -> Bars:
    (directory / "AAPL.csv").write_text(content, encoding="utf-8", newline="")
    return CsvSource(f"csv:{directory}?{options}").get_bars("AAPL", interval, *ALL)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def test_columns_go_by_name_in_any_case_and_order(tmp_path: Path) -> None:
    content = "When,Volume,CLOSE, Low,high,Open,Note\n2025-07-02T13:30Z,5,1.5,1,2,1.25,x\n"
    bars = read(tmp_path, content)
    assert bars.values.tolist() == [[1.25, 2.0, 1.0, 1.5, 5.0]]
    assert bars == read(tmp_path, content, "columns=when,open,high,low,close,volume")
    assert bars == read(tmp_path, content, "columns=0,5,4,3,2,1")


@pytest.mark.parametrize(
    ("times", "options"),
    [
        (["2025-07-02 09:30:00-04:00", "2025-07-02 13:31:00+00:00"], ""),
        (["2025-07-02T13:30:00Z", "2025-07-02T13:31:00Z"], "tz=Asia/Tokyo"),
        (["2025-07-02 09:30", "2025-07-02 09:31"], "tz=America/New_York"),
        (["2025-07-02 09:30", "2025-07-02T13:31Z"], "tz=America/New_York"),
        (["2025-07-02 13:30:00.000", "2025-07-02 13:31:00.000"], "tz=UTC"),
        (["1751463000", "1751463060"], "format=unix_s"),
        (["1751463000.0", "1751463060.0"], "format=unix_s"),
        (["1751463000000", "1751463060000"], "format=unix_ms"),
        (["07/02/2025 09:30 AM", "07/02/2025 09:31 AM"], "format=%m/%d/%Y %I:%M %p&tz=America/New_York"),
        (["2025-07-02 0930 -0400", "2025-07-02 0931 -0400"], "format=%Y-%m-%d %H%M %z"),
        (["20250702 093100", "20250702 093200"], "format=%Y%m%d %H%M%S&tz=America/New_York&label=end"),
        (["2-7-2025 9:30", "2-7-2025 9:31"], "format=%d-%m-%Y %H:%M&tz=America/New_York"),
    ],
)
def test_every_way_to_write_times_gives_the_same_starts(tmp_path: Path, times: list[str], options: str) -> None:
    bars = read(tmp_path, "\n".join([HEADER, *(f"{time},1,2,1,1,5" for time in times)]), options)
    assert bars.start_ms.tolist() == [ms("2025-07-02T13:30Z"), ms("2025-07-02T13:31Z")]


def test_local_times_that_come_twice_are_placed_by_the_order_of_the_rows(tmp_path: Path) -> None:
    times = ["00:59", "01:00", "01:30", "01:59", "01:00", "01:30", "02:00"]
    content = "\n".join([HEADER, *(f"2025-11-02 {time}:00,1,2,1,1,5" for time in times)])
    starts = read(tmp_path, content, "tz=America/New_York").start_ms
    assert [datetime.fromtimestamp(start / 1000, UTC).strftime("%H:%M") for start in starts] == [
        "04:59", "05:00", "05:30", "05:59", "06:00", "06:30", "07:00",
    ]  # fmt: skip


def test_a_date_on_which_the_clocks_change_is_read_at_once(tmp_path: Path) -> None:
    times = [
        "2025-11-02 00:59",
        "2025-11-02 18:00",
        "2025-11-03 09:30",
        "2026-03-08 01:59",
        "2026-03-08 03:00",
    ]
    content = "\n".join([HEADER, *(f"{time}:00,1,2,1,1,5" for time in times)])
    read(tmp_path, content, "tz=America/New_York")
    layout = CsvLayout.of(parse_uri("csv:x?tz=America/New_York", OPTIONS))
    quick = csv_file._read_all(tmp_path / "AAPL.csv", layout, 1, 6, (0, 1, 2, 3, 4, 5))
    assert quick is not None
    assert quick.start_ms.tolist() == [
        ms("2025-11-02T00:59-04:00"),
        ms("2025-11-02T18:00-05:00"),
        ms("2025-11-03T09:30-05:00"),
        ms("2026-03-08T01:59-05:00"),
        ms("2026-03-08T03:00-04:00"),
    ]


def test_another_interval_than_the_files_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds 1m bars, not 5m"):
        read(tmp_path, f"{HEADER}\n", interval="5m")
    assert len(read(tmp_path, f"{HEADER}\n", "interval=5m", interval="5m")) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("patern=x", r"no option 'patern'; it takes adjusted, columns, .* tz"),
        ("tz=Mars/Olympus", "no time zone Mars/Olympus"),
        ("tz=UTC&tz=UTC", "twice"),
        ("header", "no value"),
        ("header=maybe", "neither yes nor no"),
        ("label=middle", "neither start nor end"),
        ("interval=1d", "interval '1d'"),
        ("delimiter=::", "not one ASCII character"),
        ("columns=0,1,2", "not six"),
        ("columns=0,0,1,2,3,4", "not six different"),
        ("columns=time,o,h,l,c,v&header=no", "positions"),
        ("pattern=../{symbol}.csv", "below the directory"),
        ("pattern=/etc/{symbol}.csv", "below the directory"),
        ("format=%H:%M", "does not say the date"),
        ("symbol=SPY", "leave it out"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(tmp_path: Path, options: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        CsvSource(f"csv:{tmp_path}?{options}")
