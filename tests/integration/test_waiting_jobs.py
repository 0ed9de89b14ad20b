"""A job of an addition that waits in the queue behind others keeps its place, and is not taken for a lost one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import pytest

from coordinator.dispatch import Dispatcher
from playhead.commands import AddSymbol, encode
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import connect
from playhead.keys import JOBS_QUEUE
from shared.redis_server import RedisServer
from tests.support.in_process import Inline, InProcess

DAY = date(2025, 7, 2)
SILENCE_MS = 1


class Queue:
    """In place of the queue: keeps what was sent until it is taken."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, int, str]] = []
        self.sent = 0

    def send(self, session: str, attempts: Mapping[int, str]) -> None:
        self.waiting += [(session, job, attempt) for job, attempt in attempts.items()]
        self.sent += len(attempts)

    def waits(self, session: str, attempt: str) -> bool:
        return any(attempt == waiting for _, _, waiting in self.waiting)

    def close(self) -> None:
        return None


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def session(redis_url: str, session_name: str, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    """A session in which an addition has been asked for, and its job been sent."""
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    config = SessionConfig((SymbolConfig("RIVN"),), DAY, DAY, "sample:", interval="15m", run_until="12:00")
    session = InProcess(redis_url, session_name, config, job_silence_ms=SILENCE_MS)
    session._replay._dispatcher = queue  # type: ignore[assignment]
    session.run(lambda: session.client.scard(session.keys.holds) == 1, "the stop")
    session.client.xadd(session.keys.commands, encode(AddSymbol(("AAPL",))))  # type: ignore[arg-type]
    session.run(lambda: bool(queue.waiting), "the job")
    yield session
    session.close()


def added(session: InProcess) -> bool:
    return b"AAPL" in session.client.hkeys(session.keys.symbols)


def test_a_job_that_waits_for_a_worker_stays_the_same_attempt_however_long_that_is(
    session: InProcess, queue: Queue
) -> None:
    (first,) = queue.waiting
    session.poll(50)
    assert queue.waiting == [first]
    name, job, attempt = first
    Inline().send(name, {job: attempt})
    queue.waiting.clear()
    session.run(lambda: added(session), "the addition")
    assert queue.sent == 1


def test_a_job_that_is_silent_and_stands_in_no_queue_goes_to_a_new_attempt(session: InProcess, queue: Queue) -> None:
    ((name, job, first),) = queue.waiting
    queue.waiting.clear()
    session.run(lambda: bool(queue.waiting), "a new attempt")
    ((_, _, second),) = queue.waiting
    assert second != first
    Inline().send(name, {job: second})
    queue.waiting.clear()
    session.run(lambda: added(session), "the addition")


def test_a_job_waits_from_when_it_was_sent_until_a_worker_takes_it(own_server: RedisServer) -> None:
    dispatcher = Dispatcher(own_server.url, deadline_ms=1_000, patience_ms=1_000)
    with connect(own_server.url) as client:
        dispatcher.send("s", {0: "op-0-1"})
        dispatcher.send("s", {0: "op-0-2"})
        assert dispatcher.waits("s", "op-0-1")
        assert not dispatcher.waits("s", "op-0-3")
        client.lpop(f"rq:queue:{JOBS_QUEUE}")
        assert not dispatcher.waits("s", "op-0-1")
        assert dispatcher.waits("s", "op-0-2")
    own_server.kill()
    assert not dispatcher.waits("s", "op-0-2"), "of a queue that is away nobody knows"
    dispatcher.close()
