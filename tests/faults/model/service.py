"""Coordinators and producers: the real service loop, with the real servers, in a simulated process."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any, Final

from coordinator.replay import Replay
from playhead.connection import connect
from playhead.errors import RedisUnavailable
from playhead.keys import Keys
from producer.publisher import Publisher
from shared.lease import Lease
from shared.service import LOOK_S, Service
from shared.settings import Settings
from tests.faults.model.scheduler import Process

SERVERS: Final[dict[str, Any]] = {
    "coordinator": lambda: partial(Replay, memories={}),
    "producer": lambda: partial(Publisher, published={}),
}
AGAIN_S: Final = 0.5
"""Pause of a service that does not reach the server."""
STANDS_BY_S: Final = 3 * LOOK_S
"""Between two looks of one that stands by: longer than in life, since each costs time and finds the same."""


def serve(process: Process, role: str, keys: Keys, settings: Settings) -> None:
    """Takes the lease whenever it is free, and serves the session under it."""
    service = Service(role, settings, SERVERS[role]())
    while True:
        try:
            lease = Lease(connect(settings.redis_url), keys, role, settings.lease_ms)
            if service._takes(lease):
                process.credential = lease.token
                service._serve(lease)
        except RedisUnavailable:
            time.sleep(AGAIN_S)
        process.credential = ""
        time.sleep(STANDS_BY_S)


class ServiceLog:
    """The log of a service, for whom an error that it would only write down ends the run."""

    def __init__(self, *_: Any) -> None: ...

    def info(self, *_: Any) -> None: ...

    warning = error = info

    def exception(self, *_: Any) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        raise AssertionError("a service failed, and would go on") from error
