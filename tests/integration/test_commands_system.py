"""Commands to the real coordinator, by the library and the command line."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from playhead.errors import CommandRejected
from playhead.session import Session
from tests.support.dump import lasting
from tests.support.story import notifications, read
from tests.support.system import NOON_MS, System, added, info_of, play_to_the_end, replies, run_on_at_noon, wait_for
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.waiting import wait_until


def test_a_second_addition_waits_for_the_first_and_both_end_well(system: System) -> None:
    session = system.start("RIVN")
    run_on_at_noon(session)
    with system.services.suspended("worker"):
        commands = [system.begin_cli("data", "add-symbol", "AAPL", "--json")]
        wait_until(lambda: not info_of(session).active, 30, "the first addition")
        holds = info_of(session).holds
        commands.append(system.begin_cli("data", "add-symbol", "MSFT", "--json"))
        wait_until(lambda: system.client.xlen(system.keys().commands) == 4, 30, "the second command")
        assert info_of(session).holds == holds
    results = [command.ended() for command in commands]
    assert [result.code for result in results] == [0, 0]
    clocks = [receipt["clock_ms"] for result in results for receipt in result.json["results"].values()]
    assert clocks == [NOON_MS, NOON_MS]
    assert added(system) == ["AAPL", "MSFT"]
    assert (info_of(session).status, info_of(session).holds) == ("running", ())
    assert len(read(session, "AAPL")) == 156


def test_additions_from_many_hands_at_once_come_one_after_the_other_and_all_end_well(system: System) -> None:
    symbols = ("AAPL", "AMZN", "GOOG", "META", "MSFT", "TSLA")
    session = system.start("RIVN")

    def add(symbol: str) -> None:
        with Session(system.name, system.url) as own:
            own.add_symbol(symbol)

    threads = [threading.Thread(target=add, args=(symbol,)) for symbol in symbols]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(added(system)) == sorted(symbols)
    assert session.symbols() == tuple(sorted({*symbols, "RIVN"}))
    assert info_of(session).holds == ("user",)
    play_to_the_end(session)
    assert len(read(session, "AAPL")) == 390


def test_a_persons_pause_before_an_addition_is_still_there_after_it(system: System) -> None:
    session = system.start("RIVN")
    session.add_symbol("AAPL")
    info = wait_for(session, "paused")
    assert (info.holds, info.clock_ms, info.active) == (("user",), NOON_MS, True)
    assert session.resume().result["holds"] == []
    wait_for(session, "finished")


def test_resume_during_an_addition_removes_the_persons_hold_and_not_the_additions(system: System) -> None:
    session = system.start("RIVN", speed=None)
    session.set_speed(1)
    with system.services.suspended("worker"):
        adding = session.add_symbol("AAPL", wait=False)
        wait_until(lambda: not info_of(session).active, 30, "the addition")
        system.client.srem(system.keys().holds, "user")
        assert info_of(session).holds == (f"add:{adding.id}",)
        assert session.clock() == NOON_MS
    wait_until(lambda: info_of(session).active, 30, "the end of the addition")
    assert (info_of(session).holds, session.clock()) == ((), NOON_MS)


def test_one_command_entered_twice_with_the_same_id_runs_once_and_is_answered_twice(system: System) -> None:
    session = system.start("RIVN")
    first, second = (system.cli("data", "add-symbol", "AAPL", "--id", "c1", "--json") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert first.json == second.json
    assert first.json["command"] == "c1"
    assert added(system) == ["AAPL"]
    assert len(replies(system)) == 2
    journal: Any = system.client.xrange(system.keys().journal)
    assert [fields[b"op"] for _, fields in journal] == [b"add-symbol"]
    assert len(read(session, "AAPL")) == 156


def test_one_command_entered_twice_at_once_runs_once_too(system: System) -> None:
    session = system.start("RIVN")
    with system.services.suspended("worker"):
        for _ in range(2):
            system.client.xadd(system.keys().commands, {"id": "c1", "op": "add-symbol", "symbol": "AAPL"})
        wait_until(lambda: not info_of(session).active, 30, "the addition")
    wait_until(lambda: len(replies(system)) == 2, 30, "two replies")
    one, two = replies(system)
    assert (one.id, one.status, one.result) == (two.id, two.status, two.result) == ("c1", "ok", one.result)
    assert added(system) == ["AAPL"]


def test_the_speed_is_changed_while_the_session_runs(system: System) -> None:
    session = system.start("RIVN", run_until=None, speed=60)
    assert session.set_speed("max").result["status"] == "running"
    info = wait_for(session, "finished")
    assert (info.speed, info.clock_ms) == ("max", OPEN_MS + 390 * MINUTE_MS)


def test_step_releases_so_many_ticks_and_pauses_again(system: System) -> None:
    session = system.start("AAPL")
    assert system.cli("session", "step", "3").code == 0
    wait_until(lambda: info_of(session).holds == ("user",), 30, "the pause")
    assert session.clock() == NOON_MS + 3 * MINUTE_MS
    assert len(read(session, "AAPL")) == 159


def test_run_until_pauses_when_the_clock_reads_that_time(system: System) -> None:
    session = system.start("RIVN")
    assert system.cli("session", "run-until", "13:00").code == 0
    info = wait_for(session, "paused")
    assert (info.clock_ms, info.holds) == (OPEN_MS + 210 * MINUTE_MS, ("user",))


def test_a_stopped_session_stays_readable_and_takes_no_more_commands(system: System) -> None:
    session = system.start("RIVN")
    had = read(session, "RIVN")
    assert system.cli("session", "stop").code == 0
    assert wait_for(session, "stopped").clock_ms == NOON_MS
    assert read(session, "RIVN") == had
    assert notifications(system, system.keys())[-1][1] == {b"type": b"session-stopped"}
    with pytest.raises(CommandRejected, match="is stopped; it takes no more commands"):
        session.add_symbol("AAPL")


def test_a_finished_session_rejects_an_addition(system: System) -> None:
    session = system.start("RIVN", run_until=None)
    wait_for(session, "finished")
    before = lasting(system.client, system.keys())
    answer = system.cli("data", "add-symbol", "AAPL", "--json")
    assert answer.code == 1
    assert "is finished; it takes no more commands" in answer.json["results"]["AAPL"]["error"]
    assert lasting(system.client, system.keys()) == before
