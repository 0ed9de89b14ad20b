"""The registered consumers of one session in Redis, as its coordinator reads them: one method a script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from coordinator.store import Store
from playhead.config import EXPECT_HOLD
from playhead.connection import text
from playhead.consumer import CONSUMER_DEAD_MS
from playhead.entries import BEGINNING, is_entry, order
from playhead.errors import Fenced
from playhead.messages import TICK, TYPE
from playhead.names import is_consumer
from shared.scripts import script

_DROP: Final = script("drop")
_MEET: Final = script("meet")
_WAITING: Final = script("waiting")
_BEAT: Final = re.compile(r"[0-9]{1,15}")
_READ_ENTRIES: Final = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """The consumers that may be waited for.

    `now_ms` is the server's wall clock, `joined` counts registrations. `cursors` and `beats_ms` have the entry up to
    which each has acknowledged everything, and the wall time of its last heartbeat.
    """

    now_ms: int
    joined: str
    cursors: Mapping[str, str]
    beats_ms: Mapping[str, int]


class Consumers:
    """Those of one session. Raises `Fenced` once another coordinator serves it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[str, ...] = ()

    def standing(self) -> Standing:
        """All in one step. Left out are those that have left, and those that need what is not kept any more: nobody
        can wait for them."""
        keys = self._store.keys
        while True:
            pipe = self._store.client.pipeline(transaction=True)
            pipe.time()
            pipe.hmget(keys.state, ["joined", "trimmed"])
            pipe.hgetall(keys.consumers)
            for name in self._known:
                pipe.hget(keys.consumer(name), "cursor")
            (seconds, microseconds), (joined, trimmed), found, *cursors = _answers(pipe.execute(raise_on_error=False))
            now_ms = int(seconds) * 1000 + int(microseconds) // 1000
            # Nobody has beaten in time to come: who says so has not beaten.
            latest_ms = now_ms + CONSUMER_DEAD_MS
            beats_ms = {name: beat_ms for name, beat_ms in map(_beat, found.items()) if 0 < beat_ms <= latest_ms}
            if self._known == (names := tuple(sorted(beats_ms))):
                break
            self._known = names  # their cursors are needed too
        kept_from = order(text(trimmed or BEGINNING))
        # A record that is no hash is the work of a hand, and nobody's.
        whole = {name: cursor for name, cursor in zip(names, cursors, strict=True) if isinstance(cursor, bytes)}
        positions = {name: text(cursor) for name, cursor in whole.items()}
        return Standing(
            now_ms,
            text(joined or b"0"),
            {name: at for name, at in positions.items() if is_entry(at) and order(at) >= kept_from},
            beats_ms,
        )

    def drop(self, names: Sequence[str], silent_since_ms: int) -> tuple[str, ...]:
        """Drops those without a heartbeat since a wall time, with an event for each. Returns who is dropped now."""
        keys = self._store.keys
        reply = _DROP(
            self._store.client,
            [keys.state, keys.notifications, keys.consumers],
            [self._store.token, silent_since_ms, *names],
        )
        return tuple(map(text, self._checked(reply)[1:]))

    def expected(self) -> set[str]:
        """The consumers for whom there is a hold still."""
        holds = {text(name) for name in self._store.client.smembers(self._store.keys.holds)}
        return {hold.removeprefix(EXPECT_HOLD) for hold in holds if hold.startswith(EXPECT_HOLD)}

    def meet(self, name: str, dead_ms: int) -> bool:
        """Removes the hold of an expected consumer if it is there: its last heartbeat is not older than `dead_ms`."""
        keys = self._store.keys
        reply = _MEET(
            self._store.client,
            [keys.state, keys.holds, keys.consumers],
            [self._store.token, name, EXPECT_HOLD + name, dead_ms],
        )
        return self._checked([reply])[0] == b"ok"

    def say_waiting(self, names: Sequence[str]) -> None:
        """Lets everybody see for whom the clock waits."""
        reply = _WAITING(self._store.client, [self._store.keys.state], [self._store.token, ",".join(names)])
        self._checked([reply])

    def said_waiting(self) -> tuple[str, ...]:
        """Whom the session is said to wait for."""
        said = text(self._store.client.hget(self._store.keys.state, "waiting_for") or b"")
        return tuple(said.split(",")) if said else ()

    def last_acknowledgement(self) -> str:
        """The id of the last entry of the acknowledgements."""
        found: Any = self._store.client.xrevrange(self._store.keys.acks, count=1)
        return text(found[0][0]) if found else BEGINNING

    def last_ticks(self, count: int) -> list[int]:
        """The close times of so many of the last ticks that are kept, in order, UTC milliseconds."""
        ticks: list[int] = []
        before = text(self._store.client.hget(self._store.keys.state, "noted") or BEGINNING)
        while len(ticks) < count:
            found: Any = self._store.client.xrevrange(
                self._store.keys.notifications, before, count=min(_READ_ENTRIES, count)
            )
            if not found:
                break
            ticks += [order(text(entry))[0] for entry, fields in found if fields.get(TYPE) == TICK]
            before = f"({text(found[-1][0])}"
        return ticks[:count][::-1]

    def _checked(self, reply: Sequence[bytes]) -> Sequence[bytes]:
        if reply[0] == b"fenced":
            raise Fenced(f"session {self._store.keys.session} has another coordinator now")
        return reply


def _answers(found: Sequence[Any]) -> Sequence[Any]:
    """The answers of a pipeline, of which those to reading the consumers' own records may be errors."""
    for answer in found[:3]:
        if isinstance(answer, Exception):
            raise answer
    return found


def _beat(item: tuple[bytes, bytes]) -> tuple[str, int]:
    """A consumer and the wall time of its heartbeat; 0 for one that has left, and for what is no consumer."""
    name, beat = map(text, item)
    return name, int(beat) if is_consumer(name) and _BEAT.fullmatch(beat) else 0
