"""Shows that a job is alive while it works, however long its source takes."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from playhead.errors import RedisUnavailable
from shared.health import Progress
from shared.settings import Settings
from workers.staging import Staging, Stale

LOG: Final = logging.getLogger(__name__)
SIGNS: Final = 4
"""Signs of life in the time after which silence counts as death."""
WORKING: Final = "working"
"""The worker's part in the signs of progress of its process, whether it waits for a job or does one."""


class Life:
    """A thread that reports `alive` at intervals; the first sign of a job is that it was begun. It does not wait for
    the job's own calls: a client has a connection for each thread that calls."""

    def __init__(self, staging: Staging, settings: Settings, attempt: str) -> None:
        self._staging = staging
        self._every_s = settings.job_silence_ms / 1000 / SIGNS
        self._progress = Progress(settings.health_dir)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._show, name=f"life-{attempt}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _show(self) -> None:
        while not self._over.wait(self._every_s):
            with suppress(RedisUnavailable):  # then the silence says it
                try:
                    self._staging.report("alive")
                except Stale:
                    return
                self._progress.made(WORKING)
