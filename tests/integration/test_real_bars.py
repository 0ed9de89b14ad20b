"""Recorded bars through the whole system: every one that belongs to the day, once, to the last bit."""

from __future__ import annotations

import csv
import struct
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from playhead.session import Session
from tests.support.system import System, play_to_the_end, wait_for

Row = tuple[int, float, float, float, float, float]
NEW_YORK = ZoneInfo("America/New_York")
HALF_PAST_NINE, FOUR = 9 * 60 + 30, 16 * 60  # minutes of a day in New York
SPY_OPTIONS = (
    "pattern={symbol}_2011-03.csv&header=no&delimiter=;&columns=0,1,2,3,4,5&format=%Y%m%d %H%M%S&tz=UTC&label=end"
)


def rows_of(file: Path, day: str) -> list[Row]:
    """The lines of a date (UTC) of a file with a header and start labels."""
    with file.open(newline="") as lines:
        return [
            (int(datetime.fromisoformat(line["date"]).timestamp()) * 1000, *numbers(list(line.values())[1:]))
            for line in csv.DictReader(lines)
            if line["date"].startswith(day)
        ]


def spy_rows(folder: Path) -> list[tuple[str, Row]]:
    """All lines of the file with end labels: label and bar."""
    found = []
    with (folder / "SPY_2011-03.csv").open(newline="") as lines:
        for label, *values in csv.reader(lines, delimiter=";"):
            end = datetime.strptime(label, "%Y%m%d %H%M%S").replace(tzinfo=UTC)
            start_ms = int((end - timedelta(minutes=1)).timestamp()) * 1000
            found.append((label, (start_ms, *numbers(values))))
    return found


def numbers(texts: list[str]) -> tuple[float, float, float, float, float]:
    first, high, low, last, volume = map(float, texts)
    return first, high, low, last, volume


def session_data(session: Session, symbol: str) -> list[Row]:
    bars = session.bars(symbol)
    assert bars is not None
    return [(bar.start_ms, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]


def bits(rows: list[Row]) -> list[bytes]:
    """What is equal only if every bit is."""
    return [struct.pack(">q5d", *row) for row in rows]


def adds_up(receipt: dict[str, Any]) -> bool:
    return bool(receipt["loaded"] == receipt["written"] + receipt["queued"] + sum(receipt["dropped"].values()))


@pytest.mark.parametrize(
    ("symbol", "written", "queued"), [("AZN.L", 480, 30), ("9988.HK", 330, 0)], ids=["London", "Hong-Kong"]
)
def test_an_added_symbol_of_another_exchange_has_every_recorded_bar_once_to_the_last_bit(
    system: System, real_bars: Path, symbol: str, written: int, queued: int
) -> None:
    source = f"csv:{real_bars}?pattern={{symbol}}_2022.csv"
    options = ["--symbols", "MSFT", "--date", "2022-06-01", "--source", source, "--run-until", "11:00"]
    assert system.cli("session", "start", "--id", system.name, *options).code == 0
    with Session(system.name, system.url) as session:
        assert wait_for(session, "paused").clock_ms == int(datetime(2022, 6, 1, 15, tzinfo=UTC).timestamp()) * 1000

        answer = system.cli("data", "add-symbol", symbol, "--json")
        assert answer.code == 0, answer.err
        receipt = answer.json["results"][symbol]
        assert (receipt["written"], receipt["queued"], receipt["missing"]) == (written, queued, 0)
        assert adds_up(receipt)
        assert sum(receipt["dropped"].values()) == 0
        assert len(session_data(session, symbol)) == written

        play_to_the_end(session)
        for name, count in (("MSFT", 390), (symbol, written + queued)):
            recorded = rows_of(real_bars / f"{name}_2022.csv", "2022-06-01")
            assert len(recorded) == count
            assert bits(session_data(session, name)) == bits(recorded)


@pytest.mark.parametrize(("day", "label"), [("2011-03-11", "20110311 143100"), ("2011-03-14", "20110314 133100")])
def test_bars_labelled_by_their_end_are_those_of_the_regular_hours_on_both_sides_of_the_change_of_clocks(
    system: System, real_bars: Path, day: str, label: str
) -> None:
    session = system.start("RIVN", day=day)
    reply = session.add_symbol("SPY", source=f"csv:{real_bars}?{SPY_OPTIONS}")
    receipt = reply.result["SPY"]
    play_to_the_end(session)

    here = [(text, row, local_minute(row)) for text, row in spy_rows(real_bars) if local_date(row) == day]
    regular = [(text, row) for text, row, minute in here if HALF_PAST_NINE <= minute < FOUR]
    assert len(regular) == 390
    assert regular[0][0] == label
    assert bits(session_data(session, "SPY")) == bits([row for _, row in regular])

    assert receipt["loaded"] == len(here)
    assert receipt["dropped"] == {
        "pre-market": sum(minute < HALF_PAST_NINE for _, _, minute in here),
        "post-market": sum(minute >= FOUR for _, _, minute in here),
        "break": 0,
    }
    assert receipt["dropped"]["pre-market"] > 0 < receipt["dropped"]["post-market"]
    assert (receipt["written"], receipt["queued"], receipt["missing"]) == (156, 234, 0)
    assert adds_up(receipt)


def test_the_bars_of_the_clock_change_lie_an_hour_apart_in_utc(real_bars: Path) -> None:
    first = {label: row[0] for label, row in spy_rows(real_bars)}
    for label, day in (("20110311 143100", date(2011, 3, 11)), ("20110314 133100", date(2011, 3, 14))):
        opens = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
        assert first[label] == int(opens.timestamp()) * 1000


def local_date(row: Row) -> str:
    return datetime.fromtimestamp(row[0] / 1000, NEW_YORK).date().isoformat()


def local_minute(row: Row) -> int:
    moment = datetime.fromtimestamp(row[0] / 1000, NEW_YORK)
    return moment.hour * 60 + moment.minute
