"""Getting ready to take over: what serving a session costs at first is done before it has to be served."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

import redis
from redis.exceptions import ResponseError

from playhead.config import decode
from playhead.connection import connect, text
from playhead.errors import PlayheadError, RedisUnavailable
from playhead.keys import SESSIONS, Keys
from shared.hours import Hours

LOOK_S: Final = 1.0
"""Between two looks at the sessions and their calendars."""


class Standby:
    """A thread that makes the trading days of all sessions, which takes a third of a second for each exchange."""

    def __init__(self, url: str, stopping: threading.Event) -> None:
        self._url = url
        self._stopping = stopping
        self._ready: set[tuple[bytes, bytes]] = set()

    def start(self) -> None:
        """Goes on until the process is told to stop, and does not keep it alive."""
        threading.Thread(target=self._run, name="standby", daemon=True).start()

    def _run(self) -> None:
        with connect(self._url) as client:
            while not self._stopping.is_set():
                with suppress(RedisUnavailable):
                    for name in client.smembers(SESSIONS):
                        with suppress(PlayheadError, ResponseError):  # whoever serves it says what is wrong with it
                            self._get_ready(client, text(name))
                self._stopping.wait(LOOK_S)

    def _get_ready(self, client: redis.Redis, name: str) -> None:
        keys = Keys(name)
        pipe = client.pipeline(transaction=False)
        pipe.hget(keys.state, "config")
        pipe.hkeys(keys.calendars)
        config, calendars = pipe.execute()
        for each in calendars if config is not None else ():
            if (config, each) not in self._ready:
                self._ready.add((config, each))
                _ = Hours.in_session(text(each), decode(config)).days
