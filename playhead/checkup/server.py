"""Whether a Redis server is fit for sessions: what it is, and whether it takes, keeps and does not throw away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import redis
from redis.exceptions import ResponseError

from playhead.checkup.finding import Finding
from playhead.connection import shown_url
from playhead.errors import RedisRefused
from playhead.server import evicts, writes_refused
from playhead.times import now_ms

OLDEST: Final = (7, 0)
"""The oldest version that has all that the scripts use."""
FULL: Final = 0.9
"""The part of its memory from which on a server is nearly full."""
SLOW_MS: Final = 50.0
SKEW_MS: Final = 2_000
MIB: Final = 1 << 20


def check_server(client: redis.Redis, url: str) -> Iterator[Finding]:
    """Looks at a server. Raises `RedisUnavailable` where it does not answer, `RedisRefused` where it lets nobody in."""
    asked_s = time.monotonic()
    seconds, microseconds = client.time()
    answered_ms = (time.monotonic() - asked_s) * 1000
    here_ms = now_ms() - int(answered_ms / 2)
    asked_s = time.monotonic()
    client.ping()
    answered_ms = (time.monotonic() - asked_s) * 1000
    slow = answered_ms > SLOW_MS
    yield Finding(
        "warn" if slow else "ok",
        "redis",
        f"{shown_url(url)} answers in {answered_ms:.1f} ms",
        "each step of the clock takes some of these: look at the network and at what else the server does"
        if slow
        else "",
    )
    yield _clock(here_ms - (int(seconds) * 1000 + int(microseconds) // 1000))
    try:
        said: Mapping[str, Any] = client.info()
    except (RedisRefused, ResponseError) as error:
        yield Finding(
            "warn", "server", f"it does not say how it is: {error}", "let this user run INFO, to have that looked at"
        )
        return
    yield _version(said)
    refused = writes_refused(client)
    if refused:
        yield Finding("fail", "writes", refused, _mend(refused))
    elif said.get("rdb_last_bgsave_status") == "err":
        yield Finding("fail", "writes", "Redis cannot write its snapshot to its disk", "make room there")
    else:
        yield Finding("ok", "writes", "it takes writes")
    yield _memory(said, evicts(client))
    if said.get("aof_enabled"):
        yield Finding("ok", "persistence", "it keeps an append-only file")
    else:
        yield Finding(
            "warn",
            "persistence",
            "it keeps no append-only file: sessions are gone, or set back, when it ends",
            "set appendonly yes, if they are to survive that",
        )


def _clock(ahead_ms: int) -> Finding:
    found = f"this machine's clock and the server's differ by {abs(ahead_ms) / 1000:.1f} s"
    if abs(ahead_ms) < SKEW_MS:
        return Finding("ok", "clock", found)
    return Finding("warn", "clock", found, "times in logs cannot be compared; let both follow a time server")


def _version(said: Mapping[str, Any]) -> Finding:
    version = str(said.get("redis_version", "?"))
    name = f"Redis {version}"
    if said.get("server_name") == "valkey":
        name = f"Valkey {said.get('valkey_version', '?')}"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers >= OLDEST:
        return Finding("ok", "version", name)
    return Finding("fail", "version", f"{name} is too old", "use Redis 7.0 or later, or Valkey")


def _memory(said: Mapping[str, Any], evicting: str | None) -> Finding:
    if evicting:
        found, _, todo = evicting.rpartition("; ")
        return Finding("fail", "memory", found, todo)
    used, most = _number(said, "used_memory"), _number(said, "maxmemory")
    if not most:
        return Finding("ok", "memory", f"{used / MIB:.0f} MiB used, no limit is set")
    found = f"{used / MIB:.0f} of {most / MIB:.0f} MiB used"
    if used < FULL * most:
        return Finding("ok", "memory", found)
    return Finding("warn", "memory", found, "raise maxmemory, or delete sessions, before it is full")


def _mend(refused: str) -> str:
    if "replica" in refused:
        return "point PLAYHEAD_REDIS_URL at its master"
    return "raise its maxmemory, or delete sessions" if "memory" in refused else "make room there"


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name, 0)
    return value if isinstance(value, int) else 0
