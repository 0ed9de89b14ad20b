"""Looking for what is wrong: with Redis, with the workers, and with each session. It changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import Empty, Queue
from typing import Final

import redis
from redis.exceptions import ResponseError

from playhead.checkup.finding import Finding, Level
from playhead.checkup.server import check_server
from playhead.checkup.session import check_session
from playhead.checkup.workers import check_workers
from playhead.connection import connect, shown_url
from playhead.errors import Malformed, PlayheadError, RedisRefused, RedisUnavailable
from playhead.session import Session
from playhead.sessions import existing

__all__ = ["Finding", "Level", "examine"]

LONGEST_S: Final = 30.0
"""Whatever hangs (a name that is looked up, a server that stalls), it is over after this."""


def examine(url: str, queue_url: str, session: str | None) -> Iterator[Finding]:
    """Looks at a server, at the server of the queue, and at one session or all; each finding as it is made.

    It ends within `LONGEST_S`, whatever hangs.
    """
    found: Queue[Finding | Exception | None] = Queue()

    def look() -> None:
        try:
            for finding in _findings(url, queue_url, session):
                found.put(finding)
            found.put(None)
        except Exception as error:  # noqa: BLE001 - it is raised where the findings are waited for
            found.put(error)

    threading.Thread(target=look, name="checkup", daemon=True).start()
    deadline = time.monotonic() + LONGEST_S
    try:
        while (finding := found.get(timeout=max(0.0, deadline - time.monotonic()))) is not None:
            if isinstance(finding, Exception):
                raise finding
            yield finding
    except Empty:
        late = f"has not come to an end within {LONGEST_S:g} s"
        yield Finding("fail", "doctor", late, "something hangs: look at what would have come next")


def _findings(url: str, queue_url: str, session: str | None) -> Iterator[Finding]:
    try:
        with connect(url) as client:
            yield from check_server(client, url)
            if queue_url == url:
                yield from _of_queue(client)
    except PlayheadError as error:
        yield _unreachable("redis", error)
        return
    if queue_url != url:
        try:
            with connect(queue_url) as client:
                client.ping()
                yield Finding("ok", "queue", f"{shown_url(queue_url)} answers")
                yield from _of_queue(client)
        except PlayheadError as error:
            yield _unreachable("queue", error)
    try:
        with connect(url) as client:
            names = existing(client) if session is None else [session]
    except PlayheadError as error:
        yield _unreachable("redis", error)
        return
    if not names:
        yield Finding("ok", "sessions", "there are none", "start one: playhead session start")
    for name in names:
        yield from _of_session(name, url)


def _of_queue(client: redis.Redis) -> Iterator[Finding]:
    try:
        yield from check_workers(client)
    except ResponseError as error:  # a user who may not, or a hand that has been there
        yield Finding("fail", "workers", f"cannot be looked at: {error}", "mend that in Redis")


def _of_session(name: str, url: str) -> Iterator[Finding]:
    try:
        with Session(name, url) as opened, connect(url) as client:
            yield from check_session(opened, client)
    except Malformed as error:
        todo = f"mend that, or take it away: playhead session delete {name}"
        yield Finding("fail", f"session {name}", f"cannot be read: {error}", todo)
    except ResponseError as error:
        yield Finding(
            "fail", f"session {name}", f"cannot be read: {error}", "mend the key that another hand has spoilt"
        )
    except PlayheadError as error:
        yield _unreachable(f"session {name}", error)


def _unreachable(what: str, error: PlayheadError) -> Finding:
    """The texts of errors end with what to do."""
    found, mark, todo = str(error).rpartition("; ")
    if isinstance(error, RedisRefused | RedisUnavailable) and mark:
        return Finding("fail", what, found, todo)
    return Finding("fail", what, str(error))
