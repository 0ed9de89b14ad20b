"""Connections to Redis. The errors of redis-py end here: what leaves is a `PlayheadError`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.connection import AbstractConnection
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ConnectionError,
    InvalidResponse,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from playhead.errors import InvalidInput, RedisRefused, RedisUnavailable
from playhead.packing import Packer
from playhead.sentinel import SCHEME, SentinelUrl

URL_VARIABLE: Final = "PLAYHEAD_REDIS_URL"
DEFAULT_URL: Final = "redis://127.0.0.1:6379/0"
CONNECT_TIMEOUT_S: Final = 3.0
REPLY_TIMEOUT_S: Final = 5.0
"""How long a reply may take. A call that blocks on the server must block for less."""

_REFUSALS: Final[Mapping[type[Exception], str]] = {
    AuthenticationError: "lets nobody in without its password; put it into the URL, redis://:PASSWORD@HOST:PORT/0",
    AuthorizationError: "does not let this user in; give it the right, or put another user into the URL",
    InvalidResponse: "does not speak as Redis does; something else may listen there: look at host and port",
    MasterDownError: "is a replica that has lost its master; point PLAYHEAD_REDIS_URL at the master",
    NoPermissionError: "does not let this user do that; give it the right, or put another user into the URL",
    OutOfMemoryError: "takes no writes: its memory is full; raise its maxmemory, or delete sessions",
    ReadOnlyError: "takes no writes: it is a replica; point PLAYHEAD_REDIS_URL at its master",
}
# redis-py has no classes for these: they are known by the first word of the answer.
_REFUSALS_BY_WORD: Final[Mapping[str, str]] = {
    "DENIED": "lets in nobody from another machine (protected mode); give it a password, or let it listen elsewhere",
    "MISCONF": "takes no writes: it cannot write to its disk; make room there",
    "NOREPLICAS": "takes no writes: too few replicas are in step with it (min-replicas-to-write)",
}
_WORD: Final = re.compile(rf"(?:^|: )({'|'.join(_REFUSALS_BY_WORD)}|BUSY|UNBLOCKED) ")
"""The words above, and those of a server that is busy, or becomes a replica while somebody waits for news."""
_AROUND: Final = re.compile(r"^Command # .* caused error: | script: .*", re.DOTALL)
"""What redis-py and the server put around an error: the whole command of a pipeline, the digest of a script."""

HISTORY: Final = re.compile(rb"^(?:run_id|master_replid):(\w+)", re.MULTILINE)
"""What names a server's history, in its `INFO`: it has another run id when it was started again, and another
replication id when a replica has taken its place."""
C = TypeVar("C", bound="Client")


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
        client: C
        if urlsplit(url).scheme == SCHEME:
            client = SentinelUrl.parse(url).client(kind, **options)
        else:
            client = kind.from_url(url, **options)  # type: ignore[assignment]  # redis-py names the base class
    except ValueError as error:
        raise InvalidInput(f"Redis URL {shown_url(url)!r}: {error}") from None
    client.place = shown_url(url)
    return client


def _connect(url: str | None, **options: Any) -> redis.Redis:
    return open_client(
        Client,
        redis_url(url),
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        legacy_responses=False,
        command_packer=Packer(),
        **options,
    )


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


class Client(redis.Redis):
    """redis-py's client, with the errors of this package where the server is away, or refuses everybody."""

    place = ""
    """The URL as it may be printed."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with _translated(self):
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # in redis-py

    def execute_all(self, commands: Sequence[Sequence[Any]], meanwhile: Callable[[], None] | None = None) -> list[Any]:
        """Sends commands in one way to the server and back, and does something else while the server is at them.

        Returns their replies, as `execute_command` does, when all were answered. Raises the error of the first; errors
        of the others are returned.
        """
        with _translated(self):
            connection = self.connection_pool.get_connection()
            try:
                connection.send_packed_command(connection.pack_commands(commands))  # type: ignore[no-untyped-call]
                if meanwhile is not None:
                    meanwhile()
                replies = [_reply(connection) for _ in commands]
            except BaseException:
                connection.disconnect()  # type: ignore[no-untyped-call]  # nobody reads the other replies
                raise
            finally:
                self.connection_pool.release(connection)
            if isinstance(replies[0], ResponseError):
                raise replies[0]
        return [self._shaped(command[0], reply) for command, reply in zip(commands, replies, strict=True)]

    def _shaped(self, name: str, reply: Any) -> Any:
        callbacks = self.response_callbacks
        return callbacks[name](reply) if name in callbacks and not isinstance(reply, ResponseError) else reply

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        pipe = super().pipeline(transaction, shard_hint)
        pipe.execute = _translating(self, pipe.execute)  # type: ignore[method-assign]
        # What a pipeline does at once: WATCH, and the reads before MULTI.
        pipe.immediate_execute_command = _translating(self, pipe.immediate_execute_command)  # type: ignore[method-assign]
        return pipe


def _reply(connection: AbstractConnection) -> Any:
    """The next reply, which may be an error."""
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _translating(client: Client, execute: Callable[..., Any]) -> Callable[..., Any]:
    def translating(*args: Any, **options: Any) -> Any:
        with _translated(client):
            return execute(*args, **options)

    return translating


@contextmanager
def _translated(client: Client) -> Iterator[None]:
    try:
        yield
    except (ConnectionError, TimeoutError, BusyLoadingError, InvalidResponse, ResponseError) as error:
        word = _WORD.search(str(error))
        refusal = next((said for kind, said in _REFUSALS.items() if isinstance(error, kind)), None)
        refusal = refusal or _REFUSALS_BY_WORD.get(word[1] if word else "")
        if refusal is not None:
            raise RedisRefused(f"Redis at {client.place} {refusal} ({_AROUND.sub('', str(error))})") from error
        if isinstance(error, ResponseError) and word is None:
            raise
        raise RedisUnavailable(
            f"Redis at {client.place} does not answer ({error}); start it, or point {URL_VARIABLE} at another one"
        ) from error
