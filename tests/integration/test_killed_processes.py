"""Processes that die in the middle of their work: the outcome is that of an undisturbed run."""

from __future__ import annotations

from typing import Any, cast

import pytest

from playhead.session import Session
from tests.support.story import complete, notifications, read
from tests.support.system import (
    CLOSE_MS,
    NOON_MS,
    Gate,
    System,
    added,
    info_of,
    play_to_the_end,
    recorded,
    replies,
    run_on_at_noon,
)
from tests.support.tape import OPEN_MS
from tests.support.transcript import Item
from tests.support.waiting import wait_until


@pytest.fixture
def gate(system: System) -> Gate:
    return Gate(system.directory)


def check_undisturbed(system: System, session: Session, transcript: list[Item]) -> None:
    """What is there after an addition of AAPL at 12:06, and what a consumer has seen, as if nobody had died."""
    (reply,) = (reply for reply in replies(system) if "AAPL" in reply.result)
    assert (reply.status, reply.result["AAPL"]["written"], reply.result["AAPL"]["queued"]) == ("ok", 156, 234)
    assert added(system) == ["AAPL"]
    assert read(session, "AAPL") == recorded("AAPL")
    assert read(session, "RIVN") == recorded("RIVN")
    seen = [tuple(item["bars"]["RIVN"]) for item in transcript if "RIVN" in item.get("bars", {})]
    assert seen == list(map(tuple, recorded("RIVN")))
    caught_up = [item["caught_up"]["AAPL"] for item in transcript if "caught_up" in item]
    later = [item["bars"]["AAPL"] for item in transcript if "AAPL" in item.get("bars", {})]
    assert [*caught_up[0], *later] == list(map(list, recorded("AAPL")))
    assert len(caught_up) == 1
    entries = [item["entry"] for item in transcript]
    assert entries == [entry for entry, _ in notifications(system, system.keys())]


def test_an_addition_survives_the_death_of_its_worker_in_the_middle(system: System, gate: Gate) -> None:
    session = system.start("RIVN")
    run_on_at_noon(session)
    consumer = system.consume(session, "c")
    command = system.begin_cli("data", "add-symbol", "AAPL", "--source", gate.uri)
    system.services.with_pid(gate.entered()).kill()
    gate.entered(times=2)
    assert not info_of(session).active
    gate.open()
    assert command.ended().code == 0
    assert session.clock() == NOON_MS
    play_to_the_end(session)
    check_undisturbed(system, session, consumer.ended())


def test_an_addition_survives_a_worker_that_wakes_up_after_it_was_given_up(system: System, gate: Gate) -> None:
    session = system.start("RIVN")
    run_on_at_noon(session)
    consumer = system.consume(session, "c")
    command = system.begin_cli("data", "add-symbol", "AAPL", "--source", gate.uri)
    asleep = system.services.with_pid(gate.entered())
    asleep.suspend()
    gate.entered(times=2)
    gate.open()
    assert command.ended().code == 0
    asleep.resume()
    play_to_the_end(session)
    wait_until(lambda: "is refused: stale" in asleep.log.read_text(), 30, "the late worker to be refused")
    check_undisturbed(system, session, consumer.ended())


def test_an_addition_survives_the_death_of_the_coordinator_between_staging_and_commit(
    system: System, gate: Gate
) -> None:
    session = system.start("RIVN")
    run_on_at_noon(session)
    consumer = system.consume(session, "c")
    command = system.begin_cli("data", "add-symbol", "AAPL", "--source", gate.uri)
    gate.entered()
    coordinator = system.services.only("coordinator")
    coordinator.suspend()
    gate.open()
    wait_until(lambda: complete(system, system.keys()), 30, "the worker to stage")
    coordinator.kill()
    assert not info_of(session).active
    system.services.replace(coordinator)
    assert command.ended().code == 0
    assert session.clock() == NOON_MS
    play_to_the_end(session)
    check_undisturbed(system, session, consumer.ended())


def test_a_coordinator_that_stands_by_takes_over_in_mid_session_and_the_clock_goes_on_where_it_was(
    system: System,
) -> None:
    session = system.start("RIVN", interval="5s", run_until="09:33")
    first = system.services.only("coordinator")
    (standby,) = system.services.start("coordinator")
    session.set_speed(7_200)
    session.resume()
    consumer = system.consume(session, "c")
    consumer.wait_until_seen(40)
    first.kill()
    system.services.running.remove(first)
    had = read(session, "RIVN")
    play_to_the_end(session)
    assert list(read(session, "RIVN"))[: len(had)] == list(had)
    assert read(session, "RIVN") == recorded("RIVN", "5s")
    seen = [tuple(item["bars"]["RIVN"]) for item in consumer.ended() if "bars" in item]
    assert seen == list(map(tuple, recorded("RIVN", "5s")))
    assert "took the lease" in standby.log.read_text()


def test_nothing_is_lost_and_nothing_comes_twice_when_a_producer_dies_in_mid_feed(system: System) -> None:
    # 4,680 ticks, of which the producer keeps about 2,000 ready: it stands in the middle of the day.
    session = system.start("RIVN", interval="5s", run_until="09:40")
    feed = system.keys().feed("main")
    ahead_ms = OPEN_MS + 2_048 * 5_000
    wait_until(lambda: bool(system.client.xrange(feed, ahead_ms)), 30, "the producer to be ahead")
    producer = system.services.only("producer")
    producer.kill()
    assert last_entry_ms(system, feed) < CLOSE_MS
    system.services.replace(producer)
    play_to_the_end(session)
    assert read(session, "RIVN") == recorded("RIVN", "5s")


def last_entry_ms(system: System, stream: str) -> int:
    ((entry, _),) = cast(list[tuple[bytes, Any]], system.client.xrevrange(stream, count=1))
    return int(entry.decode().partition("-")[0])


def test_coordinator_and_producer_may_die_at_once_while_the_worker_loads(system: System, gate: Gate) -> None:
    session = system.start("RIVN")
    run_on_at_noon(session)
    consumer = system.consume(session, "c")
    command = system.begin_cli("data", "add-symbol", "AAPL", "--source", gate.uri)
    gate.entered()
    for role in ("coordinator", "producer"):
        system.services.only(role).kill()
    assert not info_of(session).active
    gate.open()
    system.services.heal()
    assert command.ended().code == 0
    play_to_the_end(session)
    check_undisturbed(system, session, consumer.ended())
