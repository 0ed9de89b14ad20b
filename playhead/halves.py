"""A subscription that a thread and an event loop share."""

from __future__ import annotations

import threading
from typing import Any

import redis

from playhead import messages
from playhead.connection import connect
from playhead.keys import Keys
from playhead.messages import Message
from playhead.subscription import Subscription


class Halves(Subscription):
    """A subscription in two halves: `look` waits and hands nothing out, `take` hands out and waits for nothing.

    Its connections are its own, so the thread that looks shares none with the session. Once `stop` is set nothing
    more is sent: who waits for a Redis that is away waits no longer.
    """

    _may_fetch = False
    _stop: threading.Event

    @classmethod
    def open(
        cls, url: str, keys: Keys, name: str | None, from_start: bool, patience_s: float | None, stop: threading.Event
    ) -> Halves:
        """Begins to follow, with connections of its own. Raises what `Subscription` raises."""
        client = connect(url)
        _send_nothing_after(stop, client)
        try:
            halves = cls(client, url, keys, name, from_start, patience_s)
        except BaseException:
            client.close()
            raise
        halves._stop = stop
        return halves

    def look(self) -> bool:
        """Ends the item in hand and asks the server for what follows, for a second at most. False at the end.

        Raises what following raises.
        """
        if self._ready:
            return True
        self._may_fetch = True
        try:
            next(self)
        except StopIteration:
            return False
        except _Looked:
            return True
        finally:
            self._may_fetch = False
        raise AssertionError("an item was handed out by a look")  # it would be lost: `_fetch` is always in its way

    def take(self) -> Message | None:
        """The next item, and the position moves to it; `None` where the server is needed first.

        Raises what following raises, and does not close then.
        """
        if not self._ready:
            return None
        try:
            return self._next()
        except _Looked:  # what was here could not be understood, and was skipped
            return None

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stop.set()
            self._client.close()

    @property
    def _ready(self) -> bool:
        """Whether an item is here, and nothing is to be asked or saved before it."""
        if self.closed or not self._entries or self._is_waited_for or isinstance(self._in_hand, messages.LAST):
            return False
        return self._consumer is None or not self._consumer._heartbeat.refused

    def _fetch(self) -> None:
        if self._may_fetch:
            super()._fetch()
        raise _Looked


class _Looked(Exception):
    """The one look at the server is over, or there may be none."""


class Stopped(Exception):
    """Nothing more may be sent. No `PlayheadError`: it must not be taken for an error of following."""


def _send_nothing_after(stop: threading.Event, client: redis.Redis) -> None:
    """Has a client raise `Stopped` in place of sending, once `stop` is set."""
    get_connection = client.connection_pool.get_connection

    def guarded(*args: Any, **options: Any) -> Any:
        if stop.is_set():
            raise Stopped
        return get_connection(*args, **options)

    client.connection_pool.get_connection = guarded  # type: ignore[method-assign]
