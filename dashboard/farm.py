"""The workers that load symbols, and the queue from which they take their jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from rq.worker import BaseWorker

from playhead.connection import CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S, Client, open_client
from playhead.errors import PlayheadError
from playhead.keys import JOBS_QUEUE
from playhead.times import to_ms


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as RQ lists it: its process, what it does, its job, when it last showed life (UTC milliseconds)."""

    name: str
    place: str
    state: str
    job: str
    seen_ms: int | None


@dataclass(frozen=True, slots=True)
class Farm:
    """All workers, and how many jobs wait. `problem` says why they could not be read."""

    workers: tuple[WorkerState, ...] = ()
    queued: int = 0
    problem: str | None = None


def read_farm(url: str) -> Farm:
    """The workers and the queue at a URL. Looks at no job: what stands in one is not to be trusted."""
    try:
        with open_client(
            Client,
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            workers = Worker.all(connection=client, serializer=JSONSerializer)
            queued = Queue(JOBS_QUEUE, connection=client, serializer=JSONSerializer).count
            return Farm(tuple(sorted(map(_state, workers), key=lambda each: each.name)), queued)
    except (PlayheadError, RedisError, ValueError, TypeError, AttributeError, KeyError) as error:
        # Not only a server that is away: another hand may have written what RQ keeps there.
        known = isinstance(error, PlayheadError)
        return Farm(problem=str(error) if known else f"the workers cannot be read: {type(error).__name__}: {error}")


def _state(worker: BaseWorker) -> WorkerState:
    seen: datetime | None = worker.last_heartbeat
    if seen is not None and seen.tzinfo is None:
        seen = seen.replace(tzinfo=UTC)
    return WorkerState(
        str(worker.name),
        f"{worker.hostname or '?'}:{worker.pid or '?'}",
        str(worker.get_state()),
        str(worker.get_current_job_id() or ""),
        None if seen is None else to_ms(seen),
    )
