"""Who is there: the consumers for whom the clock waits, at the first tick and at every one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from coordinator.consumers import Consumers, Standing
from coordinator.lockstep import Lockstep
from coordinator.metrics import DROPPED
from coordinator.store import Store
from playhead.config import SessionConfig
from playhead.consumer import CONSUMER_DEAD_MS
from playhead.entries import BEGINNING, is_entry, time_ms
from shared.logs import SessionLog

LOG: Final = logging.getLogger(__name__)
LOOK_S: Final = 0.1
"""While the clock waits: how often it is looked who has gone, or has come on without having said so."""
WATCHED_MS: Final = 3_000
"""Nobody is dropped before it was looked for a heartbeat for so long; one comes every second."""
ASLEEP_S: Final = 1.0
"""Who has not looked for so long may have been asleep, or the server was away: it looks anew."""
SAID_AFTER_S: Final = 1.0
"""A wait that is longer is said, in the session's state and in the log."""
SAID_AGAIN_S: Final = 60.0
"""In the log the same names are said again after this time at the earliest."""


class Attendance:
    """The consumers of one session while this process is its coordinator."""

    def __init__(self, store: Store, config: SessionConfig, silence_ms: int) -> None:
        """`silence_ms` is how long a consumer without a heartbeat is waited for."""
        self._consumers = Consumers(store)
        self._log = SessionLog(LOG, store.keys.session)
        self._silence_ms = silence_ms
        self._dropped = DROPPED.labels(store.keys.session)
        self._missing = set(config.expected)
        self._said = self._consumers.said_waiting()
        self._logged: tuple[tuple[str, ...], float] = ((), 0.0)
        self._waits_since_s: float | None = None
        self._lockstep: Lockstep | None = None
        self._acks = store.keys.acks
        self._acks_at = BEGINNING
        self._looked_s, self._looked_ms = 0.0, 0
        self._watched: dict[str, tuple[int, float]] = {}  # the last heartbeat, and since when it has been that
        self._joined = ""
        self._awake_s = self._awake_since_s = time.monotonic()
        if config.lead is not None:
            self._acks_at = self._consumers.last_acknowledgement()
            self._lockstep = Lockstep(config.lead, self._consumers.last_ticks(config.lead))
            self._look(self._lockstep)

    @property
    def streams(self) -> Mapping[str, str]:
        """What is to be read beside all else, and after which entry."""
        return {self._acks: self._acks_at} if self._lockstep is not None else {}

    @property
    def joined(self) -> str:
        """How many registrations are known: with another one the clock must not move before it is looked who came.
        Empty where that does not matter.
        """
        return self._joined

    def stays_awake(self) -> None:
        """Called with everything that the coordinator does."""
        now_s = time.monotonic()
        if now_s - self._awake_s > ASLEEP_S:
            self._awake_since_s = now_s
        self._awake_s = now_s

    @property
    def has_watched(self) -> bool:
        """Whether whoever lives must have shown it by now: after an outage everybody's last heartbeat is old."""
        return self._awake_s - self._awake_since_s >= self._watched_s

    def hear(self, entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> None:
        """Takes what consumers say of their progress."""
        for entry, fields in entries:
            self._acks_at = entry.decode()
            name, cursor = (fields.get(field, b"").decode(errors="replace") for field in (b"consumer", b"cursor"))
            if self._lockstep is None or (is_entry(cursor) and self._lockstep.acknowledge(name, cursor)):
                continue
            # Nothing new where it was looked since. Else somebody leaves, or has just come.
            if time_ms(self._acks_at) >= self._looked_ms:
                self._looked_s = 0.0

    def meet(self) -> None:
        """Removes the holds of expected consumers that have come."""
        if not self._missing:
            return
        held = self._consumers.expected()
        now = self._consumers.standing()
        for name in sorted(self._missing & held & now.beats_ms.keys()):
            if self._consumers.meet(name, now.now_ms - CONSUMER_DEAD_MS):
                self._log.info("consumer %s is there", name)
                held.discard(name)
        self._missing &= held

    def look(self) -> None:
        """Reads anew who is there: somebody has come."""
        if self._lockstep is not None:
            self._look(self._lockstep)

    def emitted(self, ticks: Iterable[int]) -> None:
        """Counts ticks that went out, by their close times."""
        if self._lockstep is not None:
            for close_ms in ticks:
                self._lockstep.emit(close_ms)

    def room(self) -> int | None:
        """How many ticks may go out now; `None` for no limit. At 0 the clock stands: whatever a consumer does before
        it acknowledges, such as adding a symbol, happens at that time."""
        lockstep = self._lockstep
        if lockstep is None:
            return None
        if lockstep.room == 0 and time.monotonic() - self._looked_s >= LOOK_S:
            self._look(lockstep)
        return lockstep.room

    @property
    def behind(self) -> tuple[str, ...]:
        """The consumers for whom the next tick waits, sorted."""
        return () if self._lockstep is None else self._lockstep.behind

    def waits(self, names: Sequence[str]) -> None:
        """The clock waits for these. Where that takes longer, it is said."""
        now_s = time.monotonic()
        if self._waits_since_s is None:
            self._waits_since_s = now_s
        waited_for = tuple(names)
        if waited_for == self._said or now_s - self._waits_since_s < SAID_AFTER_S:
            return
        self._consumers.say_waiting(waited_for)
        self._said = waited_for
        logged, logged_s = self._logged
        if logged != waited_for or now_s - logged_s >= SAID_AGAIN_S:
            self._logged = waited_for, now_s
            self._log.info("waiting for consumer %s", ", ".join(waited_for))

    def goes_on(self) -> None:
        """The clock waits for nobody any more."""
        self._waits_since_s = None
        if self._said:
            self._consumers.say_waiting(())
            self._said = ()

    def _look(self, lockstep: Lockstep) -> None:
        """Reads who is there and how far each has come. Drops those who are dead and in the way."""
        now = self._standing(lockstep)
        dead_ms = now.now_ms - self._silence_ms
        dead = [name for name in lockstep.behind if now.beats_ms[name] < dead_ms and self._was_watched(name)]
        if not dead:
            return
        for name in self._consumers.drop(dead, dead_ms):
            self._dropped.inc()
            self._log.warning("consumer %s has shown no life for %g s and is dropped", name, self._silence_ms / 1000)
        self._standing(lockstep)

    def _standing(self, lockstep: Lockstep) -> Standing:
        now = self._consumers.standing()
        self._looked_s, self._looked_ms = time.monotonic(), now.now_ms
        self._joined = now.joined
        lockstep.follow(now.cursors)
        for name in lockstep.behind:
            if self._watched.get(name, (0, 0.0))[0] != now.beats_ms[name]:
                self._watched[name] = now.beats_ms[name], self._looked_s
        return now

    def _was_watched(self, name: str) -> bool:
        """Whether no heartbeat came while it was looked for one: after the server was away, or the whole machine
        was asleep, everybody's last heartbeat is old."""
        return self._looked_s - self._watched[name][1] >= self._watched_s

    @property
    def _watched_s(self) -> float:
        return min(self._silence_ms, WATCHED_MS) / 1000
