"""The sessions of a server: which there are, and how one is taken away."""

from __future__ import annotations

from typing import Final

import redis

from playhead import config as configs
from playhead import keys
from playhead.config import SessionConfig
from playhead.connection import connect, shown_url, text
from playhead.crash_points import Write
from playhead.errors import InvalidInput, SessionNotFound
from playhead.keys import Keys

SESSION_VARIABLE: Final = "PLAYHEAD_SESSION"
_SCAN_COUNT: Final = 1_000

_DELETE_STATE: Final = Write("delete-state")
_SWEEP: Final = Write("sweep")
_UNLIST: Final = Write("unlist-session")


def sessions(url: str | None = None) -> list[str]:
    """The names of the sessions on a server, sorted. Raises `RedisUnavailable`."""
    with connect(url) as client:
        return existing(client)


def listed(client: redis.Redis, name: str) -> bool:
    """Whether there is a session of this name, or what a deletion that was broken off has left of it."""
    return bool(client.sismember(keys.SESSIONS, name))


def existing(client: redis.Redis) -> list[str]:
    """The names of the sessions that have a state, sorted."""
    names = sorted(text(name) for name in client.smembers(keys.SESSIONS))
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.exists(Keys(name).state)
    return [name for name, exists in zip(names, pipe.execute(), strict=True) if exists]


def config_of(client: redis.Redis, keys: Keys, url: str) -> SessionConfig:
    """What a session was started with. Raises `SessionNotFound` naming the sessions that there are."""
    config = client.hget(keys.state, "config")
    if config is None:
        there = ", ".join(existing(client)) or "none"
        raise SessionNotFound(
            f"there is no session {keys.session} on {shown_url(url)}; sessions there: {there}. "
            f"Start one with `playhead session start --id {keys.session} --symbols … --date …`"
        )
    return configs.decode(text(config).encode())


def only_one(client: redis.Redis, url: str) -> str:
    """The name of the only session. Raises `SessionNotFound` for none, `InvalidInput` for several."""
    match existing(client):
        case [name]:
            return name
        case []:
            raise SessionNotFound(
                f"there is no session on {shown_url(url)}; start one with "
                "`playhead session start --id NAME --symbols … --date …`"
            )
        case several:
            raise InvalidInput(
                f"there are several sessions on {shown_url(url)}: {', '.join(several)}; name one, "
                f"or set {SESSION_VARIABLE}"
            )


def delete(client: redis.Redis, name: str) -> None:
    """Deletes a session with all it has. It may be repeated; a session that is not there is no error.

    The state goes first: every writer asks for it, so from then on nothing is added. What was written in the
    same moment is found by the second look.
    """
    of = Keys(name)
    with _DELETE_STATE:
        client.delete(of.state)
    sweep(client, of)
    with _UNLIST:
        client.srem(keys.SESSIONS, name)


def sweep(client: redis.Redis, of: Keys) -> None:
    """Deletes all keys of a session that has no state any more."""
    for _ in range(2):
        found = list(client.scan_iter(of.all, count=_SCAN_COUNT))
        if found:
            with _SWEEP:
                client.unlink(*found)
