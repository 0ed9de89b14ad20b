"""Commands and their replies: each runs once and is answered, and silence says who is missing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from playhead import commander as module
from playhead.commands import AddSymbol, Command, Pause, Resume, RunUntil, Speed, Step, Stop, decode
from playhead.errors import (
    CommandRejected,
    CommandTimeout,
    InvalidInput,
    RedisUnavailable,
    SessionNotFound,
)
from playhead.session import Session
from tests.support.tape import Tape
from tests.support.waiting import wait_until

Answer = Callable[[str, str, Command], tuple[str, str]]


@pytest.fixture
def tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    tape = Tape(redis_url, session_name).create().begin()
    yield tape
    tape.close()


@pytest.fixture
def session(tape: Tape, redis_url: str) -> Iterator[Session]:
    with Session(tape.keys.session, redis_url) as session:
        yield session


class Coordinator(threading.Thread):
    """Answers every command with one status and error, and remembers what it was told."""

    def __init__(self, url: str, name: str, status: str = "ok", error: str = "") -> None:
        super().__init__(daemon=True)
        self.heard: list[Command] = []
        self._tape = Tape(url, name)
        self._answer = status, error
        self._ended = threading.Event()

    def run(self) -> None:
        seen = "0-0"
        while not self._ended.is_set():
            found: Any = self._tape.client.xread({self._tape.keys.commands: seen}, block=20)
            for entry, fields in next(iter(found.values()), []) if found else []:
                seen = entry.decode()
                self.heard.append(decode(fields))
                status, error = self._answer
                self._tape.replies("9-9", "somebody-else", "ok")
                self._tape.replies(seen, fields[b"id"].decode(), status, error, seen=seen)

    def __enter__(self) -> Coordinator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        self._tape.close()


def sent(tape: Tape) -> Any:
    """The entries of the commands stream."""
    return tape.client.xrange(tape.keys.commands)


def test_every_command_is_sent_as_it_is_meant_and_answered(tape: Tape, session: Session) -> None:
    noon = datetime(2025, 7, 2, 16, 6, tzinfo=UTC)
    with Coordinator(session.url, session.name) as coordinator:
        replies = [
            session.add_symbol("AAPL", "msft", source="csv:/data", calendar="XTKS"),
            session.pause(),
            session.resume(),
            session.step(),
            session.step(5),
            session.run_until("12:06"),
            session.run_until(noon),
            session.run_until(1_751_472_360_500),
            session.set_speed("max"),
            session.set_speed(60),
            session.set_speed("0.5"),
            session.stop(),
        ]
    assert coordinator.heard == [
        AddSymbol(("AAPL", "msft"), "csv:/data", "XTKS"),
        Pause(),
        Resume(),
        Step(1),
        Step(5),
        RunUntil("12:06"),
        RunUntil("2025-07-02T16:06:00.000+00:00"),
        RunUntil("2025-07-02T16:06:00.500+00:00"),
        Speed(None),
        Speed(60.0),
        Speed(0.5),
        Stop(),
    ]
    assert [reply.status for reply in replies] == ["ok"] * len(replies)
    assert all(reply.result["seen"] == reply.entry for reply in replies)


def test_a_rejected_command_is_an_error_with_the_reply(session: Session) -> None:
    with (
        Coordinator(session.url, session.name, "rejected", "the session is over"),
        pytest.raises(CommandRejected, match=r"^the session is over$") as caught,
    ):
        session.add_symbol("AAPL")
    assert caught.value.reply is not None
    assert caught.value.reply.status == "rejected"
    assert "seen" in caught.value.reply.result


def test_an_addition_that_went_well_in_part_is_a_reply(session: Session) -> None:
    with Coordinator(session.url, session.name, "partial", "XX: unknown"):
        assert session.add_symbol("AAPL", "XX").status == "partial"


def test_a_repeated_id_is_answered_again(session: Session) -> None:
    with Coordinator(session.url, session.name):
        first = session.send(Pause(), id="once")
        again = session.send(Pause(), id="once")
    assert (first.id, again.id) == ("once", "once")


def test_an_addition_that_is_not_waited_for_is_sent(tape: Tape, session: Session) -> None:
    reply = session.add_symbol("AAPL", wait=False)
    assert reply.status == "sent"
    ((entry, fields),) = sent(tape)
    assert (entry.decode(), fields[b"id"]) == (reply.entry, reply.id.encode())


@pytest.mark.parametrize(
    "give",
    [
        lambda session: session.step(0),
        lambda session: session.set_speed("fast"),
        lambda session: session.set_speed(-1),
        lambda session: session.run_until(datetime(2025, 7, 2, 12, 6)),
        lambda session: session.add_symbol(),
        lambda session: session.add_symbol("AAPL", "aapl"),
    ],
)
def test_what_no_coordinator_would_take_is_not_sent(
    tape: Tape, session: Session, give: Callable[[Session], object]
) -> None:
    with pytest.raises(InvalidInput):
        give(session)
    assert not tape.client.exists(tape.keys.commands)


def test_silence_without_a_coordinator_says_to_start_one(session: Session) -> None:
    with pytest.raises(CommandTimeout, match=r"no coordinator serves .*`playhead coordinator`"):
        session.send(Pause(), timeout_s=0.05)


def test_silence_of_a_coordinator_says_that_it_may_still_do_it(tape: Tape, session: Session) -> None:
    tape.client.set(tape.keys.lease("coordinator"), "somebody", px=10_000)
    with pytest.raises(CommandTimeout, match="may still carry it out: ask again under the id abc"):
        session.send(Pause(), id="abc", timeout_s=0.05)


def test_a_deleted_session_gets_no_command(tape: Tape, session: Session) -> None:
    session.delete()
    with pytest.raises(SessionNotFound):
        session.pause()
    assert not tape.client.exists(tape.keys.commands)


def test_a_command_whose_acknowledgement_was_lost_is_sent_again_under_its_id_once(
    tape: Tape, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = module._send
    lost: list[int] = []

    def losing(client: redis.Redis, keys: list[str], args: list[str]) -> object:
        answer = send(client, keys, args)
        if len(lost) < 1:
            lost.append(1)
            raise RedisUnavailable("the reply was lost")
        return answer

    monkeypatch.setattr(module, "_send", losing)
    with Coordinator(session.url, session.name) as coordinator:
        assert session.pause().status == "ok"
        wait_until(lambda: len(coordinator.heard) == 2, what="both entries to be read")
    ids = {fields[b"id"] for _, fields in sent(tape)}
    assert len(ids) == 1


def test_a_command_that_cannot_be_sent_twice_over_is_an_error(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def away(*_: object) -> None:
        tries.append(1)
        raise RedisUnavailable("away")

    monkeypatch.setattr(module, "_send", away)
    with pytest.raises(RedisUnavailable):
        session.pause()
    assert len(tries) == 2
