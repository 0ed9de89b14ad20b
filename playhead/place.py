"""Where a reader of the notifications is, and whether it still is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import redis

from playhead import epochs
from playhead.connection import text
from playhead.entries import BEGINNING, order
from playhead.epochs import Epochs
from playhead.errors import ConsumerFellBehind, HistoryLost, SessionNotFound
from playhead.keys import Keys
from playhead.patience import Patience

FIELDS: Final = ("history", "trimmed", "noted", "status", "error", "epoch")
"""What is read from the state in one step with the notifications."""

_LATE_CONSUMER: Final = "follow under another name, which begins at the oldest that is kept"
_LATE_READER: Final = "subscribe again to go on from the end, or under a name: the clock waits for that"
State = Mapping[str, bytes | None]
Entries = list[tuple[bytes, Mapping[bytes, bytes]]]


class Place:
    """The place of one reader. `read` is the last notification that it has taken from the server."""

    def __init__(self, client: redis.Redis, keys: Keys, patience: Patience, *, registered: bool = False) -> None:
        """The place before the first notification. Raises `SessionNotFound`."""
        self.read = BEGINNING
        self._client = client
        self._keys = keys
        self._patience = patience
        self._registered = registered
        state, self._epochs = patience.get(self._look)
        if state["history"] is None:
            raise SessionNotFound(f"there is no session {keys.session} any more")
        self._history = state["history"]
        self.trimmed, self.noted = (text(state[name] or BEGINNING.encode()) for name in ("trimmed", "noted"))
        """The last notification that is not kept, and the last one of all, as they were then."""

    @property
    def epoch(self) -> str:
        """The epoch in which `read` is known to be there."""
        return self._epochs[-1][0] if self._epochs else ""

    def check(self, state: State, position: str | None = None) -> None:
        """Raises where what comes after a position (by default `read`) is not all there, or is not what it was.

        `state` has `FIELDS`. Raises `SessionNotFound`, `HistoryLost`, `ConsumerFellBehind`.
        """
        session = self._keys.session
        if state["history"] is None:
            raise SessionNotFound(f"session {session} was deleted while it was followed, or the server has lost it")
        if state["history"] != self._history:
            raise HistoryLost(f"session {session} was made anew while it was followed; subscribe again")
        noted = text(state["noted"] or BEGINNING.encode())
        if order(self.read) > order(noted):
            raise self.lost(noted)
        if text(state["epoch"] or b"") != self.epoch:
            self._follow_epoch(text(state["epoch"] or b""))
        position = position or self.read
        trimmed = text(state["trimmed"] or BEGINNING.encode())
        if order(position) < order(trimmed):
            raise ConsumerFellBehind(
                f"position {position} in session {session} is too old: nothing up to {trimmed} is kept any more; "
                + (_LATE_CONSUMER if self._registered else _LATE_READER)
            )

    def look(self) -> None:
        """Checks the place as it is now. Raises what `check` does."""
        state, _ = self._patience.get(self._look)
        self.check(state)

    def is_settled(self) -> bool:
        """Before anything is read: whether no epoch has begun since the last look. A position that was found between
        two looks with the same epochs is there in the last of them."""
        _, now = self._patience.get(self._look)
        before, self._epochs = self._epochs, now
        return before == now

    def kept_of(self, entry: str, epoch: str) -> str | None:
        """The last notification that is still there of those up to one that was read in an epoch; `None` for all."""
        at = next((at for at, (each, _) in enumerate(self._epochs) if each == epoch), -1)
        kept = epochs.parted_after(self._epochs[: at + 1], self._epochs)
        return kept if kept is not None and order(kept) < order(entry) else None

    def lost(self, kept: str) -> HistoryLost:
        """The error of a reader that has read more than what is kept of that."""
        goes_on = "after the position that is saved for it" if self._registered else "from the end"
        return HistoryLost(
            f"session {self._keys.session}: the server has lost its last writes; the notifications after {kept} are "
            f"gone, or come again and may differ, and this reader had read up to {self.read}; subscribe again to go "
            f"on {goes_on}",
            kept,
        )

    def _follow_epoch(self, epoch: str) -> None:
        """Goes over into an epoch that has begun, if all that was read is there in it."""
        _, now = self._patience.get(self._look)
        kept = epochs.parted_after(self._epochs, now)
        if kept is not None and order(kept) < order(self.read):
            raise self.lost(kept)
        # Not into a later one: what was read together with this epoch need not be there in that.
        at = next((at for at, (each, _) in enumerate(now) if each == epoch), None)
        if at is not None:
            self._epochs = now[: at + 1]

    def _look(self) -> tuple[State, Epochs]:
        pipe = self._client.pipeline()
        pipe.hmget(self._keys.state, FIELDS)
        pipe.xrange(self._keys.epochs)
        values, found = pipe.execute()
        return state_of(values), epochs.decode(found)


def until_noted(entries: Entries, state: State) -> Entries:
    """The entries that are the session's own. What stands behind the last one that it has noted is another hand's, and
    is taken out before the next one is emitted. Raises `Malformed`.
    """
    noted = order(text(state["noted"] or BEGINNING.encode()))
    if not entries or order(text(entries[-1][0])) <= noted:
        return entries
    return [each for each in entries if order(text(each[0])) <= noted]


def state_of(values: Sequence[Any]) -> State:
    """The answer to `HMGET` of `FIELDS`."""
    return dict(zip(FIELDS, values, strict=True))
