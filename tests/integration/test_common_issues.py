"""The five common issues of the user's description: none of them can come back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from playhead.errors import InvalidInput
from playhead.times import local
from shared.sources.importer import import_bars
from shared.sources.registry import open_source
from tests.support.dump import dump
from tests.support.story import read
from tests.support.system import System, play_to_the_end
from tests.support.tape import DAY, MINUTE_MS, OPEN_MS

NEW_YORK, LONDON = ZoneInfo("America/New_York"), ZoneInfo("Europe/London")
HEADER = "time,open,high,low,close,volume"


def write_bars(folder: Path, symbol: str, times: list[str]) -> str:
    """A file with a bar at each of these times; the URI of its folder."""
    rows = [f"{time},{at + 1},{at + 2},{at + 0.5},{at + 1.5},{at}" for at, time in enumerate(times)]
    (folder / f"{symbol}.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return f"csv:{folder}"


def minutes(day: str, first: str, count: int, zone: ZoneInfo) -> list[str]:
    """ISO times with offset, a minute apart."""
    start = datetime.fromisoformat(f"{day}T{first}").replace(tzinfo=zone)
    start_ms = int(start.timestamp()) * 1000
    return [local(start_ms + at * MINUTE_MS, zone.key).isoformat() for at in range(count)]


def trading_hours(system: System) -> list[str]:
    """What the workers logged as the hours of additions."""
    lines = system.services.log_lines()
    return [line.text.partition(": ")[2] for line in lines if line.text.startswith("[DYNAMIC] Trading hours")]


def test_issue_1_the_command_finds_the_coordinator_of_the_running_session(system: System) -> None:
    system.start("RIVN")
    answer = system.cli("data", "add-symbol", "AAPL", PLAYHEAD_SESSION="")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"session {system.name}: AAPL added at 12:06\n")


def test_issue_1_without_a_session_the_error_says_so_and_what_to_do(system: System) -> None:
    answer = system.cli("data", "add-symbol", "AAPL", PLAYHEAD_SESSION="")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("error: there is no session on redis://")
    assert "start one with" in answer.err


@pytest.mark.parametrize("scheme", ["sample", "csv", "parquet"])
def test_issue_2_every_source_is_called_with_start_and_end(tmp_path: Path, scheme: str) -> None:
    first, last = datetime(2025, 7, 2, 9, 30, tzinfo=NEW_YORK), datetime(2025, 7, 2, 9, 40, tzinfo=NEW_YORK)
    uri = "sample:"
    if scheme != "sample":
        uri = write_bars(tmp_path, "AAPL", minutes("2025-07-02", "09:00", 60, NEW_YORK))
    if scheme == "parquet":
        csv, uri = uri, f"parquet:{tmp_path / 'set'}"
        import_bars(open_source(csv), uri, None, "1m")
    source = open_source(uri)
    bars = source.get_bars(symbol="AAPL", interval="1m", start=first, end=last)
    assert [bar.start_ms for bar in bars] == [OPEN_MS + at * MINUTE_MS for at in range(10)]
    assert source.get_bars("AAPL", "1m", OPEN_MS, OPEN_MS + 10 * MINUTE_MS) == bars
    with pytest.raises(TypeError, match="start_date"):
        source.get_bars("AAPL", "1m", start_date=first, end_date=last)  # type: ignore[call-arg]


def test_issue_3_bars_are_written_to_session_data_under_symbol_and_interval_and_nowhere_else(system: System) -> None:
    session = system.start("RIVN")
    before = set(dump(system.client, system.keys()))
    session.add_symbol("AAPL")
    new = {key for key in set(dump(system.client, system.keys())) - before if ":staged:" not in key}
    feed = next(key for key in new if ":feed:" in key)
    keys = system.keys()
    assert (
        new == {keys.bars("AAPL", "1m", DAY), keys.replies, keys.answered, keys.journal, keys.commands, feed} - before
    )
    play_to_the_end(session)
    assert len(read(session, "AAPL")) == 390
    assert not system.client.exists(feed)


def test_issue_4_hours_come_from_the_calendar_and_not_from_what_was_seen_before(system: System, tmp_path: Path) -> None:
    source = write_bars(tmp_path, "LATE", minutes("2025-07-02", "11:16", 60, NEW_YORK))
    session = system.start("LATE", source=source)
    assert read(session, "LATE")[0].start_ms == OPEN_MS + 106 * MINUTE_MS
    session.add_symbol("AAPL", source="sample:")
    added = read(session, "AAPL")
    assert (len(added), added[0].start_ms) == (156, OPEN_MS)
    assert trading_hours(system) == ["09:30:00 - 16:00:00"]


@pytest.mark.parametrize(
    ("day", "hours", "bars"),
    [("2025-07-03", "09:30:00 - 13:00:00", 210), ("2025-03-10", "09:30:00 - 16:00:00", 390)],
    ids=["early-close", "after-the-clocks-changed"],
)
def test_issue_4_hours_are_those_of_the_date_itself(system: System, day: str, hours: str, bars: int) -> None:
    session = system.start("RIVN", day=day)
    receipt = session.add_symbol("AAPL").result["AAPL"]
    assert (receipt["written"], receipt["queued"]) == (156, bars - 156)
    play_to_the_end(session)
    added = read(session, "AAPL")
    opens = datetime.fromisoformat(f"{day}T09:30").replace(tzinfo=NEW_YORK)
    assert (len(added), added[0].start_ms) == (bars, int(opens.timestamp()) * 1000)
    assert trading_hours(system) == [hours]


@pytest.mark.parametrize("zone", [LONDON, NEW_YORK], ids=["in-London-time", "in-New-York-time"])
def test_issue_5_times_of_any_zone_are_compared_as_instants(system: System, tmp_path: Path, zone: ZoneInfo) -> None:
    times = minutes("2025-07-02", "08:00", 510, LONDON)
    opens_ms = int(datetime.fromisoformat(times[0]).timestamp()) * 1000
    source = write_bars(
        tmp_path, "AZN.L", [datetime.fromisoformat(each).astimezone(zone).isoformat() for each in times]
    )
    session = system.start("RIVN", run_until="2025-07-02T16:00:00+01:00")
    receipt = session.add_symbol("AZN.L", source=source).result["AZN.L"]
    clock_ms = OPEN_MS + 90 * MINUTE_MS
    assert (receipt["clock_ms"], receipt["written"], receipt["queued"]) == (clock_ms, 480, 30)
    added = read(session, "AZN.L")
    assert (added[0].start_ms, added[-1].start_ms) == (opens_ms, clock_ms - MINUTE_MS)
    assert trading_hours(system) == ["08:00:00 - 16:30:00"]


def test_issue_5_a_time_without_a_zone_is_refused_and_none_is_ever_assumed(system: System, tmp_path: Path) -> None:
    source = write_bars(tmp_path, "AAPL", ["2025-07-02T09:30:00"])
    session = system.start("RIVN")
    answer = system.cli("data", "add-symbol", "AAPL", "--source", source)
    assert answer.code == 1
    assert "has no offset" in answer.err
    assert session.symbols() == ("RIVN",)
    with pytest.raises(InvalidInput, match="no time zone"):
        open_source("sample:").get_bars("AAPL", "1m", datetime(2025, 7, 2), datetime(2025, 7, 3))
