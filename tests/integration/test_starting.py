"""Starting and deleting a session: it begins or it says who is missing, and what is deleted is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from playhead import config as configs
from playhead.connection import text
from playhead.errors import CommandTimeout, InvalidInput, SessionExists, SessionFailed, SessionNotFound
from playhead.session import Session
from playhead.sessions import sessions
from tests.support.tape import OPEN_MS, Tape, config_for
from tests.support.waiting import wait_until

CONFIG = config_for(["AAPL"])


@pytest.fixture
def tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    """Not created: that is what the tests do."""
    tape = Tape(redis_url, session_name)
    yield tape
    tape.close()


def once_created(tape: Tape, act: Callable[[], object]) -> threading.Thread:
    """Does what the services would do, as soon as the session is there."""

    def run() -> None:
        wait_until(lambda: tape.client.exists(tape.keys.state), what="the session")
        act()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_session_that_is_not_waited_for_is_created(tape: Tape, redis_url: str) -> None:
    with Session.start(tape.keys.session, CONFIG, redis_url, wait_s=0) as session:
        info = session.info()
        assert info is not None
        assert (info.status, info.clock_ms, info.speed) == ("created", None, "max")
        assert session.config == CONFIG
        assert tape.keys.session in sessions(redis_url)
    state = tape.client.hgetall(tape.keys.state)
    assert configs.decode(text(state[b"config"]).encode()) == CONFIG
    assert state[b"noted"] == state[b"trimmed"] == state[b"commands_at"] == b"0-0"


@pytest.mark.parametrize("status", ["running", "paused", "finished"])
def test_starting_returns_when_the_session_has_begun(tape: Tape, redis_url: str, status: str) -> None:
    thread = once_created(tape, lambda: tape.set(status=status, clock_ms=OPEN_MS, ready=1))
    with Session.start(tape.keys.session, CONFIG, redis_url) as session:
        assert session.clock() == OPEN_MS
    thread.join()


def test_a_session_that_cannot_begin_is_an_error_with_the_reason_and_leaves_nothing(tape: Tape, redis_url: str) -> None:
    def fail() -> None:
        tape.client.hset(tape.keys.symbols, "AAPL", "{}")
        tape.set(status="failed", error="AAPL: no such symbol in sample:")

    thread = once_created(tape, fail)
    with pytest.raises(SessionFailed, match="AAPL: no such symbol in sample:"):
        Session.start(tape.keys.session, CONFIG, redis_url)
    thread.join()
    assert tape.client.keys(f"{tape.keys.state}*") == []
    assert tape.keys.session not in sessions(redis_url)


@pytest.mark.parametrize(
    ("leases", "reason"),
    [
        ([], "no coordinator and no producer serves it"),
        (["coordinator"], "no producer serves it; start `playhead producer`"),
        (["producer"], "no coordinator serves it; start `playhead coordinator`"),
        (["producer", "coordinator"], "look at their logs"),
    ],
)
def test_a_session_that_does_not_begin_says_who_is_missing_and_stays(
    tape: Tape, redis_url: str, leases: list[str], reason: str
) -> None:
    for role in leases:
        tape.client.set(tape.keys.lease(role), "somebody", px=10_000)
    with pytest.raises(CommandTimeout, match=reason):
        Session.start(tape.keys.session, CONFIG, redis_url, wait_s=0.05)
    with Session(tape.keys.session, redis_url) as session:
        assert session.clock() is None


def test_a_name_that_is_there_is_refused_with_what_to_do(tape: Tape, redis_url: str) -> None:
    Session.start(tape.keys.session, CONFIG, redis_url, wait_s=0).close()
    with pytest.raises(SessionExists, match=f"playhead session delete {tape.keys.session}"):
        Session.start(tape.keys.session, CONFIG, redis_url, wait_s=0)


def test_a_configuration_that_cannot_be_accepted_creates_nothing(tape: Tape, redis_url: str) -> None:
    with pytest.raises(InvalidInput, match="interval"):
        Session.start(tape.keys.session, replace(CONFIG, interval="7x"), redis_url, wait_s=0)
    with pytest.raises(InvalidInput, match="session name"):
        Session.start("two words", CONFIG, redis_url, wait_s=0)
    assert not tape.client.exists(tape.keys.state)
    assert tape.keys.session not in sessions(redis_url)


def test_a_deleted_session_leaves_no_key_and_its_name_is_free(tape: Tape, redis_url: str) -> None:
    tape.create().begin()
    tape.ticks(3)
    neighbour = f"{tape.keys.session}-2"
    other = Tape(redis_url, neighbour).create().begin()
    with Session(tape.keys.session, redis_url) as session:
        with session.subscribe("c") as items:
            next(items)
        session.delete()
        session.delete()
        assert tape.client.keys(f"{tape.keys.state}*") == []
        with pytest.raises(SessionNotFound):
            session.clock()
    with Session(neighbour, redis_url) as session:
        assert session.clock() == OPEN_MS
    Session.start(tape.keys.session, CONFIG, redis_url, wait_s=0).close()
    other.close()
