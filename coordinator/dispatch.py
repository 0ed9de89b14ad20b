"""Puts the jobs of an addition into the RQ queue."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Final

from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from coordinator.metrics import SENT
from playhead.connection import open_client
from playhead.errors import RedisUnavailable
from playhead.keys import JOBS_QUEUE
from shared.jobs import STAGE
from shared.queue_client import QueueClient

LOG: Final = logging.getLogger(__name__)
AWAY_S: Final = 1.0
"""How long a queue that did not answer is left alone."""
_KEPT_S: Final = 60
"""How long RQ keeps the result of a job: for whoever looks; nothing here reads it."""


class Dispatcher:
    """Sends jobs to the workers. That a job may run twice, late, or never, is for the attempts to deal with."""

    def __init__(self, url: str, deadline_ms: int, patience_ms: int) -> None:
        """`patience_ms` is how long a call may take: the caller holds a lease meanwhile, and must not lose it."""
        self._away_until_s = 0.0
        self._is_away = False
        self._client = open_client(
            QueueClient,
            url,
            socket_connect_timeout=patience_ms / 1000,
            socket_timeout=patience_ms / 1000,
            retry=Retry(NoBackoff(), 0),
        )
        self._queue = Queue(JOBS_QUEUE, connection=self._client, serializer=JSONSerializer)
        self._timeout_s = math.ceil(deadline_ms / 1000)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def send(self, session: str, attempts: Mapping[int, str]) -> None:
        """Enqueues an attempt of each of some jobs, in one way to the queue's server. Where that is away, they count as
        jobs that show no life."""
        if time.monotonic() < self._away_until_s:
            return  # it is not waited for again and again
        try:
            pipe = self._queue.connection.pipeline()
            for job, attempt in attempts.items():
                self._queue.enqueue(
                    STAGE,
                    session,
                    job,
                    attempt,
                    job_id=_job_id(session, attempt),
                    job_timeout=self._timeout_s,
                    ttl=self._timeout_s,
                    result_ttl=_KEPT_S,
                    failure_ttl=_KEPT_S,
                    description=f"stage {session} {attempt}",
                    pipeline=pipe,
                )
            pipe.execute()
        except RedisUnavailable as error:
            self._away_until_s = time.monotonic() + AWAY_S
            if not self._is_away:
                LOG.warning("no job can be sent: the queue's %s", error)
            self._is_away = True
        else:
            SENT.labels(session).inc(len(attempts))
            if self._is_away:
                LOG.info("the queue's Redis takes jobs again")
            self._is_away = False

    def waits(self, session: str, attempt: str) -> bool:
        """Whether an attempt still stands in the queue: no worker has come to it. False where that cannot be known."""
        if time.monotonic() < self._away_until_s:
            return False
        try:
            return self._client.lpos(self._queue.key, _job_id(session, attempt)) is not None
        except RedisUnavailable:
            self._away_until_s = time.monotonic() + AWAY_S
            return False


def _job_id(session: str, attempt: str) -> str:
    return f"{session}-{attempt}"
