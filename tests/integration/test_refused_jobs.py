"""Whoever can write to the queue runs no code in a worker but ours."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from playhead.keys import JOBS_QUEUE
from tests.support.system import System
from tests.support.waiting import wait_until


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.file),)


@pytest.fixture
def connection(system: System) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(system.url) as client:
        yield client


def ended(job: Job) -> bool:
    """Whether a worker has had the job, and put it away."""
    return job.get_status(refresh=True) in ("finished", "failed")


def works_as_before(system: System) -> bool:
    """Whether the workers take jobs of ours, as many as there are workers and more."""
    session = system.start("RIVN")
    for symbol in ("AAPL", "MSFT", "TSLA"):
        session.add_symbol(symbol)
    return len(system.services.of("worker")) == 2


def test_a_job_that_names_another_callable_is_refused(system: System, connection: redis.Redis, tmp_path: Path) -> None:
    file = tmp_path / "made"
    queue = Queue(JOBS_QUEUE, connection=connection, serializer=JSONSerializer)
    job = queue.enqueue("os.mkdir", str(file), result_ttl=5, failure_ttl=5)
    wait_until(lambda: ended(job), 30, "the end of the job")
    assert job.get_status() == "failed"
    assert f"job {job.id} names 'os.mkdir'; a worker runs workers.stage.stage" in system.log_text()
    assert not file.exists()
    assert works_as_before(system)


@pytest.mark.parametrize("ending", ["success", "failure"])
def test_a_callback_of_a_job_is_not_run(system: System, connection: redis.Redis, tmp_path: Path, ending: str) -> None:
    file = tmp_path / "made"
    queue = Queue(JOBS_QUEUE, connection=connection, serializer=JSONSerializer)
    arguments = ["no-session", 0, "none-0-1"] if ending == "success" else []
    callbacks = {f"on_{ending}": Callback("unruly.leave_trace")}
    job = queue.enqueue(
        "workers.stage.stage", *arguments, description=str(file), result_ttl=5, failure_ttl=5, **callbacks
    )
    wait_until(lambda: ended(job), 30, "the end of the job")
    assert job.get_status() == {"success": "finished", "failure": "failed"}[ending]
    assert not file.exists()
    assert works_as_before(system)


def test_a_pickled_job_is_not_unpickled(system: System, connection: redis.Redis, tmp_path: Path) -> None:
    file = tmp_path / "made"
    job = Job.create("workers.stage.stage", connection=connection, result_ttl=5, failure_ttl=5)
    job.save()
    bomb = pickle.dumps(("workers.stage.stage", None, (Bomb(file),), {}))
    pickle.loads(bomb)  # noqa: S301 - it would go off
    file.rmdir()
    connection.hset(f"rq:job:{job.id}", mapping={"data": bomb, "meta": bomb})
    connection.lpush(f"rq:queue:{JOBS_QUEUE}", job.id)
    wait_until(lambda: connection.hget(f"rq:job:{job.id}", "status") == b"failed", 30, "the job to fail")
    assert not file.exists()
    assert works_as_before(system)
    connection.delete(f"rq:job:{job.id}")
