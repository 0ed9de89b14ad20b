"""A Redis that Sentinels watch over: `redis+sentinel://[user:password@]host[:port],…/<service>[/<db>]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

SCHEME: Final = "redis+sentinel"
DEFAULT_PORT: Final = 26379
ASK_S: Final = 0.5
"""How long one Sentinel may take to say who the master is, before the next one is asked."""
OPTIONS: Final = ("sentinel_username", "sentinel_password")
C = TypeVar("C", bound=redis.Redis)


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Which Sentinels to ask for the master of which service, and how to log in at it. `options` are for the Sentinels:
    `sentinel_username` and `sentinel_password`, where these ask for any."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    db: int
    username: str | None
    password: str | None
    options: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `ValueError`."""
        parts = urlsplit(url)
        login, _, hosts = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        service, _, db = parts.path.removeprefix("/").partition("/")
        options = tuple(parse_qsl(parts.query, strict_parsing=True)) if parts.query else ()
        if not service or "/" in db or not (db or "0").isdecimal():
            raise ValueError(f"it does not end in /<service> or /<service>/<db>: {SCHEME}://host:26379/playhead/0")
        if unknown := [name for name, _ in options if name not in OPTIONS]:
            raise ValueError(f"it has the unknown option {unknown[0]!r}; there are {' and '.join(OPTIONS)}")
        return cls(
            tuple(_address(host) for host in hosts.split(",")),
            unquote(service),
            int(db or 0),
            unquote(user) or None,
            unquote(password) or None,
            options,
        )

    def client(self, kind: type[C], **options: Any) -> C:
        """A client of whoever is the master whenever it connects. `options` are those of a connection."""
        asking: dict[str, Any] = {name.removeprefix("sentinel_"): value for name, value in self.options}
        asking |= {"socket_timeout": ASK_S, "socket_connect_timeout": ASK_S, "retry": Retry(NoBackoff(), 0)}
        watchers = Sentinel(self.sentinels, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]  # in redis-py
        login = {"username": self.username, "password": self.password}
        options |= login | {"db": self.db, "connection_class": _Connection}
        client: C = watchers.master_for(self.service, redis_class=kind, **options)  # type: ignore[no-untyped-call]
        return client


class _Connection(SentinelManagedConnection):
    """Hangs up where a reply is not read to its end, as every other connection of redis-py does by default: the next
    command would take that reply for its own."""

    def read_response(
        self, disable_decoding: bool = False, *, disconnect_on_error: bool | None = True, **options: Any
    ) -> Any:
        return super().read_response(disable_decoding, disconnect_on_error=disconnect_on_error, **options)


def _address(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(f"{text!r} is no host of a Sentinel")
    return parts.hostname, parts.port or DEFAULT_PORT
