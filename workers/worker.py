"""The RQ worker: warm, without a fork a job, and deaf to any job but ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rq import SimpleWorker
from rq.job import Job

from playhead.errors import PlayheadError
from shared.jobs import ALLOWED, STAGE
from workers.stage import stage

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {STAGE: stage}
if set(FUNCTIONS) != ALLOWED:
    raise AssertionError("the worker's functions and the allow-list differ")


class JobRefused(PlayheadError):
    """A job named a callable that this worker does not run."""


class AllowedJob(Job):
    """A job whose function is looked up in a table. RQ itself would import whatever the job names."""

    @property
    def func(self) -> Callable[..., Any]:
        function = FUNCTIONS.get(self.func_name or "")
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


class WarmWorker(SimpleWorker):
    """Runs jobs in its own process, in which everything that a job needs has been imported."""

    job_class = AllowedJob
