"""Starting a session."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Final

import redis

from playhead import config as configs
from playhead import keys, sessions
from playhead.config import SessionConfig
from playhead.connection import connect, text
from playhead.crash_points import Write
from playhead.errors import CommandTimeout, RedisUnavailable, SessionExists, SessionFailed, SessionNotFound
from playhead.keys import Keys
from playhead.patience import Patience
from playhead.scripts import Script
from playhead.server import evicts
from playhead.speed import speed_text
from playhead.times import now_ms
from playhead.trouble import read_troubles

_LOOK_S: Final = 0.02
_FIELDS: Final = ("status", "clock_ms", "ready", "error")
_BEGUN: Final = ("running", "paused", "finished", "stopped")
_ROLES: Final = ("coordinator", "producer")

logger = logging.getLogger(__name__)
_create = Script("playhead", "create")
_LIST: Final = Write("list-session")


def start(name: str, config: SessionConfig, url: str | None, wait_s: float) -> None:
    """Creates a session and waits until it has begun; `Session.start` says what that means and raises."""
    config.check()
    of = Keys(name)
    with connect(url) as client:
        _put(client, of, config)
        if wait_s > 0:
            _wait_until_begun(client, of, wait_s)


def _put(client: redis.Redis, of: Keys, config: SessionConfig) -> None:
    if complaint := evicts(client):
        logger.warning("%s", complaint)
    with _LIST:
        is_new = client.sadd(keys.SESSIONS, of.session)
    if not is_new and not client.exists(of.state):
        sessions.sweep(client, of)  # what a deletion that was broken off has left
    args = [configs.encode(config), uuid.uuid4().hex, now_ms(), speed_text(config.speed)]
    try:
        created = _create(client, [of.state], args)
    except RedisUnavailable:
        # Perhaps only the reply was lost: the history id tells our session from another one of this name.
        created = _create(client, [of.state], args)
    if not created:
        raise SessionExists(
            f"there is a session {of.session} already; choose another name, or take it away with "
            f"`playhead session delete {of.session}`"
        )


def _wait_until_begun(client: redis.Redis, of: Keys, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    patience = Patience(wait_s)
    while True:
        state = patience.get(lambda: _state(client, of))
        if state["status"] == "failed":
            reason = state["error"] or "the services gave no reason"
            sessions.delete(client, of.session)
            raise SessionFailed(f"session {of.session} could not begin: {reason}")
        if state["status"] in _BEGUN and state["clock_ms"] and state["ready"] == "1":
            return
        if time.monotonic() > deadline:
            raise CommandTimeout(_what_is_missing(client, of, wait_s))
        time.sleep(_LOOK_S)


def _state(client: redis.Redis, of: Keys) -> Mapping[str, str | None]:
    values = client.hmget(of.state, _FIELDS)
    if values[0] is None:
        raise SessionNotFound(f"session {of.session} was deleted before it had begun")
    return {name: None if value is None else text(value) for name, value in zip(_FIELDS, values, strict=True)}


def _what_is_missing(client: redis.Redis, of: Keys, wait_s: float) -> str:
    missing = [role for role in _ROLES if not client.exists(of.lease(role))]
    if missing:
        why = f"no {' and no '.join(missing)} serves it; start " + " and ".join(
            f"`playhead {role}`" for role in missing
        )
    elif said := read_troubles(client, of):
        why = "; ".join(f"its {trouble.role} says: {trouble.reason}" for trouble in said)
    else:
        why = "a coordinator and a producer serve it; look at their logs"
    return (
        f"session {of.session} was created and has not begun within {wait_s:g} s: {why}. It stays, and "
        f"begins when it is served; `playhead session delete {of.session}` takes it away"
    )
