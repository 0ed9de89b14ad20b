"""Keeps an RQ worker running: RQ ends its worker when Redis is away at the wrong moment."""

from __future__ import annotations

import gc
import logging
import math
import signal
import threading
import time
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any, Final

from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import BaseTimeoutException

from playhead.connection import CONNECT_TIMEOUT_S, REPLY_TIMEOUT_S, connect, open_client
from playhead.errors import RedisUnavailable
from playhead.keys import JOBS_QUEUE
from shared.calendars import calendar
from shared.health import Progress
from shared.outage import Outage
from shared.queue_client import QueueClient
from shared.settings import Settings
from shared.sources.registry import open_source
from workers.life import WORKING
from workers.worker import AllowedJob, WarmWorker, jobs_on

LOG: Final = logging.getLogger(__name__)
ROLE: Final = "worker"
AGAIN_S: Final = 0.5
"""Pause before a worker that ended is started again."""
WORKER_TTL_S: Final = 60
"""How long RQ lists a worker that died without a word."""
WAIT_S: Final = 2
"""The longest wait for a job in one call. One whose connection was cut off is noticed a little later than that."""
LAST_JOB_S: Final = 2
"""How long the job in hand may still take when the process is told to stop."""

SOURCES: Final = ("shared.sources.parquet", "shared.sources.csv")
"""Modules of sources that are imported while the worker waits for its first job."""
CALENDARS: Final = ("XLON", "XHKG", "XTKS", "XETR", "XPAR", "XTSE", "XASX", "24/7")
"""Calendars that are built while the worker waits for its first job, beside the default one."""


class Supervisor:
    """Starts the RQ worker again whenever it ends, until the process is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()

    def run(self) -> int:
        """Works until SIGTERM or SIGINT. A job in hand is finished first, if it does not take long; one that does is
        given back, so that another worker has it at once. Returns the exit code.
        """
        self._listen()
        warm_up()
        threading.Thread(target=warm_rest, name="warm-rest", daemon=True).start()
        logging.getLogger("rq.worker").addFilter(_is_no_outage)
        outage = Outage(ROLE)
        first = True

        def begun(asked_s: float) -> None:
            nonlocal first
            outage.over(asked_s)
            if first:
                LOG.info("taking jobs")
            first = False

        sessions = connect(self._settings.redis_url)
        while not self._stopping.is_set():
            with open_client(
                QueueClient,
                self._settings.queue_url,
                socket_connect_timeout=CONNECT_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            ) as client:
                try:
                    worker = _Worker(client, self._stopping, self._settings, begun, jobs_on(sessions, self._settings))
                    worker.work(logging_level="WARNING")
                except RedisUnavailable as error:
                    outage.noticed(error, time.monotonic())
                except StopRequested:
                    pass  # RQ takes it for an end where the signal finds it inside its loop, and not right beside it
                finally:
                    self._listen()
                    # The server may hang or have been replaced: the next job is not to wait for that one's reply.
                    sessions.connection_pool.disconnect()
            self._stopping.wait(AGAIN_S)
        LOG.info("stopped")
        gc.freeze()  # as in every service: the end must not take seconds
        return 0

    def _listen(self) -> None:
        """Takes the signals to itself. A worker that has ended would take one for its own, and raise."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()


class _Worker(WarmWorker):
    """Tells its supervisor when a signal asked it to stop: RQ itself only returns.

    A Redis that is away ends it, and its supervisor waits: RQ would wait for up to a minute at a time, and say so each
    time.
    """

    def __init__(
        self,
        client: QueueClient,
        stopping: threading.Event,
        settings: Settings,
        begun: Callable[[float], None],
        jobs: type[AllowedJob],
    ) -> None:
        """`begun` is called once it is registered, with the (monotonic) time at which that began."""
        self._stopping = stopping
        self._progress = Progress(settings.health_dir)
        self._asked_s = time.monotonic()
        self._begun = begun
        super().__init__(
            [JOBS_QUEUE],
            connection=client,
            serializer=JSONSerializer,
            job_class=jobs,
            worker_ttl=WORKER_TTL_S,
            log_job_description=False,
        )

    @property
    def dequeue_timeout(self) -> int:
        return WAIT_S

    @property
    def connection_timeout(self) -> int:
        return WAIT_S + math.ceil(REPLY_TIMEOUT_S)

    def subscribe(self) -> None:
        """Comes after the registration. RQ would listen here, in a thread, for orders by which it may be stopped."""
        self._begun(self._asked_s)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """A Redis that is away is said once, and not with each job."""
        if not isinstance(exc_info[1], RedisUnavailable):
            super().handle_exception(job, *exc_info)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """RQ calls it at least once in each wait for a job, and before each job. It would send three commands one by
        one: by itself it is one way to the server too."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
        else:
            with self.connection.pipeline() as own:
                super().heartbeat(timeout, own)
                own.execute()
        self._progress.made(WORKING)

    def register_death(self) -> None:
        # A signal may have broken off a read: the reply that is still to come goes with its connection.
        self.connection.connection_pool.disconnect()
        super().register_death()  # type: ignore[no-untyped-call]

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        if self._stopping.is_set():  # a signal came before RQ listened
            self._stop_requested = True

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()
        if signal.alarm(0):  # RQ's limit of the job in hand
            signal.signal(signal.SIGALRM, _interrupt)
            signal.alarm(LAST_JOB_S)
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


class Interrupted(BaseTimeoutException):
    """The worker was told to stop, and its job took too long to wait for."""


def _is_no_outage(record: logging.LogRecord) -> bool:
    """Whether a line of RQ is worth reading."""
    return not (record.exc_info and isinstance(record.exc_info[1], RedisUnavailable))


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted("the worker was told to stop; another one is to do it")


def warm_up() -> None:
    """Imports and builds what the first job would otherwise pay for: pandas, a calendar, a source."""
    calendar("XNYS")
    open_source("sample:").get_bars("AAPL", "1m", 0, 1)


def warm_rest() -> None:
    """Imports the other sources, and builds the calendars of large exchanges: each takes longer than all the rest of a
    job. Then all of that is kept out of the search for garbage."""
    for name in SOURCES:
        import_module(name)
    for name in CALENDARS:
        calendar(name)
    gc.freeze()
