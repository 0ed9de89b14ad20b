"""Digests of session data: a day that is over is read back out of Redis and digested, while the clock goes on.

What is digested is what stands there, and not what was meant to stand there: `playhead verify` compares it.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from redis.exceptions import ResponseError

from coordinator.state import State
from coordinator.store import Store
from playhead.connection import text
from playhead.days import NEVER_MS, TradingDays
from playhead.digest import CLOCK_FIELD, UNREADABLE, digest_of_runs, field_of, parse_field
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from playhead.keys import Keys
from playhead.plain import load_object
from shared.background import in_background
from shared.logs import SessionLog

LOG: Final = logging.getLogger(__name__)
CHUNK: Final = 64
"""Keys that are read at a time at most: the server must not be kept from all others for long."""
CHUNK_BARS: Final = 100_000
"""The same by the bars that they may have."""
WAIT_S: Final = 0.02
"""How long a step waits for digests that must be there before the session goes on."""


@dataclass(slots=True)
class _Work:
    """One day of a calendar in one interval: the symbols that are left, and the digests that there are. What is being
    `read` are those of the symbols that are left."""

    name: str
    interval: str
    day: str
    open_ms: int
    chunk: int
    left: Sequence[str]
    done: Mapping[str, str]
    read: Future[dict[str, str]] | None = None

    def all_digests(self) -> Mapping[str, str]:
        """Those that there are, and those that were read. Raises what the reading did."""
        return {**self.done, **self.read.result()} if self.read is not None else self.done


class Digests:
    """Keeps the digests of one session. What is missing after a takeover is found, and computed from what is there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys: Keys = store.keys
        self._known = {text(name) for name in store.client.hkeys(self._keys.digests)}
        self._latest: dict[str, Mapping[str, str]] = {}
        self._work: deque[_Work] = deque()
        self._state: State | None = None
        self._next_close_ms = 0

    def step(self, state: State, *, before_ms: int, goes_along: bool = False) -> bool:
        """Sees to what there is to do, and waits for a bounded time. False: the clock may move.

        What is being read may be waited for later, and what was read is left to the next move of the clock where that
        `goes_along` with digests (`at_hand`); but the days that open before a time are waited for: those whose session
        data is about to change otherwise than by ticks, or to be deleted, and all of them whenever the coordinator
        would wait for something else. Another day that is over does not wait behind it.
        """
        if state is not self._state:
            before = self._state.records if self._state is not None else {}
            if any(symbol not in before or before[symbol].since != of.since for symbol, of in state.records.items()):
                self._latest.clear()  # a commit takes out what a symbol had before it was removed
            self._state, self._next_close_ms = state, 0
            self._work.clear()
        is_next = bool(self._work) and state.clock_ms >= self._next_close_ms
        if not self._work and not self._look(state):
            return False
        if not self._work:
            return True
        work = self._work[0]
        if work.read is None:
            work.read = in_background(partial(self._read, work), f"digest-{self._keys.session}")
        is_needed = is_next or any(each.open_ms < before_ms for each in self._work)
        if not is_needed and (goes_along or not work.read.done()):
            return False
        if wait({work.read}, WAIT_S, return_when=FIRST_COMPLETED).done:
            self._store.digest(self.at_hand())
            self.has_written()
        return True

    def at_hand(self) -> Mapping[str, str]:
        """What was read and is to be written: none, or a field and its value."""
        work = self._work[0] if self._work else None
        if work is None or work.read is None or not work.read.done():
            return {}
        return {work.name: json.dumps(work.all_digests(), separators=(",", ":"), sort_keys=True)}

    def has_written(self) -> None:
        """Says that what was at hand is written."""
        work = self._work.popleft()
        self._known.add(work.name)
        self._keep_latest(work.name, work.all_digests())

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
            self._store.digest({CLOCK_FIELD: str(state.clock_ms)})
            self._known.add(CLOCK_FIELD)
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
                yield _Work(name, interval, day.label, day.open_ms, chunk, left, done)

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

    def _read(self, work: _Work) -> dict[str, str]:
        """The digests of the symbols that are left. In a thread of its own."""
        found: dict[str, str] = {}
        for first in range(0, len(work.left), work.chunk):
            chunk = work.left[first : first + work.chunk]
            pipe = self._store.client.pipeline(transaction=False)
            for symbol in chunk:
                pipe.hgetall(self._keys.bars(symbol, work.interval, work.day))
            # A key that a hand has made something else must not end the session.
            for symbol, runs in zip(chunk, pipe.execute(raise_on_error=False), strict=True):
                found[symbol] = self._digest_of(symbol, work, runs)
        return found

    def _digest_of(self, symbol: str, work: _Work, runs: Any) -> str:
        try:
            if isinstance(runs, Exception):
                raise runs
            return digest_of_runs(work.interval, runs)
        except (ResponseError, Malformed) as error:
            log = SessionLog(LOG, self._keys.session)
            log.error("session data of %s %s on %s cannot be digested: %s", symbol, work.interval, work.day, error)
            return UNREADABLE

    def _keep_latest(self, written: str, done: Mapping[str, str]) -> None:
        """Remembers what was written of a calendar's last day alone."""
        calendar, day, _ = parse_field(written)
        for name in list(self._latest):
            of, label, _ = parse_field(name)
            if of == calendar and label != day:
                del self._latest[name]
        self._latest[written] = done


def _next_close_ms(days: TradingDays, clock_ms: int) -> int:
    """When the next replayed day of a calendar is over."""
    return next((day.close_ms for day in days.days[days.current(clock_ms) :] if day.close_ms > clock_ms), NEVER_MS)
