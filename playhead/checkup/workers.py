"""Whether workers wait for the jobs of additions, as RQ says it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import redis

from playhead.checkup.finding import Finding
from playhead.connection import text
from playhead.keys import JOBS_QUEUE, QUEUE, QUEUE_WORKERS, queue_job

SILENT_S: Final = 30.0
"""RQ's workers show life every few seconds while they wait."""
LATE_S: Final = 5.0
"""A job that stands in the queue for longer says that there are too few workers."""


def check_workers(client: redis.Redis) -> Iterator[Finding]:
    """Looks at the workers of the queue, and at the jobs that wait. Raises `RedisUnavailable`."""
    seconds, _ = client.time()
    names = sorted(text(name) for name in client.smembers(QUEUE_WORKERS))
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hget(name, "last_heartbeat")
    alive = [_age_s(beat, seconds) <= SILENT_S for beat in pipe.execute() if beat is not None]
    if any(alive):
        yield Finding("ok", "workers", f"{_counted(sum(alive), 'worker')} on the queue {JOBS_QUEUE}")
    else:
        silent = f"; {_counted(len(alive), 'worker')} showed no life for {SILENT_S:g} s" if alive else ""
        yield Finding(
            "fail", "workers", f"no worker takes jobs, so no symbol can be added{silent}", "start one: playhead worker"
        )
    waiting = client.llen(QUEUE)
    if not waiting:
        yield Finding("ok", "queue", "no job waits")
        return
    first: Any = client.lindex(QUEUE, 0)
    enqueued = client.hget(queue_job(text(first)), "enqueued_at") if first is not None else None
    late_s = 0.0 if enqueued is None else _age_s(enqueued, seconds)
    found = f"{_counted(waiting, 'job')} waiting" + (f", the first one for {late_s:.0f} s" if late_s >= 1 else "")
    if late_s < LATE_S:
        yield Finding("ok", "queue", found)
    else:
        yield Finding("warn", "queue", found, "start more workers: playhead worker")


def _age_s(moment: bytes | str, now_s: int) -> float:
    """How long ago a time is that RQ has written; endless for what is none."""
    try:
        then = dt.datetime.fromisoformat(text(moment).replace("Z", "+00:00"))
    except ValueError:
        return float("inf")
    return now_s - then.timestamp()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
