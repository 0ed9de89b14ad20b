"""Metrics that are read out of Redis when they are asked for, so that nobody pays for them where nobody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import redis
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from playhead.connection import Client, open_client
from playhead.errors import PlayheadError
from shared.metrics import REGISTRY

PATIENCE_S: Final = 1.0
"""How long Redis is waited for: what it does not answer is left out, and the rest of the metrics is there."""


class Readings(Collector):
    """What `read` finds on the server at this URL, at each scrape."""

    def __init__(self, url: str, read: Callable[[redis.Redis], Iterable[Metric]]) -> None:
        """Raises `InvalidInput` for a URL that is none."""
        self._read = read
        self._client = open_client(
            Client,
            url,
            socket_connect_timeout=PATIENCE_S,
            socket_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
            legacy_responses=False,
        )

    def show(self) -> None:
        """From now on they are among the metrics of this process."""
        REGISTRY.register(self)

    def collect(self) -> Iterable[Metric]:
        try:
            return list(self._read(self._client))
        except (PlayheadError, ResponseError):  # the service itself says what is wrong with its server, or its keys
            return []


def whole(answer: Any) -> int | None:
    """An answer that is a whole number; `None` for any other, and for an error: another hand may have been there."""
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    return int(text) if text.isascii() and text.isdigit() else None
