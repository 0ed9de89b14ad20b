"""Waiting for a server that is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from playhead.errors import RedisUnavailable

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Patience:
    """How long a server may be away before it is an error; `limit_s` of `None` waits for ever."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s

    def get(self, call: Callable[[], T]) -> T:
        """What `call` answers, which is asked again while Redis is away, so it must bear being asked twice.

        Raises `RedisUnavailable` after the limit.
        """
        away_since: float | None = None
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answer = call()
            except RedisUnavailable as error:
                now = time.monotonic()
                if self._limit_s is not None and now - (away_since or now) >= self._limit_s:
                    raise
                if away_since is None:
                    away_since = now
                    logger.warning("%s; waiting for it", error)
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                if away_since is not None:
                    logger.warning("Redis answers again after %.1f s", time.monotonic() - away_since)
                return answer
