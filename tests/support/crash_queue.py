"""A session that is paused, and symbols that are added to it one after the other, each by a worker of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from playhead.commands import AddSymbol, Resume
from playhead.connection import text
from playhead.keys import JOBS_QUEUE, Keys
from playhead.session import Session
from tests.support.cell import KILLED, Cell
from tests.support.crash_client import CONFIG
from tests.support.crash_story import NAME, TIMEOUT_S, is_over
from tests.support.outcome import Outcome, outcome_of
from tests.support.waiting import wait_until
from tests.support.warm import Warm

_JOBS: Final = f"rq:queue:{JOBS_QUEUE}"
LOOK: Final = ("BLMOVE",)
"""What a worker sends to the queue to wait for its next job."""


class QueueStory:
    """Such a session."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._keys = Keys(NAME)
        cell.serve("coordinator", "producer")
        self._session = Session.start(NAME, CONFIG, cell.url, TIMEOUT_S)
        wait_until(lambda: self._status() == "paused", TIMEOUT_S, "the pause")

    def add(self, symbol: str, point: str | None = None) -> Warm:
        """Adds a symbol, whose job waits when its worker begins. Where that is to die at a point, it does, sooner or
        later, and another one takes its place. Returns the first one, which has ended.
        """
        for key in self._cell.client.scan_iter("rq:*"):  # whatever those before have left: each worker does the same
            self._cell.client.delete(key)
        self._session._commander.post(AddSymbol((symbol,)), symbol)
        wait_until(lambda: self._cell.client.llen(_JOBS), TIMEOUT_S, "the job to be sent")
        worker = self._cell.run("worker", point=point)
        wait_until(lambda: not worker.alive or (self._answered(symbol) and _looks_again(worker)), TIMEOUT_S, "the job")
        if worker.alive:
            self._dismiss(worker)
        code = worker.ended()
        assert code == (KILLED if point else 0), f"the worker ended at {point} with {code}:\n{worker.log.read_text()}"
        if not self._answered(symbol):
            other = self._cell.run("worker")
            wait_until(lambda: self._answered(symbol), TIMEOUT_S, "the job to be done by another worker")
            self._dismiss(other)
            assert other.ended() == 0, other.log.read_text()
        return worker

    def finish(self) -> Outcome:
        """Plays to the end."""
        self._session.send(Resume(), "the-end", TIMEOUT_S)
        wait_until(lambda: is_over(self._cell.client, self._keys), TIMEOUT_S, "the end")
        return outcome_of(self._cell.client, self._keys)

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _dismiss(self, worker: Warm) -> None:
        """SIGTERM, once there are no jobs left: one that was sent again must not be there for the next worker."""
        wait_until(lambda: not worker.alive or worker.listens, TIMEOUT_S, "the worker to listen to signals")
        wait_until(lambda: not worker.alive or not self._cell.client.llen(_JOBS), TIMEOUT_S, "the queue to be empty")
        worker.terminate()

    def _answered(self, symbol: str) -> bool:
        return bool(self._cell.client.hexists(self._keys.answered, symbol))

    def _status(self) -> str:
        return text(self._cell.client.hget(self._keys.state, "status") or b"")


def _looks_again(worker: Warm) -> bool:
    """Whether it has done its job to the end, and waits for another one."""
    return sum(each.commands == LOOK for each in worker.passed) > 1
