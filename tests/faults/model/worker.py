"""Workers, and the queue from which they take their jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from playhead.errors import RedisUnavailable
from tests.faults.model.scheduler import Event, Process, Scheduler
from workers.stage import stage
from workers.staging import Stale

Job = tuple[str, int, str]
LOST: Final = 0.05
TWICE: Final = 0.1


class JobQueue:
    """The queue of one run, in place of RQ's: a job may be lost, or run twice. Those of many processes come here."""

    def __init__(self, scheduler: Scheduler, troubled: bool) -> None:
        self._scheduler = scheduler
        self._jobs: deque[Job] = deque()
        self._arrived = Event(scheduler)
        self._troubled = troubled

    def send(self, session: str, attempts: Mapping[int, str]) -> None:
        self._scheduler.hand_over()
        for job, attempt in attempts.items():
            chance = self._scheduler.random.random() if self._troubled else 1.0
            if chance >= LOST:
                self._jobs.extend([(session, job, attempt)] * (2 if chance < TWICE else 1))
                self._arrived.set()

    def take(self) -> Job:
        """The next job, which is waited for."""
        while not self._jobs:
            self._arrived.clear()
            self._arrived.wait()
        return self._jobs.popleft()

    def waits(self, session: str, attempt: str) -> bool:
        """Whether no worker has come to an attempt."""
        self._scheduler.hand_over()
        return any(waiting == attempt for _, _, waiting in self._jobs)

    def close(self) -> None:
        """What a coordinator does with its connection."""


def work(process: Process, queue: JobQueue) -> None:
    """Does one job after the other."""
    while True:
        session, job, attempt = queue.take()
        process.credential = attempt
        try:
            stage(session, job, attempt)
        except (RedisUnavailable, Stale):
            continue  # it could not even say that it has failed; whoever waits for it notices the silence
        finally:
            process.credential = ""
