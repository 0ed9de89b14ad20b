"""Puts the jobs of an addition into the RQ queue."""

from __future__ import annotations

import logging
import math
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from playhead.connection import CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S
from playhead.keys import JOBS_QUEUE
from shared.jobs import STAGE

LOG: Final = logging.getLogger(__name__)
_KEPT_S: Final = 60
"""How long RQ keeps the result of a job: for whoever looks; nothing here reads it."""


class Dispatcher:
    """Sends jobs to the workers. That a job may run twice, late, or never, is for the attempts to deal with."""

    def __init__(self, url: str, deadline_ms: int) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._queue = Queue(JOBS_QUEUE, connection=self._client, serializer=JSONSerializer)
        self._timeout_s = math.ceil(deadline_ms / 1000)

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def send(self, session: str, job: int, attempt: str) -> None:
        """Enqueues one attempt of a job. Where the queue's server is away, the job counts as one that shows no life."""
        try:
            self._queue.enqueue(
                STAGE,
                session,
                job,
                attempt,
                job_id=f"{session}-{attempt}",
                job_timeout=self._timeout_s,
                ttl=self._timeout_s,
                result_ttl=_KEPT_S,
                failure_ttl=_KEPT_S,
                description=f"stage {session} {attempt}",
            )
        except (ConnectionError, TimeoutError) as error:
            LOG.warning("job %s could not be sent: the queue's Redis does not answer: %s", attempt, error)
