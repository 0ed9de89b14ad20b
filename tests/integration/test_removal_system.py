"""Removing symbols on the real system: by the command line, the library and by hand, with consumers beside it."""

from __future__ import annotations

import pytest

from playhead.errors import CommandRejected
from tests.support.story import read
from tests.support.system import DAY, NOON_MS, TIMEOUT_S, System, play_to_the_end, replies
from tests.support.waiting import wait_until


def test_a_symbol_is_removed_and_added_again_by_the_command_line(system: System) -> None:
    session = system.start("AAPL", "MSFT", "RIVN")
    bars = read(session, "AAPL")
    done = system.cli("data", "remove-symbol", "AAPL", "MSFT")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"session {system.name}: AAPL, MSFT removed at 12:06\n"
    assert list(system.cli("data", "session", "--json").json["symbols"]) == ["RIVN"]
    assert system.cli("data", "bars", "AAPL").code == 1
    assert system.cli("data", "add-symbol", "AAPL").code == 0
    assert system.cli("data", "list-dynamic", "--json").json == [{"symbol": "AAPL", "added_ms": NOON_MS}]
    assert read(session, "AAPL") == bars
    play_to_the_end(session)
    assert len(read(session, "AAPL")) == 390
    shown = system.cli("watch", "--from-start", "--json").out.splitlines()
    assert any('"type":"symbol-removed"' in line and '"symbols":["AAPL","MSFT"]' in line for line in shown)


def test_what_is_not_there_cannot_be_removed_and_the_symbols_that_are_there_are_named(system: System) -> None:
    session = system.start("MSFT", "RIVN")
    refused = system.cli("data", "remove-symbol", "TSLA")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == f"error: TSLA is not in session {system.name}; there are MSFT, RIVN\n"
    partly = system.cli("data", "remove-symbol", "TSLA,MSFT", "--json", "--id", "mine")
    assert partly.code == 1
    assert partly.json["command"] == "mine"
    assert partly.json["results"]["MSFT"] == {"status": "removed", "clock_ms": NOON_MS}
    assert partly.json["results"]["TSLA"]["status"] == "rejected"
    assert system.cli("data", "remove-symbol", "MSFT", "--id", "mine", "--json").code == 0, "the first reply"
    assert session.symbols() == ("RIVN",)
    assert [reply.status for reply in replies(system)][-3:] == ["rejected", "partial", "partial"]
    with pytest.raises(CommandRejected, match="there are RIVN"):
        session.remove_symbol("MSFT")


def test_a_consumer_that_was_killed_before_a_removal_still_sees_the_symbol_up_to_the_event(system: System) -> None:
    session = system.start("AAPL", "RIVN")
    killed = system.consume(session, "study")
    killed.wait_until_seen(10)
    killed.kill()
    assert session.remove_symbol("AAPL").status == "ok"
    consumer = system.consume(session, "study")
    play_to_the_end(session)
    items = consumer.ended()
    (at,) = (at for at, item in enumerate(items) if item["type"] == "symbol-removed")
    assert items[at]["clock_ms"] == NOON_MS
    seen = {item["entry"]: item for item in items}
    before = [item for item in seen.values() if item["type"] == "tick" and item["clock_ms"] <= NOON_MS]
    assert [item["have"]["AAPL"] for item in before] == list(range(1, 157))
    assert all("AAPL" in item["bars"] for item in before)
    after = items[at:]
    assert len(after) > 200
    assert not any("AAPL" in item["have"] or "AAPL" in item.get("bars", ()) for item in after)


def test_up_says_what_was_removed_and_what_came_again(system: System) -> None:
    options = ["--symbols", "AAPL,RIVN", "--date", DAY, "--source", "sample:", "--run-until", "12:06"]
    running = system.begin_cli("up", "--id", system.name, *options, "--no-dashboard", "--url", system.url)
    wait_until(lambda: system.client.hget(system.keys().state, "status") == b"paused", TIMEOUT_S, "12:06")
    shown = []
    assert running.process.stdout is not None

    def until(words: str) -> None:
        for line in running.process.stdout or ():
            shown.append(line.strip())
            if words in line:
                return
        raise AssertionError(f"{words} was not said: {shown}")

    until("paused (holds: user)")
    assert system.cli("data", "remove-symbol", "AAPL").code == 0
    until("12:06 symbol-removed AAPL")
    assert system.cli("data", "add-symbol", "AAPL").code == 0
    until("12:06 symbol-added AAPL")
    running.process.terminate()
    assert running.process.wait(timeout=TIMEOUT_S) == 0
