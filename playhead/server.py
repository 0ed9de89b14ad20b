"""What a Redis server says of itself: why it takes no writes, and whether it throws keys away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import redis

from playhead.errors import RedisRefused

NO_EVICTION: Final = "noeviction"
MIB: Final = 1 << 20


def writes_refused(client: redis.Redis) -> str | None:
    """Why the server takes no writes just now; `None` where it takes them, or does not say.

    Where nobody can write into a session's state what holds the session up, a reader finds it here.
    """
    said = _info(client, "memory", "persistence", "replication")
    if said.get("role") == "slave" and str(said.get("slave_read_only", 1)) == "1":
        return "Redis is a replica, which takes no writes"
    if said.get("aof_last_write_status") == "err":
        return "Redis cannot write to its disk (the append-only file)"
    most = _number(said, "maxmemory")
    used = _number(said, "used_memory") - _number(said, "mem_not_counted_for_evict")
    if most and used > most and said.get("maxmemory_policy") == NO_EVICTION:
        return f"the memory of Redis is full: {used / MIB:.1f} MiB of {most / MIB:.1f} MiB (maxmemory)"
    return None


def evicts(client: redis.Redis) -> str | None:
    """What is wrong with a server that makes room by deleting keys when its memory is full; `None` for any other."""
    said = _info(client, "memory")
    policy = str(said.get("maxmemory_policy", NO_EVICTION))
    if policy == NO_EVICTION or not _number(said, "maxmemory"):
        return None
    return (
        f"Redis deletes keys when its memory is full (maxmemory-policy {policy}), those of sessions too: bars and "
        f"whole sessions would be lost without a word; set maxmemory-policy {NO_EVICTION}"
    )


def _info(client: redis.Redis, *sections: str) -> Mapping[str, Any]:
    """Nothing where the server may not be asked."""
    try:
        said: Mapping[str, Any] = client.info(*sections)
    except (RedisRefused, redis.ResponseError):
        return {}
    return said


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name, 0)
    return value if isinstance(value, int) else 0
