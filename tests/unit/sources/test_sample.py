"""The invented bars."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.bars import COLUMNS, Bars
from playhead.errors import InvalidInput, SourceError, UnknownSymbolInSource
from playhead.intervals import interval_ms
from shared.calendars import BREAK, POST_MARKET, PRE_MARKET, REGULAR, calendar, expected_starts
from shared.sources.sample import SampleSource

NEW_YORK = ZoneInfo("America/New_York")
JULY_2 = datetime(2025, 7, 2, tzinfo=NEW_YORK)
DAY = timedelta(days=1)
SAMPLE = SampleSource("sample:")


def recorded() -> list[dict[str, str]]:
    path = Path(__file__).parent.parent / "data" / "sample_bars.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def day_of(symbol: str, interval: str = "1m", day: datetime = JULY_2) -> Bars:
    return SAMPLE.get_bars(symbol, interval, day, day + DAY)


def test_aapl_has_every_minute_from_the_open_to_five_past_noon() -> None:
    bars = SAMPLE.get_bars(
        "AAPL",
        "1m",
        datetime(2025, 7, 2, 9, 30, tzinfo=NEW_YORK),
        datetime(2025, 7, 2, 12, 6, tzinfo=NEW_YORK),
    )
    assert len(bars) == 156
    assert set(np.diff(bars.start_ms).tolist()) == {60_000}


def test_about_one_regular_minute_in_a_hundred_is_missing_for_other_symbols() -> None:
    label = date(2025, 7, 2)
    missing = 0
    for number in range(50):
        regular = calendar("XNYS").classify(day_of(f"S{number}").start_ms, label, label) == REGULAR
        missing += 390 - int(regular.sum())
    assert 0.007 < missing / (50 * 390) < 0.013
    regular = calendar("XNYS").classify(day_of("RIVN").start_ms, label, label) == REGULAR
    assert regular.sum() < 390


def test_new_york_has_bars_from_four_to_eight() -> None:
    local = [datetime.fromtimestamp(start / 1000, NEW_YORK).time() for start in day_of("MSFT").start_ms]
    assert local[0].hour == 4
    assert (local[-1].hour, local[-1].minute > 50) == (19, True)
    early = SAMPLE.get_bars("MSFT", "1m", JULY_2 + DAY, JULY_2 + 2 * DAY)
    assert datetime.fromtimestamp(early.start_ms[-1] / 1000, NEW_YORK).hour == 16


def test_a_lunch_break_has_a_few_bars() -> None:
    label = date(2022, 5, 19)
    zone = ZoneInfo("Asia/Hong_Kong")
    bars = day_of("9988.HK", day=datetime(2022, 5, 19, tzinfo=zone))
    reasons = calendar("XHKG").classify(bars.start_ms, label, label)
    assert (reasons == BREAK).sum() == 3
    assert {REGULAR, PRE_MARKET, POST_MARKET, BREAK} == set(reasons.tolist())


def test_days_without_a_session_have_no_bars() -> None:
    assert len(day_of("AAPL", day=datetime(2025, 7, 4, tzinfo=NEW_YORK))) == 0
    assert len(day_of("AAPL", day=datetime(2025, 7, 5, tzinfo=NEW_YORK))) == 0


@pytest.mark.parametrize("interval", ["1s", "15s", "1m", "5m", "1h"])
def test_bars_are_sane_at_every_interval(interval: str) -> None:
    bars = day_of("TSLA", interval)
    assert len(bars) > 0
    assert (np.diff(bars.start_ms) > 0).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.low > 0).all()
    assert (bars.values == np.round(bars.values, 2)).all()
    assert (bars.volume == np.floor(bars.volume)).all()
    assert (bars.volume >= 0).all()


@pytest.mark.parametrize("interval", ["1s", "30s", "1m", "5m", "1h"])
def test_gap_free_hours_have_the_bars_that_the_calendar_expects(interval: str) -> None:
    label = date(2025, 7, 2)
    (session,) = calendar("XNYS").sessions(label, label)
    bars = day_of("AAPL", interval)
    regular = (calendar("XNYS").classify(bars.start_ms, label, label) == REGULAR).sum()
    assert regular == expected_starts(session, interval_ms(interval), session.close_ms)


@settings(max_examples=60, deadline=None)
@given(
    symbol=st.sampled_from(["AAPL", "RIVN", "AZN.L", "9988.HK", "BHP.AX"]),
    interval=st.sampled_from(["15s", "1m", "15m"]),
    first=st.integers(0, 6 * 1440),
    length=st.integers(0, 3 * 1440),
)
def test_a_part_of_a_range_is_the_same_as_the_part_of_the_whole(
    symbol: str, interval: str, first: int, length: int
) -> None:
    origin_ms = round(datetime(2025, 6, 30, tzinfo=NEW_YORK).timestamp() * 1000)
    whole = SAMPLE.get_bars(symbol, interval, origin_ms, origin_ms + 10 * 86_400_000)
    start_ms = origin_ms + first * 60_000
    end_ms = start_ms + length * 60_000
    part = SampleSource("sample:").get_bars(symbol, interval, start_ms, end_ms)
    assert part == whole.between(start_ms, end_ms)


def test_another_process_makes_the_same_bars() -> None:
    start_ms, end_ms = (round(time.timestamp() * 1000) for time in (JULY_2, JULY_2 + DAY))
    program = (
        "import hashlib\n"
        "from shared.sources.sample import SampleSource\n"
        f"bars = SampleSource('sample:').get_bars('RIVN', '1m', {start_ms}, {end_ms})\n"
        "print(hashlib.sha256(bars.start_ms.tobytes() + bars.values.tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = day_of("RIVN")
    assert there.stdout.strip() == hashlib.sha256(here.start_ms.tobytes() + here.values.tobytes()).hexdigest()


@pytest.mark.parametrize("row", recorded(), ids=lambda row: f"{row['symbol']}-{row['start']}")
def test_the_bars_stay_what_they_were_when_they_were_recorded(row: dict[str, str]) -> None:
    start_ms = round(datetime.fromisoformat(row["start"]).timestamp() * 1000)
    bars = SAMPLE.get_bars(row["symbol"], row["interval"], start_ms, start_ms + 1)
    assert bars[0] == (start_ms, *(float(row[name]) for name in COLUMNS))


def test_nodata_symbols_have_no_bars_and_unknown_ones_are_unknown() -> None:
    assert len(day_of("NODATA1")) == 0
    with pytest.raises(UnknownSymbolInSource, match="UNKNOWNX"):
        day_of("unknownx")


def test_a_calendar_can_be_said_for_all_symbols() -> None:
    london = SampleSource("sample:?calendar=XLON").get_bars("AAPL", "1m", JULY_2, JULY_2 + DAY)
    regular = calendar("XLON").classify(london.start_ms, date(2025, 7, 2), date(2025, 7, 2)) == REGULAR
    assert regular.sum() == 510  # 08:00 to 16:30 in London is 03:00 to 11:30 in New York


@pytest.mark.parametrize("interval", ["7m", "2h", "24h"])
def test_intervals_that_do_not_divide_an_hour_are_refused(interval: str) -> None:
    with pytest.raises(SourceError, match=interval):
        day_of("AAPL", interval)


def test_naive_times_and_ranges_that_run_back_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        SAMPLE.get_bars("AAPL", "1m", datetime(2025, 7, 2), datetime(2025, 7, 3))
    with pytest.raises(InvalidInput, match="ends before it starts"):
        SAMPLE.get_bars("AAPL", "1m", 2, 1)


@pytest.mark.parametrize("uri", ["sample:somewhere", "sample:?zone=UTC", "sample:?calendar=NOWHERE"])
def test_a_uri_that_says_what_sample_does_not_have_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput):
        SampleSource(uri)


def test_many_symbols_are_the_same_as_each_of_them() -> None:
    many = SAMPLE.get_many(["AAPL", "RIVN"], "1m", JULY_2, JULY_2 + DAY)
    assert many == {"AAPL": day_of("AAPL"), "RIVN": day_of("RIVN")}
