"""Digests of session data: a day that is over is read back out of Redis and digested, a little with each step.

What is digested is what stands there, and not what was meant to stand there: `playhead verify` compares it.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from redis.exceptions import ResponseError

from coordinator.state import State
from coordinator.store import Store
from playhead.connection import text
from playhead.days import NEVER_MS, TradingDays
from playhead.digest import CLOCK_FIELD, UNREADABLE, digest_of_runs, field_of, parse_field
from playhead.errors import Fenced, Malformed
from playhead.intervals import interval_ms
from playhead.keys import Keys
from playhead.plain import load_object
from shared.logs import SessionLog
from shared.scripts import script

LOG: Final = logging.getLogger(__name__)
CHUNK: Final = 64
"""Keys that one step reads at most: some milliseconds for as many days of minutes."""
CHUNK_BARS: Final = 100_000
"""The same by the bars that they may have."""

_DIGEST: Final = script("digest")


@dataclass(slots=True)
class _Work:
    """One day of a calendar in one interval: the symbols that are left, and the digests that there are."""

    name: str
    interval: str
    day: str
    chunk: int
    left: list[str]
    done: dict[str, str] = field(default_factory=dict)


class Digests:
    """Keeps the digests of one session. What is missing after a takeover is found, and computed from what is there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: Keys = store.keys
        self._known = {text(name) for name in store.client.hkeys(self._keys.digests)}
        self._latest: dict[str, dict[str, str]] = {}
        self._work: deque[_Work] = deque()
        self._state: State | None = None
        self._next_close_ms = 0

    def step(self, state: State, *, at_once: bool) -> bool:
        """Does a bounded part of what there is to do. False where nothing was done: then the clock may move.

        What can wait is done only `at_once`: before session data changes otherwise than by ticks, or is deleted, and
        whenever the coordinator would wait for something else. Another day that is over does not wait behind it.
        """
        if state is not self._state:
            before = self._state.records if self._state is not None else {}
            if any(symbol not in before or before[symbol].since != of.since for symbol, of in state.records.items()):
                self._latest.clear()  # a commit takes out what a symbol had before it was removed
            self._state, self._next_close_ms = state, 0
            self._work.clear()
        if self._work:
            at_once = at_once or state.clock_ms >= self._next_close_ms
        elif not self._look(state):
            return False
        if self._work and at_once:
            self._digest(self._work[0])
            return True
        return not self._work

    def _look(self, state: State) -> bool:
        """Finds work, and once a session has ended and there is no more, says so. False where all is done."""
        over = state.ended and CLOCK_FIELD not in self._known
        if state.clock_ms < self._next_close_ms and not over:
            return False
        self._next_close_ms = NEVER_MS
        for calendar in state.calendars:
            days = state.hours(calendar).days
            self._work.extend(self._missing(state, calendar, days))
            self._next_close_ms = min(self._next_close_ms, _next_close_ms(days, state.clock_ms))
        if over and not self._work:
            self._write([(CLOCK_FIELD, str(state.clock_ms))])
        return bool(self._work) or over

    def _missing(self, state: State, calendar: str, days: TradingDays) -> list[_Work]:
        """What is not digested yet of the days of a calendar that are over, the earliest first; after the end of the
        session of the current day too, as far as it got."""
        last = days.current(state.clock_ms)
        day = days.days[last]
        if state.clock_ms < (day.open_ms if state.ended else day.close_ms):
            last -= 1
        found: list[_Work] = []
        for at in range(last, days.warm_up - 1, -1):
            work = list(self._lacking(state, calendar, days, at))
            if not work and at < last:
                break  # days are done in their order, and additions change the last one alone
            found = work + found
        return found

    def _lacking(self, state: State, calendar: str, days: TradingDays, at: int) -> Iterator[_Work]:
        symbols = [
            symbol
            for symbol, record in sorted(state.records.items())
            if record.calendar == calendar and (record.added_ms is None or days.current(record.added_ms) <= at)
        ]
        day = days.days[at]
        for interval in state.config.intervals:
            name = field_of(calendar, day.label, interval)
            done = self._written(name)
            left = [symbol for symbol in symbols if symbol not in done]
            if left:
                bars = (day.close_ms - day.open_ms) // interval_ms(interval) + 1
                chunk = max(1, min(CHUNK, CHUNK_BARS // bars))
                yield _Work(name, interval, day.label, chunk, left, dict(done))

    def _written(self, name: str) -> Mapping[str, str]:
        """The digests of a field that has been written."""
        if name not in self._known:
            return {}
        if name not in self._latest:
            try:
                found = load_object(self._store.client.hget(self._keys.digests, name) or "{}")
            except ValueError:
                found = {}  # the work of a hand: it is digested anew
            self._latest[name] = found
        return self._latest[name]

    def _digest(self, work: _Work) -> None:
        chunk, work.left = work.left[: work.chunk], work.left[work.chunk :]
        pipe = self._store.client.pipeline(transaction=False)
        for symbol in chunk:
            pipe.hgetall(self._keys.bars(symbol, work.interval, work.day))
        # A key that a hand has made something else must not end the session.
        for symbol, runs in zip(chunk, pipe.execute(raise_on_error=False), strict=True):
            work.done[symbol] = self._digest_of(symbol, work, runs)
        if not work.left:
            self._write([(work.name, json.dumps(work.done, separators=(",", ":"), sort_keys=True))])
            self._keep_latest(work)
            self._work.popleft()

    def _digest_of(self, symbol: str, work: _Work, runs: Any) -> str:
        try:
            if isinstance(runs, Exception):
                raise runs
            return digest_of_runs(work.interval, runs)
        except (ResponseError, Malformed) as error:
            log = SessionLog(LOG, self._keys.session)
            log.error("session data of %s %s on %s cannot be digested: %s", symbol, work.interval, work.day, error)
            return UNREADABLE

    def _keep_latest(self, work: _Work) -> None:
        """Remembers what was written of a calendar's last day alone."""
        calendar, day, _ = parse_field(work.name)
        for name in list(self._latest):
            of, label, _ = parse_field(name)
            if of == calendar and label != day:
                del self._latest[name]
        self._latest[work.name] = work.done

    def _write(self, fields: Sequence[tuple[str, str]]) -> None:
        args = [self._store.token, *(part for each in fields for part in each)]
        if _DIGEST(self._store.client, [self._keys.state, self._keys.digests], args) == b"fenced":
            raise Fenced(f"session {self._keys.session} has another coordinator now")
        self._known.update(name for name, _ in fields)


def _next_close_ms(days: TradingDays, clock_ms: int) -> int:
    """When the next replayed day of a calendar is over."""
    return next((day.close_ms for day in days.days[days.current(clock_ms) :] if day.close_ms > clock_ms), NEVER_MS)
