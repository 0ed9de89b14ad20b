"""A service that serves every session under a lease: what producer, coordinator and recorder have in common."""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import Final, Protocol

import redis
from redis.exceptions import ResponseError

from playhead.connection import connect, connect_to_one, shown_url, text
from playhead.errors import (
    Fenced,
    InvalidInput,
    Malformed,
    PlayheadError,
    RedisRefused,
    RedisUnavailable,
    SessionNotFound,
)
from playhead.keys import SESSIONS, Keys
from playhead.server import evicts, writes_refused
from shared import metrics
from shared.health import Progress
from shared.lease import Lease
from shared.logs import SessionLog
from shared.outage import Outage
from shared.settings import Settings
from shared.standby import Standby
from shared.trouble import Trouble

LOG: Final = logging.getLogger(__name__)
LOOK_S: Final = 0.1
"""How often the service looks for sessions without a lease."""
RECONNECT_S: Final = 0.5
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0
"""Between two attempts to serve a session that cannot be served: twice as long each time, but no longer than this."""
SETTLED_S: Final = 2.0
"""A session that is served for so long goes on: an attempt may fail at its second step."""
GARBAGE_AFTER: Final = 20_000
"""So many new objects are looked through for garbage at a time: a batch of ticks makes thousands, and no cycles."""
STOP_S: Final = 3.0
"""How long the sessions have to be given back when the process is told to stop."""
LOOKING: Final = "looking"
"""The part of the process that looks for sessions, in its signs of progress."""


class Server(Protocol):
    """Serves one session while the lease is held."""

    @property
    def trouble(self) -> str:
        """Why it cannot go on just now, to be said in the session's state; empty where it does."""

    def step(self) -> None:
        """Does what there is to do, and waits for a bounded time where there is nothing."""

    def close(self) -> None:
        """Gives back what it holds outside of Redis."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a session could not be served here, and when that is tried again (in monotonic time)."""

    reason: str
    refused: bool  # by Redis: then the line of the outage says it for all sessions
    pause_s: float
    again_s: float
    elsewhere_s: float | None = None  # since when another process has its lease


class Service:
    """Looks for sessions, takes their leases where these are free, and serves each in a thread of its own."""

    def __init__(
        self,
        role: str,
        settings: Settings,
        server: Callable[[redis.Redis, Lease, Settings], Server],
        wanted: Callable[[redis.Redis, Keys], bool] | None = None,
    ) -> None:
        """`wanted` says which sessions are served; all without it. It is asked at each look, so it must be cheap."""
        self._role = role
        self._wanted = wanted
        self._settings = settings
        self._server = server
        self._stopping = threading.Event()
        self._serving: dict[str, threading.Thread] = {}
        self._outage = Outage(role)
        self._complaint: str | None = None
        self._unlisted = ""
        self._progress = Progress(settings.health_dir)
        self._failing: dict[str, _Failure] = {}
        self._asked_s: dict[str, float] = {}

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT; then gives all leases back. Returns the exit code of the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        client = connect(self._settings.redis_url)
        metrics.begin_service(self._role)
        LOG.info("serving sessions at %s", shown_url(self._settings.redis_url))
        Standby(self._settings.redis_url, self._stopping).start()
        met = False
        # What was imported stays: to look through all that pandas has made, time and again, takes as long as the work.
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)
        while not self._stopping.is_set():
            asked_s = time.monotonic()
            try:
                if not met:
                    self._meet(client)
                    met = True
                self._look(client)
            except RedisUnavailable as error:
                met = False
                self._outage.noticed(error, asked_s)
                self._stopping.wait(RECONNECT_S)
            else:
                if not any(failure.refused for failure in list(self._failing.values())):
                    self._outage.over(asked_s)
                self._progress.made(LOOKING)
                self._stopping.wait(LOOK_S)
        deadline_s = time.monotonic() + STOP_S
        for thread in list(self._serving.values()):
            thread.join(max(0.0, deadline_s - time.monotonic()))
        LOG.info("stopped")
        gc.freeze()  # the last collection would look at all that pandas has made: seconds on a busy machine
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _meet(self, client: redis.Redis) -> None:
        """Says what is wrong with a server to which this process has come, or come back."""
        client.ping()
        complaint = evicts(client)
        if complaint != self._complaint and complaint is not None:
            LOG.error("%s", complaint)
        self._complaint = complaint

    def _look(self, client: redis.Redis) -> None:
        self._serving = {name: thread for name, thread in self._serving.items() if thread.is_alive()}
        listed = self._listed(client)
        for gone in self._failing.keys() - listed:
            self._has_nothing_more(gone)
        for name in listed - self._serving.keys():
            failure = self._failing.get(name)
            if failure is not None and time.monotonic() < failure.again_s:
                continue
            try:
                keys = Keys(name)
            except InvalidInput:
                continue  # a name that no session can have is nobody's session
            lease = Lease(client, keys, self._role, self._settings.lease_ms)
            if self._takes(lease):
                # A thread that hangs must not keep the process alive.
                thread = threading.Thread(target=self._serve, args=(lease,), name=f"{self._role}-{name}", daemon=True)
                self._serving[name] = thread
                thread.start()
            elif failure is not None and self._failing.get(name) is failure:
                self._is_elsewhere(name, failure)

    def _is_elsewhere(self, name: str, failure: _Failure) -> None:
        """Another process has it. That one may fail with it too, and only then give it back."""
        now_s = time.monotonic()
        if failure.elsewhere_s is None:
            self._failing[name] = replace(failure, elsewhere_s=now_s)
        elif now_s - failure.elsewhere_s >= SETTLED_S:
            self._has_nothing_more(name)

    def _listed(self, client: redis.Redis) -> set[str]:
        """The names of all sessions. Where another hand has made something else of that key, those that are served go
        on, and no other is found.
        """
        try:
            members = client.smembers(SESSIONS)
        except ResponseError as error:
            if self._unlisted != str(error):
                self._unlisted = str(error)
                LOG.error("the key %s is not as it should be: %s; no new session is served", SESSIONS, error)
            return set(self._serving)
        if self._unlisted:
            self._unlisted = ""
            LOG.info("the key %s is as it should be again", SESSIONS)
        return {text(member) for member in members}

    def _takes(self, lease: Lease) -> bool:
        """Whether the lease could be had. One session with a broken key must not end the service of the others."""
        try:
            return (self._wanted is None or self._wanted(lease.client, lease.keys)) and lease.acquire()
        except (ResponseError, Malformed) as error:
            reason = f"the session's keys are not as they should be: {error}"
            if self._has_failed(lease.keys.session, reason):
                SessionLog(LOG, lease.keys.session).error("%s", reason)
            return False

    def _serve(self, lease: Lease) -> None:
        name = lease.keys.session
        log = SessionLog(LOG, name)
        lease.client = client = connect_to_one(self._settings.redis_url)
        if name not in self._failing:
            log.info("took the lease with token %s", lease.token)
        self._progress.begun(name)
        metrics.begin_session(self._role, name)
        failed = False
        self._asked_s[name] = time.monotonic()
        try:
            with closing(self._server(client, lease, self._settings)) as server:
                self._work(server, lease, log)
        except RedisRefused as error:
            failed = True
            self._outage.noticed(error, self._asked_s[name])
            self._has_failed(name, str(error), refused=True)
            self._say(lease, str(error))
        except RedisUnavailable as error:
            self._outage.noticed(error, self._asked_s[name])
        except SessionNotFound:
            log.info("the session was deleted")
        except Fenced as error:
            log.warning("%s", error)
        except Exception as error:  # the session goes on under a new lease; the cause must not pass unseen
            failed = True
            reason = str(error) if isinstance(error, PlayheadError) else f"{type(error).__name__}: {error}"
            if self._has_failed(name, reason):
                known = isinstance(error, PlayheadError)
                log.error("serving the session failed; it is taken up again: %s", reason, exc_info=not known)
            self._say(lease, reason)
        finally:
            if not failed:
                self._progress.ended(name)
            del self._asked_s[name]
            metrics.end_session(name)
            with suppress(PlayheadError):
                lease.release()
            client.close()

    def _work(self, server: Server, lease: Lease, log: SessionLog) -> None:
        """Steps while the lease is held. What keeps the session from going on is said, and that it goes on again."""
        name = lease.keys.session
        trouble = Trouble(lease)
        logged = ""
        settled_s = time.monotonic() + SETTLED_S
        while not self._stopping.is_set() and lease.keep():
            self._asked_s[name] = time.monotonic()
            server.step()
            reason = server.trouble
            failure = self._failing.get(name)
            is_settled = time.monotonic() >= settled_s
            if is_settled and failure is not None and failure.refused:
                is_settled = writes_refused(lease.client) is None  # who has nothing to write just now is not refused
            if reason or logged or is_settled:
                trouble.say(reason)
            if reason != logged:
                metrics.HELD_UP.labels(name, self._role).set(bool(reason))
                if reason:
                    log.warning("held up: %s", reason)
                else:
                    log.info("the session goes on")
                logged = reason
            if failure is None or is_settled:
                self._progress.made(name)
            if failure is not None and is_settled:
                self._failing.pop(name, None)
                if not failure.refused:
                    log.info("the session goes on")

    def _has_failed(self, name: str, reason: str, *, refused: bool = False) -> bool:
        """Lets some time pass before a session is tried again. Whether it failed for another reason than before."""
        metrics.FAILURES.labels(self._role).inc()
        before = self._failing.get(name)
        pause_s = FIRST_PAUSE_S if before is None else min(2 * before.pause_s, LONGEST_PAUSE_S)
        self._failing[name] = _Failure(reason, refused, pause_s, time.monotonic() + pause_s)
        return before is None or before.reason != reason

    def _say(self, lease: Lease, reason: str) -> None:
        """Where not even that can be written, whoever reads the session finds what the server says of itself."""
        with suppress(PlayheadError, ResponseError):
            Trouble(lease).say(reason)

    def _has_nothing_more(self, name: str) -> None:
        self._failing.pop(name, None)
        self._progress.ended(name)
