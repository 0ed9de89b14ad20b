"""Connections to Redis. The errors of redis-py end here: what leaves is a `PlayheadError`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError
from redis.retry import Retry

from playhead.errors import InvalidInput, RedisUnavailable

URL_VARIABLE: Final = "PLAYHEAD_REDIS_URL"
DEFAULT_URL: Final = "redis://127.0.0.1:6379/0"
CONNECT_TIMEOUT_S: Final = 3.0
REPLY_TIMEOUT_S: Final = 5.0
"""How long a reply may take. A call that blocks on the server must block for less."""


def redis_url(given: str | None = None) -> str:
    """The URL to use: the given one, else the environment's, else the local default."""
    return given or os.environ.get(URL_VARIABLE) or DEFAULT_URL


def connect(url: str | None = None) -> redis.Redis:
    """A client that never sends a command twice by itself, and never waits longer than the limits above.

    redis-py repeats a command whose reply was lost, writes included. Here whoever writes decides about that.
    The connection is made at the first command. Raises `InvalidInput` for a URL that is none.
    """
    chosen = redis_url(url)
    try:
        return _Client.from_url(
            chosen,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            legacy_responses=False,
        )
    except ValueError as error:
        raise InvalidInput(f"Redis URL {shown_url(chosen)!r}: {error}") from None


def shown_url(url: str) -> str:
    """A URL as it may be printed: without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def text(value: bytes | str) -> str:
    """What Redis answered, as text. Our clients answer in bytes; redis-py's types leave that open."""
    return value if isinstance(value, str) else value.decode(errors="replace")


class _Client(redis.Redis):
    def execute_command(self, *args: Any, **options: Any) -> Any:
        with _translated(self):
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # in redis-py

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        pipe = super().pipeline(transaction, shard_hint)
        pipe.execute = _translating(self, pipe.execute)  # type: ignore[method-assign]
        # What a pipeline does at once: WATCH, and the reads before MULTI.
        pipe.immediate_execute_command = _translating(self, pipe.immediate_execute_command)  # type: ignore[method-assign]
        return pipe


def _translating(client: redis.Redis, execute: Callable[..., Any]) -> Callable[..., Any]:
    def translating(*args: Any, **options: Any) -> Any:
        with _translated(client):
            return execute(*args, **options)

    return translating


@contextmanager
def _translated(client: redis.Redis) -> Iterator[None]:
    try:
        yield
    except (ConnectionError, TimeoutError, BusyLoadingError) as error:
        settings = client.connection_pool.connection_kwargs
        place = settings.get("path") or f"redis://{settings.get('host')}:{settings.get('port')}/{settings.get('db', 0)}"
        raise RedisUnavailable(
            f"Redis at {place} does not answer ({error}); start it, or point {URL_VARIABLE} at another one"
        ) from error
