"""Everything that a session has in Redis, to be compared before and after."""

from __future__ import annotations

from typing import Any

import redis

from playhead.keys import SESSIONS, Keys

Dump = dict[str, Any]
ANSWERING = ("commands", "replies", "answered", "journal")
"""Keys that a command changes by being answered."""


def dump(client: redis.Redis, keys: Keys) -> Dump:
    """All keys of a session with their contents, but for the leases, and the names of all sessions."""
    found: Dump = {SESSIONS: client.smembers(SESSIONS)}
    for key in client.scan_iter(f"{keys.state}*", count=1_000):
        name = key.decode()
        if ":lease:" not in name:
            found[name] = _contents(client, name)
    return found


def lasting(client: redis.Redis, keys: Keys) -> Dump:
    """The same without what is staged and goes away by itself, and without the traces of commands."""
    found = dump(client, keys)
    passing = {f"{keys.state}:{name}" for name in ANSWERING}
    kept = {name: value for name, value in found.items() if name not in passing and ":staged:" not in name}
    state = {name: value for name, value in kept[keys.state].items() if name != b"commands_at"}
    return kept | {keys.state: state}


def _contents(client: redis.Redis, name: str) -> Any:
    match client.type(name):
        case b"hash":
            return client.hgetall(name)
        case b"set":
            return client.smembers(name)
        case b"stream":
            return client.xrange(name)
        case b"zset":
            return client.zrange(name, 0, -1, withscores=True)
        case b"string":
            return client.get(name)
        case other:
            raise AssertionError(f"{name} is of the type {other!r}, and no key of Playhead is")
