"""A service that serves every session under a lease: what producer, coordinator and recorder have in common."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from types import FrameType
from typing import Final, Protocol

import redis
from redis.exceptions import ResponseError

from playhead.connection import connect, connect_to_one, shown_url, text
from playhead.errors import Fenced, InvalidInput, PlayheadError, RedisUnavailable, SessionNotFound
from playhead.keys import SESSIONS, Keys
from shared.health import Progress
from shared.lease import Lease
from shared.logs import SessionLog
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)
LOOK_S: Final = 0.1
"""How often the service looks for sessions without a lease."""
RECONNECT_S: Final = 0.5
STOP_S: Final = 3.0
"""How long the sessions have to be given back when the process is told to stop."""
LOOKING: Final = "looking"
"""The part of the process that looks for sessions, in its signs of progress."""


class Server(Protocol):
    """Serves one session while the lease is held."""

    def step(self) -> None:
        """Does what there is to do, and waits for a bounded time where there is nothing."""

    def close(self) -> None:
        """Gives back what it holds outside of Redis."""


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
        self._reachable = True
        self._progress = Progress(settings.health_dir)
        self._failing: set[str] = set()

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT; then gives all leases back. Returns the exit code of the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        client = connect(self._settings.redis_url)
        LOG.info("serving sessions at %s", shown_url(self._settings.redis_url))
        while not self._stopping.is_set():
            try:
                self._look(client)
            except RedisUnavailable as error:
                self._say_unreachable(error)
                self._stopping.wait(RECONNECT_S)
            else:
                self._say_reachable()
                self._progress.made(LOOKING)
                self._stopping.wait(LOOK_S)
        deadline_s = time.monotonic() + STOP_S
        for thread in list(self._serving.values()):
            thread.join(max(0.0, deadline_s - time.monotonic()))
        LOG.info("stopped")
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _look(self, client: redis.Redis) -> None:
        self._serving = {name: thread for name, thread in self._serving.items() if thread.is_alive()}
        listed = {text(member) for member in client.smembers(SESSIONS)}
        for gone in self._failing - listed:
            self._has_nothing_more(gone)
        for name in listed:
            if name in self._serving:
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
            elif name in self._failing:
                self._has_nothing_more(name)  # another process serves it now

    def _takes(self, lease: Lease) -> bool:
        """Whether the lease could be had. One session with a broken key must not end the service of the others."""
        try:
            return (self._wanted is None or self._wanted(lease.client, lease.keys)) and lease.acquire()
        except ResponseError as error:
            if lease.keys.session not in self._failing:
                SessionLog(LOG, lease.keys.session).error("the session's keys are not as they should be: %s", error)
                self._failing.add(lease.keys.session)
            return False

    def _serve(self, lease: Lease) -> None:
        log = SessionLog(LOG, lease.keys.session)
        lease.client = client = connect_to_one(self._settings.redis_url)
        log.info("took the lease with token %s", lease.token)
        name = lease.keys.session
        self._progress.begun(name)
        failed = False
        try:
            with closing(self._server(client, lease, self._settings)) as server:
                while not self._stopping.is_set() and lease.keep():
                    server.step()
                    self._progress.made(name)
                    self._failing.discard(name)
        except RedisUnavailable as error:
            self._say_unreachable(error)
        except SessionNotFound:
            log.info("the session was deleted")
        except Fenced as error:
            log.warning("%s", error)
        except Exception:  # the session goes on under a new lease; the cause must not pass unseen
            failed = True
            self._failing.add(name)  # one that fails again and again makes no progress
            log.exception("serving the session failed; it is taken up again")
            self._stopping.wait(RECONNECT_S)
        finally:
            if not failed:
                self._progress.ended(name)
            with suppress(PlayheadError):
                lease.release()
            client.close()

    def _has_nothing_more(self, name: str) -> None:
        self._failing.discard(name)
        self._progress.ended(name)

    def _say_unreachable(self, error: RedisUnavailable) -> None:
        if self._reachable:
            self._reachable = False
            LOG.warning("%s; waiting for it", error)

    def _say_reachable(self) -> None:
        if not self._reachable:
            self._reachable = True
            LOG.info("Redis answers again")
