"""A client on the server of the RQ queue. What RQ writes there, and when, is its own affair."""

from __future__ import annotations

from typing import Any, Final

from redis.client import Pipeline

from playhead.connection import Client
from playhead.crash_points import Write

_REQUEST: Final = Write("queue")


class QueueClient(Client):
    """Each of its requests, reads too, passes the crash points of `queue`."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        with _REQUEST:
            return super().execute_command(*args, **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        pipe = super().pipeline(transaction, shard_hint)
        execute = pipe.execute

        def executing(*args: Any, **options: Any) -> list[Any]:
            with _REQUEST:
                return execute(*args, **options)

        pipe.execute = executing  # type: ignore[method-assign]
        return pipe
