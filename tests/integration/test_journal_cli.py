"""Scheduled commands, scripts, the journal and its repetition from the command line, with real processes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from playhead.commands import Resume
from playhead.repetition import differences, repeated
from playhead.session import Session
from tests.support.system import CLOSE_MS, DAY, NOON_MS, System, added, info_of, wait_for
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.waiting import wait_until

SCRIPT = """\
10:00  add-symbol MSFT UNKNOWN1   # one of them cannot be had
12:06  add-symbol AAPL --source sample:
12:06  pause
2025-07-02 14:00  remove-symbol MSFT
"""


def started(system: System, *options: str, symbols: str = "RIVN", name: str = "") -> str:
    """Starts a session from the command line; its name."""
    arguments = ("--id", name or system.name, "--symbols", symbols, "--date", DAY, *options)
    outcome = system.cli("session", "start", *arguments)
    assert outcome.code == 0, outcome.err
    return name or system.name


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def played(system: System, tmp_path: Path, *options: str, symbols: str = "RIVN") -> Path:
    """The journal of a session that was played to its end."""
    name = started(system, *options, symbols=symbols)
    wait_until(lambda: shown(system, name)["status"] in ("paused", "finished"), 30, "the pause or the end")
    if shown(system, name)["status"] == "paused":
        assert system.cli("session", "resume", "--session", name).code == 0
    wait_until(lambda: shown(system, name)["status"] == "finished", 30, "the end")
    file = tmp_path / "journal.jsonl"
    outcome = system.cli("session", "journal", name)
    assert (outcome.code, outcome.err) == (0, "")
    file.write_text(outcome.out)
    return file


def shown(system: System, name: str) -> Any:
    return system.cli("session", "show", "--session", name, "--json").json


def write_bars(folder: Path, **closes: float) -> str:
    """A source of RIVN and AAPL with a bar a minute; `closes` names a symbol whose bar of 12:00 closes elsewhere."""
    folder.mkdir()
    for number, symbol in enumerate(("RIVN", "AAPL")):
        rows = ["time,open,high,low,close,volume"]
        for at in range(390):
            start = datetime.fromtimestamp((OPEN_MS + at * MINUTE_MS) / 1000, UTC).isoformat()
            close = closes.get(symbol, 10.5) if at == 150 else 10.5
            rows.append(f"{start},{10 + number},30,5,{close},{at + 1}")
        (folder / f"{symbol}.csv").write_text("\n".join(rows) + "\n")
    return f"csv:{folder}"


def test_a_script_is_carried_out_written_down_and_repeated_with_the_same_hash(system: System, tmp_path: Path) -> None:
    script = tmp_path / "plan.txt"
    script.write_text(SCRIPT)
    file = played(system, tmp_path, "--script", str(script), "--speed", "100000")
    head, *entries, end = lines_of(file.read_text())
    assert (head["type"], head["format"], head["session"]) == ("journal", 1, system.name)
    assert [line["at"] for line in head["config"]["script"]] == ["10:00", "12:06", "12:06", "2025-07-02 14:00"]
    acted = [(each["op"], each["clock"][11:], each.get("status")) for each in entries]
    assert acted == [
        ("add-symbol", "10:00:00", "partial"),
        ("add-symbol", "12:06:00", "ok"),
        ("pause", "12:06:00", "ok"),
        ("resume", "12:06:00", "ok"),
        ("remove-symbol", "14:00:00", "ok"),
        ("session-finished", "16:00:00", None),
    ]
    assert "UNKNOWN1" in entries[0]["results"]["UNKNOWN1"]["error"]
    assert entries[1]["results"]["AAPL"]["source"] == "sample:"
    assert (end["status"], end["clock_ms"]) == ("finished", CLOSE_MS)
    assert sorted(end["digests"]["XNYS:2025-07-02:1m"]) == ["AAPL", "RIVN"]
    assert shown(system, system.name)["run_hash"] == end["run_hash"]

    again = system.cli("session", "rerun", str(file), "--id", f"{system.name}-again")
    assert again.err == ""
    assert again.out == f"session {system.name}-again is equal to {system.name}: run hash {end['run_hash']}\n"
    assert again.code == 0
    repeated = lines_of(system.cli("session", "journal", f"{system.name}-again").out)
    assert [each["op"] for each in repeated[1:-1]] == [each[0] for each in acted if each[0] not in ("pause", "resume")]
    assert repeated[-1]["run_hash"] == end["run_hash"]
    as_json = system.cli("session", "rerun", str(file), "--json")
    assert as_json.json["session"] == f"{system.name}-rerun"
    assert (as_json.code, as_json.json["equal"], as_json.json["differences"]) == (0, True, [])


def test_other_data_and_a_changed_journal_are_noticed(system: System, tmp_path: Path) -> None:
    source = write_bars(tmp_path / "bars")
    script = tmp_path / "plan.txt"
    script.write_text("11:00 add-symbol AAPL\n")
    file = played(system, tmp_path, "--script", str(script), "--source", source)

    text = file.read_text()
    changed = tmp_path / "changed.jsonl"
    eleven_ms = OPEN_MS + 90 * MINUTE_MS
    changed.write_text(text.replace(f'"clock_ms":{eleven_ms}', f'"clock_ms":{eleven_ms + MINUTE_MS}'))
    moved = system.cli("session", "rerun", str(changed), "--id", f"{system.name}-moved")
    assert moved.code == 1
    assert f"session {system.name}-moved is another run than {system.name}:\n- the run hash is " in moved.out

    elsewhere = write_bars(tmp_path / "others", AAPL=10.75)
    changed.write_text(text.replace(source, elsewhere))
    other = system.cli("session", "rerun", str(changed), "--id", f"{system.name}-other")
    assert other.code == 1
    assert "the runs part between add-symbol at 2025-07-02 11:00:00 and session-finished at" in other.out
    assert "the first bars that differ are those of AAPL (1m) on 2025-07-02 of XNYS" in other.out

    cut = tmp_path / "cut.jsonl"
    cut.write_text("\n".join(text.splitlines()[:-1]))
    broken = system.cli("session", "rerun", str(cut))
    assert (broken.code, broken.err) == (1, f"error: journal {cut} has no end: a part of it is missing\n")
    cut.write_text(text.replace('"op":"session-finished"', '"up":"session-finished"'))
    garbled = system.cli("session", "rerun", str(cut))
    assert garbled.code == 1
    assert f"journal {cut}, line 3: it is not as `playhead session journal` writes it" in garbled.err
    assert system.cli("session", "rerun", str(tmp_path / "none")).err.startswith(f"error: journal {tmp_path}/none: No")


def test_a_session_that_was_stopped_is_repeated_up_to_its_stop_and_one_that_runs_is_not(
    system: System, tmp_path: Path
) -> None:
    system.start("RIVN")
    system.cli("data", "add-symbol", "AAPL")
    file = tmp_path / "journal.jsonl"
    file.write_text(system.cli("session", "journal").out)
    running = system.cli("session", "rerun", str(file))
    assert running.code == 1
    assert "is of a session that had not ended (paused)" in running.err
    system.cli("session", "stop")
    file.write_text(system.cli("session", "journal", "--json").out)
    again = system.cli("session", "rerun", str(file))
    assert (again.code, again.err) == (0, "")
    repeated = shown(system, f"{system.name}-rerun")
    assert (repeated["status"], repeated["clock_ms"]) == ("stopped", NOON_MS)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("12:06 delete AAPL", "unknown command 'delete'; the commands are"),
        ("12:06 add-symbol", "add-symbol names no symbol"),
        ("12:60 pause", "time '12:60' is neither a time of day"),
        ("12:06 add-symbol A/B", "symbol 'A/B' is not"),
        ("12:06 add-symbol AAPL --calendar XNYS --calendar XLON", "option --calendar was given twice"),
        ("09:00 pause", "the clock reads 09:30:00 already; 09:00 is not after that"),
        ("17:00 pause", "the session ends at 2025-07-02 16:00-04:00; 17:00 is after that"),
    ],
)
def test_a_bad_line_of_a_script_is_named_and_leaves_nothing_behind(
    system: System, tmp_path: Path, line: str, reason: str
) -> None:
    script = tmp_path / "plan.txt"
    script.write_text(f"# the plan\n11:00 pause\n{line}\n")
    options = ("--id", system.name, "--symbols", "RIVN", "--date", DAY, "--script", str(script))
    outcome = system.cli("session", "start", *options)
    assert outcome.code == 1
    assert f"script {script}, line 3: " in outcome.err
    assert reason in outcome.err
    assert not list(system.client.scan_iter(f"playhead:{{{system.name}*"))
    assert system.cli("session", "list").out.find(system.name) == -1


def test_a_command_line_addition_is_scheduled_shown_and_waited_for(system: System) -> None:
    system.start("RIVN", run_until="10:00")
    given = system.cli("data", "add-symbol", "AAPL", "--at", "12:06", "--id", "c1")
    assert (given.code, given.err) == (0, "")
    assert given.out == f"session {system.name}: add-symbol AAPL is scheduled for 12:06 (command c1)\n"
    pause = system.cli("session", "pause", "--at", "2025-07-02 12:30", "--json")
    assert pause.json.items() >= {"status": "scheduled", "at_ms": NOON_MS + 24 * MINUTE_MS}.items()
    text = system.cli("session", "show").out
    assert "Scheduled: 12:06 add-symbol AAPL (command c1)\n" in text
    assert re.search(r"^Scheduled: 12:30 pause \(command [0-9a-f]{32}\)$", text, re.MULTILINE)
    waiting = shown(system, system.name)["scheduled"]
    assert waiting[0] == {"at_ms": NOON_MS, "command": "c1", "op": "add-symbol", "symbol": "AAPL"}

    receipt = system.begin_cli("data", "add-symbol", "MSFT", "--at", "12:07", "--wait", "--json")
    wait_until(lambda: len(shown(system, system.name)["scheduled"]) == 3, 30, "the third command")
    assert system.cli("session", "resume").code == 0
    added = receipt.ended()
    assert (added.code, added.err) == (0, "")
    assert added.json["results"]["MSFT"]["clock_ms"] == NOON_MS + MINUTE_MS
    wait_until(lambda: shown(system, system.name)["status"] == "paused", 30, "the pause")
    again = system.cli("data", "add-symbol", "AAPL", "--at", "12:06", "--id", "c1", "--json")
    assert again.json["results"]["AAPL"]["clock_ms"] == NOON_MS, "a repeated id is answered with the receipt"


def test_a_time_that_has_passed_is_refused_on_the_command_line(system: System) -> None:
    system.start("RIVN")
    outcome = system.cli("data", "add-symbol", "AAPL", "--at", "12:06")
    assert (outcome.code, outcome.out) == (1, "")
    assert "the clock reads 12:06:00 already; 12:06 is not after that" in outcome.err
    stop = system.cli("session", "stop", "--at", "16:30")
    assert (stop.code, stop.out) == (1, "")
    assert "the session ends at 2025-07-02 16:00-04:00; 16:30 is after that" in stop.err
    garbled = system.cli("session", "speed", "60", "--at", "noon")
    assert (garbled.code, garbled.out) == (1, "")


def test_a_program_schedules_waits_and_repeats_whoever_follows(system: System) -> None:
    session = system.start("RIVN", run_until="10:00")
    consumer = system.consume(session, "vwap")
    at_noon = datetime.fromtimestamp(NOON_MS / 1000, UTC)
    scheduled = session.add_symbol("AAPL", at=at_noon)
    assert (scheduled.status, scheduled.result) == ("scheduled", {"at_ms": NOON_MS})
    session.resume()
    assert session.outcome(scheduled).result["AAPL"]["clock_ms"] == NOON_MS
    wait_for(session, "finished")
    consumer.ended()
    journal = session.journal()
    assert (journal.status, journal.complete) == ("finished", True)
    with Session.start(f"{system.name}-again", repeated(journal), system.url) as again:
        wait_for(again, "finished")
        assert differences(journal, again.journal()) == []
        assert info_of(again).run_hash == info_of(session).run_hash == journal.run_hash


def test_a_command_outlives_the_coordinator_that_took_it_and_is_carried_out_once(system: System) -> None:
    session = system.start("RIVN", run_until="10:00")
    scheduled = session.add_symbol("AAPL", at="12:06")
    coordinator = system.services.only("coordinator")
    coordinator.kill()
    system.services.replace(coordinator)
    session.send(Resume(), timeout_s=60)
    assert session.outcome(scheduled, timeout_s=60).result["AAPL"]["clock_ms"] == NOON_MS
    wait_for(session, "finished")
    assert added(system) == ["AAPL"]
    assert [entry.id for entry in session.journal().entries if entry.op == "add-symbol"] == [scheduled.id]
