"""The sign of life of a registered consumer."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import Final

from playhead.connection import connect
from playhead.errors import RedisUnavailable
from playhead.keys import Keys
from playhead.scripts import Script

BEAT_S: Final = 1.0
"""Between two signs of life."""
ALIVE: Final = "1"
LEAVING: Final = "0"
MAKING_WAY: Final = "next"
"""What a consumer says of its life."""

logger = logging.getLogger(__name__)
beat = Script("playhead", "beat")


class Heartbeat:
    """A background thread that says once a second that a consumer lives, however long it works on one tick.

    It has its own connection, goes on when Redis was away, and ends with `stop`, with the object or with the process.
    """

    def __init__(self, url: str, keys: Keys, name: str, holder: str) -> None:
        self._state = _State()
        self._thread = threading.Thread(
            target=_run,
            args=(self._state, url, keys, name, holder),
            name=f"playhead-heartbeat-{name}",
            daemon=True,
        )
        self._thread.start()
        weakref.finalize(self, self._state.stop.set)

    @property
    def refused(self) -> bool:
        """Whether the server said that the name is no longer this holder's, or that the session is gone."""
        return self._state.refused

    def stop(self) -> None:
        """Ends the thread. One that waits for the server just then ends by itself a little later."""
        self._state.stop.set()
        self._thread.join(BEAT_S)


class _State:
    """What the thread shares with its owner; the thread must not keep the owner alive."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.refused = False


def _run(state: _State, url: str, keys: Keys, name: str, holder: str) -> None:
    with connect(url) as client:
        while not state.stop.wait(BEAT_S):
            try:
                alive = beat(client, [keys.state, keys.consumers, keys.consumer(name)], [name, holder, ALIVE])
            except RedisUnavailable as error:
                logger.debug("no sign of life of consumer %s: %s", name, error)
                continue
            if not alive:
                state.refused = True
                return
