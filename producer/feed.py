"""The main feed and its windows in Redis, as the producer writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import redis
from redis.exceptions import ResponseError

from playhead.connection import text
from playhead.entries import BEGINNING, order
from playhead.errors import Fenced, Malformed, SessionNotFound, sendable
from playhead.names import check_symbol
from playhead.plain import load_object
from playhead.scripts import Sequel
from playhead.symbols import MAIN_FEED, SymbolRecord
from playhead.symbols import decode as decode_record
from shared.lease import Lease
from shared.scripts import script
from shared.ticks import Fields

_OPEN_WINDOW: Final = script("open_window")
_PUBLISH: Final = script("publish")
_PUBLISH_AND_OPEN: Final = Sequel("publish-and-open", _PUBLISH, _OPEN_WINDOW)
_FAIL: Final = script("fail")


class Opening(NamedTuple):
    """A window that is to be opened: its start and end, and how far ahead of the clock it may start, in ms."""

    start_ms: int
    end_ms: int
    ahead_ms: int


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
        window = Opening(start_ms, end_ms, ahead_ms)
        return self._opened(window, _OPEN_WINDOW(self._client, *self._opening(window)))

    def publish(self, after: str, entries: Sequence[tuple[str, Fields]]) -> int:
        """Appends entries after the one with the id `after`. Returns the clock.

        Raises `Fenced` where another process has published meanwhile.
        """
        return self._published(after, _PUBLISH(self._client, *self._publishing(after, entries)))

    def publish_and_open(
        self, after: str, entries: Sequence[tuple[str, Fields]], window: Opening
    ) -> tuple[int, Mapping[str, SymbolRecord] | str]:
        """Does both in one way to the server and back, the window being the one behind these entries."""
        publishing, opening = self._publishing(after, entries), self._opening(window)
        published, opened = _PUBLISH_AND_OPEN(self._client, publishing, opening)
        return self._published(after, published), self._opened(window, opened)

    def _opening(self, window: Opening) -> tuple[list[str], list[Any]]:
        keys = [self._keys.state, self._keys.holds, self._keys.windows, self._keys.symbols]
        return keys, [self._lease.token, *window]

    def _opened(self, window: Opening, reply: Sequence[Any]) -> Mapping[str, SymbolRecord] | str:
        outcome = self._checked(reply)
        if outcome != "opened":
            return outcome
        try:
            return _records(reply[1])
        except ValueError as error:
            raise Malformed(
                f"the symbols of the window from {window.start_ms} are not as they should be: {error}"
            ) from error

    def _publishing(self, after: str, entries: Sequence[tuple[str, Fields]]) -> tuple[list[str], list[Any]]:
        args: list[Any] = [self._lease.token, after, len(entries)]
        for entry, fields in entries:
            args += [entry, len(fields)]
            for item in fields.items():
                args += item
        return [self._keys.state, self._feed], args

    def _published(self, after: str, reply: Sequence[Any]) -> int:
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
