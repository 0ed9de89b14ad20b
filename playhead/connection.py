"""Connections to Redis. The errors of redis-py end here: what leaves is a `PlayheadError`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import AbstractConnection
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError
from redis.retry import Retry

from playhead.errors import InvalidInput, RedisUnavailable
from playhead.sentinel import SCHEME, SentinelUrl

URL_VARIABLE: Final = "PLAYHEAD_REDIS_URL"
DEFAULT_URL: Final = "redis://127.0.0.1:6379/0"
CONNECT_TIMEOUT_S: Final = 3.0
REPLY_TIMEOUT_S: Final = 5.0
"""How long a reply may take. A call that blocks on the server must block for less."""


HISTORY: Final = re.compile(rb"^(?:run_id|master_replid):(\w+)", re.MULTILINE)
"""What names a server's history, in its `INFO`: it has another run id when it was started again, and another
replication id when a replica has taken its place."""
C = TypeVar("C", bound=redis.Redis)


def redis_url(given: str | None = None) -> str:
    """The URL to use: the given one, else the environment's, else the local default."""
    return given or os.environ.get(URL_VARIABLE) or DEFAULT_URL


def connect(url: str | None = None) -> redis.Redis:
    """A client that never sends a command twice by itself, and never waits longer than the limits above.

    redis-py repeats a command whose reply was lost, writes included. Here whoever writes decides about that.
    The connection is made at the first command. Raises `InvalidInput` for a URL that is none.
    """
    return _connect(url)


def connect_to_one(url: str | None = None) -> redis.Redis:
    """The same for who keeps in mind what the server has: it never changes to another server by itself.

    One that was started again, or has taken the other's place, may have lost what was written last. Once it answers
    there, all calls raise `RedisUnavailable`: forget what was read, and connect anew.
    """
    return _connect(url, redis_connect_func=_only_to_one_history())


def open_client(kind: type[C], url: str, **options: Any) -> C:
    """A client for a URL of one server, or of Sentinels. Raises `InvalidInput` for a URL that is none."""
    try:
        if urlsplit(url).scheme == SCHEME:
            return SentinelUrl.parse(url).client(kind, **options)
        client: C = kind.from_url(url, **options)  # type: ignore[assignment]  # redis-py names the base class
        return client
    except ValueError as error:
        raise InvalidInput(f"Redis URL {shown_url(url)!r}: {error}") from None


def _connect(url: str | None, **options: Any) -> redis.Redis:
    chosen = redis_url(url)
    client = open_client(
        _Client,
        chosen,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        legacy_responses=False,
        **options,
    )
    client.place = shown_url(chosen)
    return client


def _only_to_one_history() -> Callable[[AbstractConnection], None]:
    """What to do with each connection that was made: the first one says which history is meant."""
    known: list[bytes] = []

    def check(connection: AbstractConnection) -> None:
        connection.on_connect()  # type: ignore[no-untyped-call]  # in redis-py
        connection.send_command("INFO", "server", "replication")  # type: ignore[no-untyped-call]
        found = HISTORY.findall(bytes(connection.read_response()))
        known.extend(() if known else found)
        if found != known:
            raise ConnectionError("it was started again, or another server has taken its place")

    return check


def shown_url(url: str) -> str:
    """A URL as it may be printed: without user, password and options, among which there may be another one."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def text(value: bytes | str) -> str:
    """What Redis answered, as text. Our clients answer in bytes; redis-py's types leave that open."""
    return value if isinstance(value, str) else value.decode(errors="replace")


class _Client(redis.Redis):
    place = ""
    """The URL as it may be printed."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with _translated(self):
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # in redis-py

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        pipe = super().pipeline(transaction, shard_hint)
        pipe.execute = _translating(self, pipe.execute)  # type: ignore[method-assign]
        # What a pipeline does at once: WATCH, and the reads before MULTI.
        pipe.immediate_execute_command = _translating(self, pipe.immediate_execute_command)  # type: ignore[method-assign]
        return pipe


def _translating(client: _Client, execute: Callable[..., Any]) -> Callable[..., Any]:
    def translating(*args: Any, **options: Any) -> Any:
        with _translated(client):
            return execute(*args, **options)

    return translating


@contextmanager
def _translated(client: _Client) -> Iterator[None]:
    try:
        yield
    except (ConnectionError, TimeoutError, BusyLoadingError) as error:
        raise RedisUnavailable(
            f"Redis at {client.place} does not answer ({error}); start it, or point {URL_VARIABLE} at another one"
        ) from error
