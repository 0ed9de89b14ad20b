"""The job of a worker: stage the symbols of one attempt."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import redis
from rq.timeouts import BaseTimeoutException

from playhead.codec import pack, runs_of
from playhead.connection import connect
from playhead.errors import InvalidInput, RedisUnavailable
from playhead.intervals import interval_ms
from shared.logs import SessionLog
from shared.request import Manifest
from shared.settings import Settings
from shared.stretch import entries_of
from shared.ticks import Fields, window_end
from workers.catchup import Catchup, catch_up, warm_up
from workers.life import Life
from workers.metrics import BUSY, FAILED, JOB_S, JOBS, STAGED, STALE
from workers.staging import StagedRun, Staging, Stale, Task

LOG: Final = logging.getLogger(__name__)


def stage(session: str, job: int, attempt: str) -> None:
    """Fetches, filters, splits and stages the symbols of one job of an addition.

    Safe to run twice, late, or beside another attempt: the scripts refuse what is not the current attempt's, and a part
    that is there already. A symbol that cannot be loaded is named in the manifest; an error elsewhere ends the attempt.
    """
    settings = Settings.from_environment()
    with connect(settings.redis_url) as client:
        stage_on(client, settings, session, job, attempt)


def stage_on(client: redis.Redis, settings: Settings, session: str, job: int, attempt: str) -> None:
    """The same on a client that is kept for one job after the other: to connect anew is a part of the pause."""
    log = SessionLog(LOG, session)
    with BUSY.track_inprogress(), JOB_S.time():
        staging = Staging(client, session, job, attempt, settings.staged_lifetime_ms)
        try:
            task = staging.task()
            with Life(staging, settings, attempt):
                _stage(staging, task, session)
            JOBS.labels(STAGED).inc()
        except Stale as error:
            JOBS.labels(STALE).inc()
            log.info("%s", error)
        except RedisUnavailable as error:
            JOBS.labels(FAILED).inc()
            log.warning("attempt %s is given up: %s", attempt, error)
            with suppress(RedisUnavailable, Stale):  # then its silence says it
                staging.report("failed", str(error))
        except Exception as error:
            JOBS.labels(FAILED).inc()
            log.exception("attempt %s failed", attempt)
            staging.report("failed", f"{type(error).__name__}: {error}")
            raise


def _stage(staging: Staging, task: Task, session: str) -> None:
    log = SessionLog(LOG, session, task.command)
    caught: dict[str, Catchup] = {}
    rejected: dict[str, str] = {}
    for request in task.symbols:
        try:
            caught[request.symbol] = warm_up(task, request) if task.warm_up else catch_up(task, request, session)
        except (RedisUnavailable, BaseTimeoutException):
            raise
        except InvalidInput as error:  # the source's own refusals among them
            rejected[request.symbol] = str(error)
        except Exception as error:  # a source that fails takes no other symbol with it
            log.exception("loading %s failed", request.symbol)
            rejected[request.symbol] = f"{type(error).__name__}: {error}"
    through_ms = max(task.clock_ms, task.opened_ms)
    queued = list(entries_of(each for one in caught.values() for each in one.queued))
    if queued:
        through_ms = max(through_ms, queued[-1].last_ms)
    entries: list[tuple[str, Fields]] = [(entry.id, entry.fields) for entry in queued]
    entries.append((f"{through_ms}-1", window_end(through_ms, final=True)))
    counts = {symbol: each.counts for symbol, each in caught.items()}
    staging.write(_runs(caught), entries, Manifest(counts, rejected, through_ms))


def _runs(caught: dict[str, Catchup]) -> Iterator[StagedRun]:
    for symbol, each in caught.items():
        for label, bars in each.written:
            for start_ms, packed in runs_of(bars.start_ms, pack(bars.values), interval_ms(bars.interval)):
                yield symbol, bars.interval, label, start_ms, packed
