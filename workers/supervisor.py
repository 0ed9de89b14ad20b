"""Keeps an RQ worker running: RQ ends its worker when Redis is away at the wrong moment."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Final

import redis
from redis.exceptions import RedisError
from rq.serializers import JSONSerializer

from playhead.keys import JOBS_QUEUE
from shared.calendars import calendar
from shared.settings import Settings
from shared.sources.registry import open_source
from workers.worker import WarmWorker

LOG: Final = logging.getLogger(__name__)
AGAIN_S: Final = 0.5
"""Pause before a worker that ended is started again."""
WORKER_TTL_S: Final = 60
"""How long RQ lists a worker that died without a word; it also bounds how long a worker waits for a job in one call."""


class Supervisor:
    """Starts the RQ worker again whenever it ends, until the process is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()

    def run(self) -> int:
        """Works until SIGTERM or SIGINT. A job in hand is finished first. Returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        warm_up()
        reachable = True
        while not self._stopping.is_set():
            try:
                worker = _Worker(self._stopping, self._settings.queue_url)
                if not reachable:
                    LOG.info("the queue's Redis answers again")
                reachable = True
                LOG.info("taking jobs")
                worker.work(logging_level="WARNING")
            except RedisError as error:
                if reachable:
                    LOG.warning("the queue's Redis does not answer (%s); waiting for it", error)
                reachable = False
            self._stopping.wait(AGAIN_S)
        LOG.info("stopped")
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()


class _Worker(WarmWorker):
    """Tells its supervisor when a signal asked it to stop: RQ itself only returns."""

    def __init__(self, stopping: threading.Event, queue_url: str) -> None:
        self._stopping = stopping
        super().__init__(
            [JOBS_QUEUE],
            connection=redis.Redis.from_url(queue_url),
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL_S,
            log_job_description=False,
        )

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def warm_up() -> None:
    """Imports and builds what the first job would otherwise pay for: pandas, a calendar, a source."""
    calendar("XNYS")
    open_source("sample:").get_bars("AAPL", "1m", 0, 1)
