"""A Redis that is away or refuses, as a whole process sees it."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from playhead.errors import RedisUnavailable
from shared.metrics import AVAILABLE, OUTAGE_S, OUTAGES

LOG: Final = logging.getLogger(__name__)


class Outage:
    """Says in one line that Redis has gone, and in one that it is back, whichever thread notices and how often."""

    def __init__(self, role: str) -> None:
        self._outages, self._outage_s = OUTAGES.labels(role), OUTAGE_S.labels(role)
        self._available = AVAILABLE.labels(role)
        self._available.set(1)
        self._lock = threading.Lock()
        self._since_s: float | None = None
        self._noticed_s = 0.0
        self._over_s = 0.0

    def noticed(self, error: RedisUnavailable, asked_s: float) -> None:
        """A call has failed that was begun at this time (monotonic). Old news, where that was before Redis was back."""
        with self._lock:
            if asked_s < self._over_s:
                return
            self._noticed_s = time.monotonic()
            if self._since_s is None:
                self._since_s = self._noticed_s
                self._outages.inc()
                self._available.set(0)
                LOG.warning("%s; waiting for it", error)

    def over(self, asked_s: float) -> None:
        """Everything that was begun at this time has been answered. What was begun before the last failure proves
        nothing."""
        with self._lock:
            if self._since_s is not None and asked_s > self._noticed_s:
                self._over_s = time.monotonic()
                self._outage_s.inc(self._over_s - self._since_s)
                self._available.set(1)
                LOG.info("Redis answers again after %.1f s", self._over_s - self._since_s)
                self._since_s = None
