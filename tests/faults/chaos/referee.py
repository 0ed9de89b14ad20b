"""Compares each round with an undisturbed run of its journal, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from playhead.errors import PlayheadError
from shared.redis_server import RedisServer
from tests.faults.chaos.comparison import differences
from tests.faults.chaos.evidence import Evidence
from tests.faults.chaos.undisturbed import prepare, undisturbed

Sent = Mapping[str, Mapping[str, str] | None]
PROCESSES: Final = 1


class Referee:
    """Has a server of its own; both end with a `with` block."""

    def __init__(self, exact: str) -> None:
        """`exact` is the consumer that writes in transactions."""
        self._exact = exact

    def __enter__(self) -> Referee:
        self._server = RedisServer.start(appendonly=False)
        # Spawned: a fork would take over the threads' locks.
        context = get_context("spawn")
        self._pool = ProcessPoolExecutor(PROCESSES, context, initializer=prepare, initargs=(self._server.url,))
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._server.stop()

    def judged(self, session: str, evidence: Evidence, sent: Sent) -> Future[list[str]]:
        """The differences, once they are found."""
        return self._pool.submit(_judge, self._server.url, session, evidence, dict(sent), self._exact)


def _judge(url: str, session: str, evidence: Evidence, sent: Sent, exact: str) -> list[str]:
    try:
        return differences(evidence, undisturbed(url, session, evidence.journal), sent, exact)
    except (AssertionError, PlayheadError) as error:
        return [f"the undisturbed run did not come to its end: {error!r}"]
