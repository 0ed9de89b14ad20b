"""redis-py's client and pipeline with the store in place of a connection: their methods, their shapes of replies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import redis
from redis._parsers.response_callbacks import get_response_callbacks
from redis.client import Pipeline
from redis.exceptions import ResponseError, WatchError

from playhead.errors import RedisUnavailable
from tests.faults.model.server import Away, Call, Command, Server
from tests.faults.model.store import encoded

Queued = list[tuple[Command, dict[str, Any]]]

_CALLBACKS: dict[str, Callable[..., Any]] = get_response_callbacks(None, legacy_responses=False)


class Client(redis.Redis):
    """A client of one process. `server` is the one of the present run."""

    server: Server

    def __init__(self, server: Server, redis_connect_func: object = None, **_: object) -> None:
        """With a function for what to do with a new connection it is one that `connect_to_one` has made."""
        self.server = server
        self._starts = server.starts if redis_connect_func is not None else None

    def execute_command(self, *args: Any, **options: Any) -> Any:
        options.pop("keys", None)
        server = self.server

        def run(call: Call) -> Any:
            if self._starts is not None and self._starts != server.starts:
                raise Away("it was started again")
            return server.command(call, args)

        reply = server.call(server.named(args), run)
        return _shaped(args, options, reply)

    def execute_all(self, commands: Sequence[Sequence[Any]], meanwhile: Callable[[], None] | None = None) -> list[Any]:
        if meanwhile is not None:
            meanwhile()
        pipe = self.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)  # type: ignore[no-untyped-call]  # in redis-py
        first, *others = pipe.execute(raise_on_error=False)
        if isinstance(first, ResponseError):
            raise first
        return [first, *others]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return ModelPipeline(self.server, transaction, self._starts)

    def close(self) -> None:
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        return None

    def __del__(self) -> None:
        return None


class ModelPipeline(Pipeline):
    """Commands that are sent together; in a transaction they are carried out together too."""

    def __init__(self, server: Server, transaction: bool, starts: int | None) -> None:
        self._server = server
        self._bound_to = starts
        self._watched: dict[bytes, tuple[bool, int]] = {}
        self._starts = 0
        self._atomic = transaction
        self.connection = None
        self.watching = False
        self.explicit_transaction = False
        self.command_stack = []
        self.scripts = set()

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        options.pop("keys", None)
        server = self._server
        try:
            if args[0] == "WATCH":
                reply = server.call("WATCH", lambda call: server.step(call, lambda: self._watch(args[1:])))
            else:
                reply = server.call(server.named(args), lambda call: server.command(call, args))
        except RedisUnavailable as error:
            self._raise_on_watching(error)
            raise
        return _shaped(args, options, reply)

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        commands, server = self.command_stack, self._server
        if not commands and not self.watching:
            return []
        atomic = self._atomic or self.explicit_transaction
        name = "+".join(server.named(args) for args, _ in commands)
        watched, starts = self._watched, self._starts if self.watching else self._bound_to

        def run(call: Call) -> list[Any] | None:
            if starts is not None and starts != server.starts:
                raise Away("the connection broke")
            if atomic:
                done: list[Any] | None = server.step(call, lambda: self._run(commands, watched, server.run))
                return done
            return self._run(
                commands, watched, lambda args: server.command(call._replace(name=server.named(args)), args)
            )

        try:
            replies = server.call(name, run)
        except RedisUnavailable as error:
            self._raise_on_watching(error)
            raise
        finally:
            self.reset()
        if replies is None:
            raise WatchError("Watched variable changed.")
        for reply in replies:
            if raise_on_error and isinstance(reply, ResponseError):
                raise reply
        return [
            reply if isinstance(reply, Exception) else _shaped(args, options, reply)
            for (args, options), reply in zip(commands, replies, strict=True)
        ]

    def reset(self) -> None:  # type: ignore[override]  # of a command with the same name
        self.command_stack = []
        self.scripts = set()
        self.watching = self.explicit_transaction = False
        self._watched = {}

    def _run(
        self, commands: Queued, watched: dict[bytes, tuple[bool, int]], run: Callable[[Command], Any]
    ) -> list[Any] | None:
        store = self._server.store
        for key, (there, touched) in watched.items():
            if store.there(key) is not there or store.touched.get(key, 0) != touched:
                return None
        replies: list[Any] = []
        for args, options in commands:
            options.pop("keys", None)
            try:
                replies.append(run(args))
            except ResponseError as error:
                replies.append(error)
        return replies

    def _watch(self, keys: tuple[Any, ...]) -> bytes:
        store = self._server.store
        for key in map(encoded, keys):
            self._watched[key] = store.there(key), store.touched.get(key, 0)
        self.watching, self._starts = True, self._server.starts
        return b"OK"

    def _raise_on_watching(self, error: RedisUnavailable) -> None:
        """redis-py does not say that the connection broke where it was watching."""
        if self.watching:
            self.reset()
            raise WatchError("A ConnectionError occurred while watching one or more keys") from error


def _shaped(args: Command, options: dict[str, Any], reply: Any) -> Any:
    """A reply as redis-py gives it."""
    callback = _CALLBACKS.get(args[0])
    if args[0] == "SMEMBERS":
        reply = set(reply)
    return reply if callback is None else callback(reply, **options)
