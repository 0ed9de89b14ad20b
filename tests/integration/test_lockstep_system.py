"""Lockstep of real processes: who is handed what when, who is waited for, and who is not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from playhead.connection import text
from shared.redis_server import RedisServer
from tests.conftest import started
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.steps import Item, Steps, check_lead
from tests.support.system import DAY, TIMEOUT_S, System
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.waiting import wait_until

SILENCE_MS = 6_000
"""Longer than it takes until a dead process has lost its name, so that another one can go on in its place."""

Consume = Callable[..., Steps]


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with started(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def patient_services(module_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services on a server of their own, whose patience with consumers is short enough for a test."""
    directory = tmp_path_factory.mktemp("services")
    with Services(module_server.url, directory, consumer_silence_ms=SILENCE_MS) as running:
        running.start("coordinator", "producer", "worker")
        yield running


@pytest.fixture
def system(patient_services: Services, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    with (
        own_sessions(patient_services.url, request.node.nodeid) as name,
        closing(System(patient_services, name, tmp_path)) as system,
    ):
        patient_services.wait_ready()
        yield system
        patient_services.heal()


@pytest.fixture
def consume(system: System) -> Iterator[Consume]:
    """Starts consumers; what a test leaves running is killed."""
    with ExitStack() as stack:

        def consuming(name: str, *options: str) -> Steps:
            consumer = Steps(system.services, system.name, name, system.directory, *options)
            stack.callback(consumer.kill)
            return consumer

        yield consuming


def begin(system: System, *options: str) -> str:
    """Starts a session of AAPL from the command line. What that printed."""
    answer = system.cli("session", "start", "--id", system.name, "--symbols", "AAPL", "--date", DAY, *options)
    assert answer.code == 0, answer.err
    return answer.out


def show(system: System) -> Any:
    answer = system.cli("session", "show", "--json")
    assert answer.code == 0, answer.err
    return answer.json


def status(system: System) -> str:
    return text(system.client.hget(system.keys().state, "status") or b"")


def dropped(system: System) -> list[str]:
    """The consumers that were dropped."""
    found: Any = system.client.xrange(system.keys().notifications)
    return [text(fields[b"consumer"]) for _, fields in found if fields[b"type"] == b"consumer-dropped"]


def minutes(transcript: list[Item]) -> list[int]:
    """The minutes since the open of its ticks."""
    return [(item["clock_ms"] - OPEN_MS) // MINUTE_MS for item in transcript if item["type"] == "tick"]


def once(transcript: list[Item]) -> list[Item]:
    """Without what was handed out a second time because it could not be saved."""
    return list({item["entry"]: item for item in reversed(transcript)}.values())[::-1]


def entries(transcript: list[Item]) -> list[str]:
    return [item["entry"] for item in transcript]


def test_nobody_is_handed_a_tick_before_all_are_done_with_the_one_before(system: System, consume: Consume) -> None:
    names = ["quick", "slow", "asynchronous"]
    printed = begin(system, "--lead", "1", "--expect", ",".join(names), "--run-until", "12:06")
    assert printed.endswith("paused, clock 09:30, waiting for asynchronous, quick, slow\n")
    consumers = [consume("quick"), consume("slow", "--work-ms", "4"), consume("asynchronous", "--asyncio")]
    wait_until(lambda: show(system)["holds"] == ["user"], TIMEOUT_S, "12:06")
    assert system.cli("data", "add-symbol", "RIVN").code == 0
    assert system.cli("session", "resume").code == 0
    transcripts = [consumer.ended() for consumer in consumers]
    for transcript in transcripts:
        assert minutes(transcript) == list(range(1, 391))
        assert entries(transcript) == entries(transcripts[0])
        assert [item["type"] for item in transcript if item["type"] != "tick"] == [
            "day-opened",
            "symbol-added",
            "session-finished",
        ]
    check_lead(transcripts, 1)


def test_with_a_lead_of_five_the_quick_one_is_ahead_and_never_by_more(system: System, consume: Consume) -> None:
    begin(system, "--lead", "5", "--expect", "quick", "--expect", "slow")
    quick, slow = (each.ended() for each in (consume("quick"), consume("slow", "--work-ms", "3")))
    assert minutes(quick) == minutes(slow) == list(range(1, 391))
    check_lead([quick, slow], 5)
    with pytest.raises(AssertionError):
        check_lead([quick, slow], 4)


def test_a_pace_is_kept_in_lockstep(system: System, consume: Consume) -> None:
    begin(system, "--lead", "1", "--expect", "c", "--speed", "1200", "--run-until", "10:30")  # a minute in 50 ms
    consumer = consume("c")
    consumer.wait_until_seen(61)
    wait_until(lambda: status(system) == "paused", TIMEOUT_S, "10:30")
    seen = consumer.seen()
    assert minutes(seen) == list(range(1, 61))
    took_ms = (seen[-1]["handed_ns"] - seen[1]["handed_ns"]) / 1e6
    assert took_ms >= 59 * 50 * 0.9
    assert system.cli("session", "speed", "max").code == 0
    assert system.cli("session", "resume").code == 0
    assert minutes(consumer.ended()) == list(range(1, 391))


def test_a_consumer_that_is_killed_is_dropped_after_its_time_and_the_others_go_on(
    system: System, consume: Consume
) -> None:
    begin(system, "--lead", "1", "--expect", "lives,dies")
    lives, dies = consume("lives"), consume("dies", "--stand-at", "21")
    dies.wait_until_seen(21)
    lives.wait_until_seen(21)
    dies.kill()
    wait_until(lambda: show(system)["waiting_for"] == ["dies"], TIMEOUT_S, "the session to say for whom it waits")
    assert "Waiting for: dies" in system.cli("session", "show").out
    assert len(lives.seen()) == 21
    transcript = lives.ended()
    assert minutes(transcript) == list(range(1, 391))
    kinds = [item["type"] for item in transcript]
    at = kinds.index("consumer-dropped")
    assert (kinds.count("consumer-dropped"), at) == (1, 21)
    waited_ms = (transcript[at]["handed_ns"] - dies.seen()[-1]["done_ns"]) / 1e6
    assert SILENCE_MS - 1_500 < waited_ms < SILENCE_MS + 10_000  # its last heartbeat was up to a second before
    assert "consumer dies has shown no life for 6 s and is dropped" in system.log_text()
    assert "waiting for consumer dies" in system.log_text()


def test_a_consumer_that_is_told_to_end_is_not_waited_for(system: System, consume: Consume) -> None:
    begin(system, "--lead", "1", "--expect", "stays,leaves")
    stays, leaves = consume("stays"), consume("leaves", "--stand-at", "21")
    leaves.wait_until_seen(21)
    leaves.leave()
    transcript = stays.ended()
    assert minutes(transcript) == list(range(1, 391))
    assert dropped(system) == []


def test_a_consumer_that_is_killed_and_started_again_has_each_tick_once_and_is_waited_for(
    system: System, consume: Consume
) -> None:
    begin(system, "--lead", "1", "--expect", "other,exact")
    other, exact = consume("other"), consume("exact", "--transactions", "--stand-at", "40")
    exact.wait_until_seen(1)  # it stands, and has written that
    exact.kill()
    again = consume("exact", "--transactions")
    transcript = other.ended()
    assert again.process.wait(TIMEOUT_S) == 0
    saved = [json.loads(each) for each in system.client.lrange(f"{system.keys().state}:out:exact", 0, -1)]
    assert entries(saved) == entries(transcript)
    assert minutes(saved) == list(range(1, 391))
    assert dropped(system) == []
    check_lead([transcript, saved], 1)


def test_another_coordinator_takes_over_in_the_middle(system: System, consume: Consume) -> None:
    begin(system, "--lead", "2", "--expect", "quick,slow")
    quick, slow = consume("quick"), consume("slow", "--work-ms", "5")
    for count in (50, 150):
        slow.wait_until_seen(count)
        system.services.only("coordinator").kill()
        system.services.heal()
        system.services.wait_ready()
    transcripts = [quick.ended(), slow.ended()]
    for transcript in transcripts:
        assert minutes(transcript) == list(range(1, 391))
    check_lead(transcripts, 2)


def test_nobody_is_dropped_because_the_server_was_away(
    system: System, consume: Consume, module_server: RedisServer
) -> None:
    begin(system, "--lead", "1", "--expect", "a,b")
    consumers = [consume("a"), consume("b", "--work-ms", "5")]
    consumers[1].wait_until_seen(50)
    module_server.kill()
    back_s = time.monotonic() + SILENCE_MS / 1000 + 1
    wait_until(lambda: time.monotonic() > back_s, TIMEOUT_S, "a time without any heartbeat")
    module_server.restart()
    transcripts = [once(consumer.ended()) for consumer in consumers]
    for transcript in transcripts:
        assert minutes(transcript) == list(range(1, 391))
    assert dropped(system) == []
    check_lead(transcripts, 1)


def test_a_consumer_that_comes_late_is_in_step_from_its_first_tick(system: System, consume: Consume) -> None:
    begin(system, "--lead", "1", "--expect", "first")
    first = consume("first", "--work-ms", "10")
    first.wait_until_seen(30)
    transcripts = [consume("late", "--work-ms", "12").ended(), first.ended()]
    late = minutes(transcripts[0])
    assert late == list(range(late[0], 391))
    assert late[0] > 30
    assert minutes(transcripts[1]) == list(range(1, 391))
    check_lead(transcripts, 1)


def test_the_first_tick_waits_for_the_last_of_those_who_are_expected(system: System, consume: Consume) -> None:
    begin(system, "--expect", "vwap,cross")
    vwap = consume("vwap")
    wait_until(lambda: show(system)["holds"] == ["expect:cross"], TIMEOUT_S, "vwap to be there")
    assert system.cli("session", "resume").out.endswith("paused · 09:30 · holds: expect:cross\n")
    assert (show(system)["clock"], minutes(vwap.seen())) == ("09:30", [])
    cross = consume("cross")
    assert minutes(vwap.ended()) == minutes(cross.ended()) == list(range(1, 391))


def test_somebody_who_never_comes_is_let_go_by_hand(system: System, consume: Consume) -> None:
    begin(system, "--expect", "vwap,ghost")
    vwap = consume("vwap")
    wait_until(lambda: show(system)["holds"] == ["expect:ghost"], TIMEOUT_S, "vwap to be there")
    assert "Holds: expect:ghost" in system.cli("session", "show").out
    assert system.client.srem(system.keys().holds, "expect:ghost") == 1
    assert minutes(vwap.ended()) == list(range(1, 391))
