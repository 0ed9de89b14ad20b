"""A master dies and its replica takes its place: the roles go on, and what was lost on the way is said."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from playhead.connection import connect
from playhead.errors import HistoryLost
from playhead.session import Session
from shared.server_binary import ServerMissing
from tests.conftest import lacking
from tests.support.sentinels import LAG_MS, Watched
from tests.support.services import Services
from tests.support.story import notifications, read
from tests.support.system import (
    NOON_MS,
    TIMEOUT_S,
    System,
    added,
    play_to_the_end,
    recorded,
    wait_for,
)
from tests.support.tape import MINUTE_MS
from tests.support.transcript import Consumer
from tests.support.transcript import read as transcript
from tests.support.waiting import wait_until

ROLES = ("coordinator", "producer", "worker", "recorder")
QUARTER_MS = NOON_MS + 10 * MINUTE_MS


class Failover:
    """A system behind Sentinels."""

    def __init__(self, watched: Watched, system: System) -> None:
        self.watched = watched
        self.system = system
        self.started = {each.process.pid for each in system.services.running}

    def survivors(self) -> set[int]:
        """The processes that live still."""
        return {each.process.pid for each in self.system.services.running if each.alive}

    def said(self, role: str, words: str) -> list[str]:
        """Lines of a role with these words."""
        return [line.text for line in self.system.services.log_lines() if line.role == role and words in line.text]


@pytest.fixture
def watched(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Watched]:
    try:
        watched = Watched(tmp_path / "redis", *getattr(request, "param", ()))
    except ServerMissing as error:
        lacking(str(error))
    with watched:
        yield watched


@pytest.fixture
def system(watched: Watched, tmp_path: Path) -> Iterator[System]:
    (tmp_path / "logs").mkdir()
    with Services(watched.url, tmp_path / "logs") as services, closing(System(services, "f", tmp_path)) as system:
        services.start(*ROLES)
        yield system


@pytest.fixture
def failover(watched: Watched, system: System) -> Failover:
    return Failover(watched, system)


def seen(consumer: Consumer, clock_ms: int) -> None:
    """Waits until a consumer has come to a time."""
    wait_until(
        lambda: any(item["clock_ms"] >= clock_ms for item in transcript(consumer.file)), TIMEOUT_S, "the consumer"
    )


def test_a_failover_to_a_replica_in_step_ends_no_role_and_loses_nothing(failover: Failover) -> None:
    system = failover.system
    session = system.start("RIVN")
    consumer = system.consume(session, "c")
    seen(consumer, NOON_MS)
    failover.watched.wait_in_step()
    failover.watched.fail_over()
    outcome = system.cli("data", "add-symbol", "AAPL")
    assert outcome.code == 0, outcome.err
    play_to_the_end(session)
    items = consumer.ended()
    assert [item["entry"] for item in items] == [entry for entry, _ in notifications(system, system.keys())]
    assert (read(session, "RIVN"), read(session, "AAPL")) == (recorded("RIVN"), recorded("AAPL"))
    assert failover.survivors() == failover.started
    for role in ROLES:
        assert len(failover.said(role, "waiting for it")) == 1, role
        assert failover.said(role, "has lost") == [], role


def test_no_job_waits_for_a_master_that_hangs_after_another_one_has_taken_its_place(failover: Failover) -> None:
    """A worker keeps its connections from job to job; one that leads to the old master may not cost the next addition
    the time of a reply."""
    system, old = failover.system, failover.watched.master
    system.start("RIVN")
    assert system.cli("data", "add-symbol", "AAPL").code == 0
    failover.watched.wait_in_step()
    os.kill(old.pid, signal.SIGSTOP)
    try:
        failover.watched.wait_failed_over()
        outcome = system.cli("data", "add-symbol", "MSFT")
    finally:
        os.kill(old.pid, signal.SIGCONT)
    assert outcome.code == 0, outcome.err
    assert failover.said("worker", "is given up") == []


@pytest.mark.parametrize("watched", [(LAG_MS,)], indirect=True)
def test_what_a_replica_had_not_seen_is_said_by_who_knew_it_and_the_session_goes_on_from_what_is_there(
    failover: Failover,
) -> None:
    system = failover.system
    session = system.start("RIVN")
    consumer = system.consume(session, "c")
    seen(consumer, NOON_MS)
    failover.watched.wait_in_step()
    kept = notifications(system, system.keys())[-1][0]
    failover.watched.cut_off()
    session.run_until("12:16")
    wait_for(session, "paused")
    session.add_symbol("AAPL")
    wait_until(lambda: "symbol-added" in [item["type"] for item in transcript(consumer.file)], TIMEOUT_S, "the event")
    failover.watched.fail_over()

    error = consumer.failed()
    assert f"HistoryLost: session {session.name}: the server has lost its last writes" in error
    assert f"the notifications after {kept} are gone" in error
    wait_until(lambda: failover.said("coordinator", "has lost its last writes"), TIMEOUT_S, "the coordinator")
    (said,) = failover.said("coordinator", "has lost its last writes")
    assert f"notifications after {kept} (there were some up to {QUARTER_MS}-1)" in said
    assert "the clock read 2025-07-02 12:16:00, and now reads 2025-07-02 12:06:00" in said
    assert (session.clock(), session.symbols(), added(system)) == (NOON_MS, ("RIVN",), [])

    before = len(transcript(consumer.file))
    again = system.consume(session, "c")
    outcome = system.cli("data", "add-symbol", "AAPL")
    assert outcome.code == 0, outcome.err
    play_to_the_end(session)
    entries = [entry for entry, _ in notifications(system, system.keys())]
    anew = [item["entry"] for item in again.ended()[before:]]
    assert anew == entries[-len(anew) :]
    assert anew[0] <= f"{NOON_MS + MINUTE_MS}"
    assert (read(session, "RIVN"), read(session, "AAPL")) == (recorded("RIVN"), recorded("AAPL"))
    assert failover.survivors() == failover.started


class Interrupted(Exception):
    """Raised by a signal while something waits for Redis."""


def interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def test_who_was_interrupted_in_waiting_for_a_reply_does_not_take_it_for_another(watched: Watched) -> None:
    with connect(watched.url) as client:
        client.set("a", "1")
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Interrupted):
                client.blpop(["nothing"], 1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert client.get("a") == b"1"


def test_whoever_has_read_from_a_master_that_had_been_replaced_already_is_told(
    failover: Failover,
) -> None:
    system = failover.system
    session = system.start("RIVN")
    failover.watched.wait_in_step()
    master = failover.watched.master
    # This one speaks with the first master, whatever the Sentinels say.
    with Session(session.name, master.url) as stubborn, stubborn.subscribe(patience_s=TIMEOUT_S) as items:
        os.kill(master.pid, signal.SIGSTOP)
        try:
            failover.watched.wait_failed_over()
        finally:
            os.kill(master.pid, signal.SIGCONT)
        # For some seconds there are two masters. Nobody keeps a person from using the wrong one.
        dropped: dict[Any, Any] = {"type": "consumer-dropped", "consumer": "nobody"}
        stubborn._client.xadd(stubborn._keys.notifications, dropped, id=f"{NOON_MS}-1")
        stubborn._client.hset(stubborn._keys.state, "noted", f"{NOON_MS}-1")
        assert next(items).entry == f"{NOON_MS}-1"
        wait_until(failover.watched.is_demoted, TIMEOUT_S, "the first master to be set right")
        play_to_the_end(session)
        with pytest.raises(HistoryLost, match="has lost its last writes"):
            next(items)
    assert read(session, "RIVN") == recorded("RIVN")
    assert failover.survivors() == failover.started
