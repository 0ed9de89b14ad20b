"""The recorder as a process: what it has written is what was emitted, whatever happens to it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from playhead import messages
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.messages import Tick
from playhead.recordings import EVENTS, Recording, parts
from playhead.session import Session
from playhead.sessions import delete
from tests.support.system import System, info_of, play_to_the_end, wait_for
from tests.support.waiting import wait_until

DAYS = SessionConfig((SymbolConfig("RIVN"), SymbolConfig("AZN.L")), date(2025, 7, 1), date(2025, 7, 3))
Row = tuple[int, int, str, str, float, float, float, float, float]


def begin(system: System, directory: Path, **changes: Any) -> Session:
    """A session that is recorded."""
    config = replace(DAYS, record=str(directory), **changes)
    return Session.start(system.name, config, system.url, wait_s=30)


def emitted(system: System) -> tuple[list[Row], list[dict[str, Any]]]:
    """All bars and events of the notifications, none of which is gone."""
    found: Any = system.client.xrange(system.keys().notifications)
    rows: list[Row] = []
    events = []
    for entry, fields in found:
        message = messages.decode(entry, fields)
        if isinstance(message, Tick):
            rows += [(message.clock_ms, bar[0], interval, symbol, *bar[1:]) for symbol, interval, bar in message.bars()]
        else:
            events.append({"type": message.type, "entry": message.entry, "clock_ms": message.clock_ms})
    return rows, events


def written(directory: Path) -> tuple[list[Row], list[dict[str, Any]]]:
    """The same as it stands in the files."""
    rows: list[Row] = []
    for path in parts(directory):
        table = parquet.read_table(path, partitioning=None)
        rows += [tuple(row.values()) for row in table.to_pylist()]
    events = [json.loads(line) for line in (directory / EVENTS).read_text().splitlines()]
    return rows, [{name: event[name] for name in ("type", "entry", "clock_ms")} for event in events]


def wait_until_recorded(system: System) -> None:
    """Waits until the recorder has acknowledged the last notification."""

    def done() -> bool:
        noted = system.client.hget(system.keys().state, "noted")
        return bool(system.client.hget(system.keys().consumer("recorder"), "cursor") == noted)

    wait_until(done, 30, "everything to be recorded")


def test_the_files_have_every_tick_and_event_once(system: System, tmp_path: Path) -> None:
    with begin(system, tmp_path / "rec", run_until="2025-07-02T12:06-04:00") as session:
        wait_until(lambda: info_of(session).holds == ("user",), 30, "the pause at noon")
        assert session.add_symbol("AAPL").status == "ok"
        play_to_the_end(session)
        wait_until_recorded(system)
        directory = tmp_path / "rec" / system.name
        assert written(directory) == emitted(system)
        assert not [path for path in directory.iterdir() if path.name.startswith(".")]

        recording = Recording(tmp_path / "rec", system.name)
        bars = session.bars("AAPL", "1m")
        assert bars is not None
        day = bars.start_ms[0], bars.start_ms[-1] + 60_000
        assert recording.bars("AAPL", "1m", *map(int, day)) == bars
        second_ms = int(day[0]) - 24 * 3_600_000
        of_its_first_day = recording.bars("AAPL", "1m", second_ms, second_ms + 390 * 60_000)
        assert len(of_its_first_day) == 390, "what was caught up is there too"


def test_a_recorder_that_is_killed_again_and_again_loses_nothing_and_writes_nothing_twice(
    system: System, tmp_path: Path
) -> None:
    directory = tmp_path / "rec" / system.name
    with begin(system, tmp_path / "rec", speed=5_000.0) as session:
        seen = 0
        for kill in range(3):
            wait_until(lambda seen=seen: len(_rows(directory)) > seen, 30, "more to be written")  # type: ignore[misc]
            seen = len(_rows(directory))
            dead = system.services.only("recorder")
            dead.kill()
            if kill == 1:  # as if it had been killed after a file was written and before that was acknowledged
                system.client.hset(system.keys().consumer("recorder"), "cursor", "0-0")
            system.services.replace(dead)
        play_to_the_end(session)
        wait_until_recorded(system)
    assert written(directory) == emitted(system)


def test_a_recorder_that_was_suspended_in_the_middle_of_it_does_no_harm_when_it_wakes_up(
    system: System, tmp_path: Path
) -> None:
    directory = tmp_path / "rec" / system.name
    with begin(system, tmp_path / "rec", speed=5_000.0) as session:
        wait_until(lambda: _rows(directory), 30, "something to be written")
        late = system.services.only("recorder")
        late.suspend()
        (other,) = system.services.start("recorder")
        seen = len(_rows(directory))
        wait_until(lambda: len(_rows(directory)) > seen, 30, "the other one to go on")
        late.resume()
        play_to_the_end(session)
        wait_until_recorded(system)
        other.kill()
        system.services.running.remove(other)
    assert written(directory) == emitted(system)


def test_a_directory_that_cannot_be_made_is_said_and_recording_begins_when_it_can(
    system: System, tmp_path: Path
) -> None:
    place = tmp_path / "rec"
    place.write_text("a file stands where the directory should be")
    config = replace(DAYS, record=str(place))
    with Session.start(system.name, config, system.url, wait_s=30) as session:
        state = system.keys().state
        wait_until(lambda: system.client.hget(state, "recording_error"), 30, "the reason")
        reason = text(system.client.hget(state, "recording_error") or "")
        assert reason.startswith(f"{place}")
        assert reason.endswith("recording goes on when that is mended")
        shown = system.cli("session", "show")
        assert f"Recording: {reason}\n" in shown.out
        assert system.cli("session", "show", "--json").json["recording_error"] == reason
        dead = system.services.only("recorder")
        dead.kill()
        system.services.replace(dead)  # the next one knows what had been said
        place.unlink()
        wait_for(session, "finished")
        wait_until_recorded(system)
        wait_until(lambda: not system.client.hexists(state, "recording_error"), 30, "the reason to go")
    assert written(place / system.name) == emitted(system)


def test_the_recording_of_an_earlier_session_of_the_same_name_is_left_alone(system: System, tmp_path: Path) -> None:
    directory = tmp_path / "rec" / system.name
    with begin(system, tmp_path / "rec"):
        wait_until_recorded(system)
    before = written(directory)
    delete(system.client, system.name)
    with begin(system, tmp_path / "rec"):
        state = system.keys().state
        wait_until(lambda: system.client.hget(state, "recording_error"), 30, "the reason")
        assert b"holds the recording of an earlier session" in (system.client.hget(state, "recording_error") or b"")
        assert written(directory) == before
        directory.rename(tmp_path / "earlier")
        wait_until_recorded(system)
    assert written(directory) == emitted(system)


def test_a_session_in_step_with_its_consumers_is_recorded_tick_by_tick(system: System, tmp_path: Path) -> None:
    with begin(system, tmp_path / "rec", lead=1, end=date(2025, 7, 1), symbols=(SymbolConfig("RIVN"),)) as session:
        wait_for(session, "finished")
        wait_until_recorded(system)
    assert written(tmp_path / "rec" / system.name) == emitted(system)


def test_a_session_without_a_directory_has_no_recorder(system: System) -> None:
    with Session.start(system.name, DAYS, system.url, wait_s=30) as session:
        wait_for(session, "finished")
    assert not system.client.exists(system.keys().lease("recorder"))
    assert not system.client.hexists(system.keys().state, "recorder_token")


def _rows(directory: Path) -> list[Row]:
    return written(directory)[0] if (directory / EVENTS).exists() else []
