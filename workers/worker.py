"""The RQ worker: warm, without a fork a job, and deaf to any job but ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import redis
from rq import SimpleWorker
from rq.job import Job

from playhead.errors import PlayheadError
from shared.jobs import ALLOWED, STAGE
from shared.settings import Settings
from workers.stage import stage, stage_on

FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {STAGE: stage}
if set(FUNCTIONS) != ALLOWED:
    raise AssertionError("the worker's functions and the allow-list differ")


class JobRefused(PlayheadError):
    """A job named a callable that this worker does not run."""


class AllowedJob(Job):
    """A job whose function is looked up in a table. RQ itself would import whatever the job names."""

    functions = FUNCTIONS

    @property
    def func(self) -> Callable[..., Any]:
        function = self.functions.get(self.func_name or "")
        if function is None or self.instance is not None:
            raise JobRefused(f"job {self.id} names {self.func_name!r}; a worker runs {', '.join(sorted(ALLOWED))}")
        return function

    @property
    def success_callback(self) -> None:
        return self._no_callback(self._success_callback_name)

    @property
    def failure_callback(self) -> None:
        return self._no_callback(self._failure_callback_name)

    @property
    def stopped_callback(self) -> None:
        return self._no_callback(self._stopped_callback_name)

    def _no_callback(self, name: str | None) -> None:
        """Never a callable: a callback would be imported by its name as well."""


def jobs_on(client: redis.Redis, settings: Settings) -> type[AllowedJob]:
    """Jobs that all use this client for the sessions."""

    class KeptJob(AllowedJob):
        functions: Mapping[str, Callable[..., Any]] = {STAGE: partial(stage_on, client, settings)}

    return KeptJob


class WarmWorker(SimpleWorker):
    """Runs jobs in its own process, in which everything that a job needs has been imported."""

    job_class = AllowedJob
