"""The main feed and its windows in Redis, as the producer writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import redis
from redis.exceptions import ResponseError

from playhead.connection import text
from playhead.entries import BEGINNING, order
from playhead.errors import Fenced, Malformed, SessionNotFound, sendable
from playhead.names import check_symbol
from playhead.plain import load_object
from playhead.symbols import MAIN_FEED, SymbolRecord
from playhead.symbols import decode as decode_record
from shared.lease import Lease
from shared.scripts import script
from shared.ticks import Fields

_OPEN_WINDOW: Final = script("open_window")
_PUBLISH: Final = script("publish")
_FAIL: Final = script("fail")


class MainFeed:
    """One session's main feed under one lease. Every write carries the fencing token."""

    def __init__(self, client: redis.Redis, lease: Lease) -> None:
        self._client = client
        self._lease = lease
        self._keys = lease.keys
        self._feed = lease.keys.feed(MAIN_FEED)

    def state(self, *fields: str) -> list[str | None]:
        """Fields of the session's state."""
        values = self._client.hmget(self._keys.state, list(fields))
        return [None if value is None else text(value) for value in values]

    def last_entry(self) -> str:
        """The id of the last entry that was ever published, `0-0` before the first; not one of another hand."""
        (published,) = self.state("published")
        if published is not None:
            order(published)
            return published
        try:  # an earlier version did not say it
            last: bytes = self._client.xinfo_stream(self._feed)["last-generated-id"]
        except ResponseError as error:
            if "no such key" in str(error):
                return BEGINNING
            raise
        return last.decode()

    def clock_ms(self) -> int:
        """The clock: what closed by then was released."""
        return int(self._client.hget(self._keys.state, "clock_ms") or 0)

    def through_ms(self) -> int:
        """The end of the last opened window."""
        return int(self._client.hget(self._keys.windows, "through_ms") or 0)

    def open_window(self, start_ms: int, end_ms: int, ahead_ms: int) -> Mapping[str, SymbolRecord] | str:
        """The symbols of a window, the same ones at each call; or `wait`, or `final` after the session's end."""
        keys = [self._keys.state, self._keys.holds, self._keys.windows, self._keys.symbols]
        reply = _OPEN_WINDOW(self._client, keys, [self._lease.token, start_ms, end_ms, ahead_ms])
        outcome = self._checked(reply)
        if outcome != "opened":
            return outcome
        try:
            return _records(reply[1])
        except ValueError as error:
            raise Malformed(f"the symbols of the window from {start_ms} are not as they should be: {error}") from error

    def publish(self, after: str, entries: Sequence[tuple[str, Fields]]) -> int:
        """Appends entries after the one with the id `after`. Returns the clock.

        Raises `Fenced` where another process has published meanwhile.
        """
        args: list[Any] = [self._lease.token, after, len(entries)]
        for entry, fields in entries:
            args += [entry, len(fields)]
            for item in fields.items():
                args += item
        reply = _PUBLISH(self._client, [self._keys.state, self._feed], args)
        outcome = self._checked(reply)
        if outcome == "missing":
            raise SessionNotFound(f"session {self._keys.session} is gone")
        if outcome == "other":
            raise Fenced(f"the main feed ends at {reply[1].decode()}, not at {after}: another producer writes it")
        return int(reply[1])

    def fail(self, error: str) -> None:
        """Ends the session with an error."""
        keys = [self._keys.state, self._keys.notifications]
        self._checked([_FAIL(self._client, keys, ["producer", self._lease.token, sendable(error)])])

    def _checked(self, reply: Sequence[Any]) -> str:
        outcome: str = reply[0].decode()
        if outcome == "fenced":
            raise Fenced(f"session {self._keys.session} has another producer now")
        return outcome


@lru_cache(maxsize=16)  # mostly they are those of the window before
def _records(text: bytes) -> Mapping[str, SymbolRecord]:
    return {check_symbol(symbol): decode_record(json.dumps(record)) for symbol, record in load_object(text).items()}
