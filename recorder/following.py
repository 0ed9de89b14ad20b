"""The notifications of a session for the consumer `recorder`: read in portions, acknowledged when they are written."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import redis
from numpy.typing import NDArray

from playhead import messages
from playhead import symbols as records
from playhead.almanac import Almanac
from playhead.bars import Bars
from playhead.closing import closes_of
from playhead.config import RECORDER
from playhead.connection import text
from playhead.consumer import Consumer
from playhead.entries import order
from playhead.errors import Malformed, SessionNotFound, UnknownSymbol
from playhead.intervals import interval_ms
from playhead.keys import Keys
from playhead.messages import Message, SymbolAdded
from playhead.patience import Patience
from playhead.place import FIELDS, Place, state_of, until_noted
from playhead.subscription import FOREIGN_PAUSE_S, OVER
from playhead.view import View
from shared.logs import SessionLog

LOG: Final = logging.getLogger(__name__)
PORTION: Final = 64
"""Notifications of one read."""
AT_ONCE: Final = Patience(0)
"""A Redis that is away ends what is being done: it is taken up again when there is one."""

Caught = list[tuple[Bars, NDArray[np.int64]]]
"""Bars with the times at which they closed."""


class Following:
    """The registered consumer, while this process is it."""

    def __init__(self, client: redis.Redis, url: str, keys: Keys) -> None:
        """Takes the name, which may take some seconds. Raises what `Consumer` does."""
        self._client = client
        self._keys = keys
        self.history = text(client.hget(keys.state, "history") or b"")
        self._place = Place(client, keys, AT_ONCE, registered=True)
        self._consumer = Consumer(client, url, keys, RECORDER, self._place, AT_ONCE, from_start=True)
        self._place.read = self.acknowledged = self._consumer.cursor
        self.over = False
        """Whether the session has ended, and all of it has been read."""

    @property
    def read(self) -> str:
        """The last notification that was read."""
        return self._place.read

    @property
    def holder(self) -> str:
        return self._consumer.holder

    def holds(self) -> bool:
        """Whether the name is still this process's. Raises `SessionNotFound`."""
        pipe = self._client.pipeline(transaction=True)
        pipe.exists(self._keys.state)
        pipe.hget(self._keys.consumer(RECORDER), "holder")
        exists, holder = pipe.execute()
        if not exists:
            raise SessionNotFound(f"session {self._keys.session} was deleted while it was recorded")
        return bool(holder == self.holder.encode())

    def next(self, block_ms: int) -> list[Message]:
        """The next notifications; none where none came in that time. Raises `ConsumerFellBehind`, `HistoryLost`."""
        self._consumer.check()
        entries = self._entries()
        if not entries and not self.over and block_ms:
            self._client.xread(self._from_here, count=1, block=block_ms)
            entries = self._entries()
        return [message for entry, fields in entries if (message := self._decoded(entry, fields)) is not None]

    def skip_lost(self) -> tuple[str, str]:
        """Goes on with the oldest that is kept. Gives the entries after and up to which all is lost."""
        lost = self.read, text(self._client.hget(self._keys.state, "trimmed") or b"0-0")
        self._place.read = lost[1]
        return lost

    @property
    def epoch(self) -> str:
        """The epoch in which all that was read is there."""
        return self._place.epoch

    def kept_of(self, entry: str, epoch: str) -> str | None:
        """The last notification that is still there of those up to one that was read in an epoch; `None` for all."""
        return self._place.kept_of(entry, epoch)

    def acknowledge(self, entry: str) -> None:
        """Says that all up to an entry is written. Raises `ConsumerNameTaken`."""
        if order(entry) > order(self.acknowledged):
            self._consumer.save(entry)
            self.acknowledged = entry

    def caught_up(self, added: SymbolAdded, intervals: tuple[str, ...]) -> Caught:
        """The bars that symbols had when they were added."""
        view = View(self._client, self._keys, self._place, added.entry, AT_ONCE)
        almanac = Almanac(self._client, self._keys)
        found: Caught = []
        for symbol in added.symbols:
            try:
                bars_of = [view.bars(symbol, interval) for interval in intervals]
            except UnknownSymbol:
                continue  # a hand has taken it out
            record = self._client.hget(self._keys.symbols, symbol)
            for bars in bars_of:
                step_ms = interval_ms(bars.interval)
                if record is None:  # removed since
                    found.append((bars, np.minimum(bars.start_ms + step_ms, added.clock_ms)))
                else:
                    days = almanac.of(records.decode(record).calendar)
                    found.append((bars, closes_of(days, bars.start_ms, step_ms)))
        return found

    def leave(self) -> None:
        """Frees the name: everything is written."""
        self._consumer.leave(self.acknowledged)

    def make_way(self) -> None:
        """Frees the name for the recorder that goes on. The clock does not leave it behind meanwhile."""
        self._consumer.make_way(self.acknowledged)

    @property
    def _from_here(self) -> dict[Any, Any]:
        return {self._keys.notifications: self.read}

    def _entries(self) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        pipe = self._client.pipeline(transaction=True)
        pipe.hmget(self._keys.state, FIELDS)
        pipe.xread(self._from_here, count=PORTION)
        values, found = pipe.execute()
        state = state_of(values)
        self._place.check(state)
        there: list[tuple[bytes, Mapping[bytes, bytes]]] = next(iter(found.values()), []) if found else []
        entries = until_noted(there, state)
        if there and not entries:
            time.sleep(FOREIGN_PAUSE_S)
        self.over = not entries and state["status"] in OVER
        return entries

    def _decoded(self, entry: bytes, fields: Mapping[bytes, bytes]) -> Message | None:
        self._place.read = entry.decode()
        try:
            return messages.decode(entry, fields)
        except Malformed as error:
            SessionLog(LOG, self._keys.session).warning("notification %s is not recorded: %s", self.read, error)
            return None
