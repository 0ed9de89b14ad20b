"""One session in Redis, as its coordinator reads and changes it: one method a script, each under the fencing token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import redis

from coordinator.move import Move, days_that_open, hash_with_days
from coordinator.reading import read_state
from coordinator.roster import Arranged
from coordinator.state import State
from playhead import epochs
from playhead.commands import Reply, encode_reply
from playhead.config import EXPECT_HOLD
from playhead.connection import text
from playhead.days import NEVER_MS, TradingDays
from playhead.days import encode as encode_days
from playhead.entries import time_ms
from playhead.epochs import Epochs
from playhead.errors import Fenced, SessionNotFound, sendable
from playhead.keys import Keys
from playhead.names import is_consumer
from playhead.plain import load_object, typed
from playhead.symbols import MAIN_FEED, SymbolRecord
from playhead.symbols import encode as encode_record
from shared import run_hash
from shared.lease import Lease
from shared.scripts import script

USER_HOLD: Final = "user"
WAITED_FOR_MS: Final = 10_000
"""The clock waits for a consumer until it has shown no life for so long. (Its name is free sooner.)"""

_OPEN: Final = script("open_session")
_FAIL: Final = script("fail")
_ADVANCE: Final = script("advance")
_FINISH: Final = script("finish")
_ANSWER: Final = script("answer")
_TRIM: Final = script("trim")
_DIGEST: Final = script("digest")
_TAKE_OUT: Final = script("take_out")
_UNSCHEDULE: Final = script("unschedule")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a command does beside being answered. With `at_ms` it is `scheduled` for that market time, as JSON."""

    place: str = ""
    remove: str = ""
    status: str = ""
    event: str = ""
    set: Mapping[str, str] | None = None
    delete: Sequence[str] = ()
    at_ms: int | None = None
    scheduled: str = ""


class Store:
    """The scripts of the coordinator for one session. Raises `Fenced` once another coordinator serves it."""

    def __init__(self, client: redis.Redis, lease: Lease, silence_ms: int = WAITED_FOR_MS) -> None:
        """`silence_ms` is how long a consumer without a heartbeat is waited for."""
        self.client = client
        self._silence_ms = silence_ms
        self.keys: Keys = lease.keys
        self._lease = lease
        self._calls = 0
        self._days: Mapping[str, str] = {}
        self._named: dict[tuple[str, str], str] = {}

    @property
    def token(self) -> str:
        return self._lease.token

    def load(self) -> State:
        """Reads the session. Raises `SessionNotFound`, `Malformed`."""
        pipe = self.client.pipeline(transaction=True)
        pipe.hgetall(self.keys.state)
        pipe.hgetall(self.keys.symbols)
        pipe.hgetall(self.keys.operation)
        pipe.scard(self.keys.holds)
        pipe.zrange(self.keys.schedule, 0, 0, withscores=True)
        pipe.hgetall(self.keys.removed)
        state, records, operation, holds, due, removed = pipe.execute()
        if b"config" not in state:
            raise SessionNotFound(f"session {self.keys.session} is gone")
        return read_state(state, records, removed, operation, bool(holds), due)

    def open(
        self,
        state: State,
        records: Mapping[str, SymbolRecord],
        calendars: Mapping[str, TradingDays],
        stop_ms: int | None,
        commands: Sequence[tuple[int, str]] = (),
    ) -> None:
        """Turns a created session into a running one, with the first clock, the end and the zone of a state.

        `commands` are those that wait for their market time: that time, and the fields as JSON.
        """
        opening = days_that_open(calendars, state.clock_ms)
        args: list[Any] = [
            self.token,
            state.clock_ms,
            state.end_ms,
            state.zone,
            "" if stop_ms is None else stop_ms,
            hash_with_days(run_hash.BEGINNING, state.clock_ms, opening),
            "1" if state.config.history else "",
            len(records),
            len(calendars),
            len(opening),
            len(commands),
        ]
        for symbol, record in records.items():
            args += [symbol, encode_record(record)]
        for name, days in calendars.items():
            args += [name, encode_days(days)]
        args += [*chain.from_iterable(opening), *chain.from_iterable(commands)]
        args += [EXPECT_HOLD + name for name in state.config.expected]
        keys = self.keys
        used = [keys.state, keys.symbols, keys.calendars, keys.holds, keys.notifications]
        used += [keys.schedule, keys.scheduled]
        self._outcome(_OPEN(self.client, used, args))

    def fail(self, error: str) -> None:
        """Ends the session with an error."""
        keys = [self.keys.state, self.keys.notifications]
        self._outcome(_FAIL(self.client, keys, ["coordinator", self.token, sendable(error)]))

    def scheduled(self, number: str) -> Mapping[str, str]:
        """The fields of a scheduled command, its id among them; none where they are not as they should be."""
        try:
            command = load_object(self.client.hget(self.keys.scheduled, number) or "{}")
            return {name: typed(value, str, what=name) for name, value in command.items()}
        except (ValueError, TypeError):
            return {}

    def unschedule(self, stray: bytes) -> None:
        """Takes a member out of the schedule that is no number of a command."""
        self._outcome(_UNSCHEDULE(self.client, [self.keys.state, self.keys.schedule], [self.token, stray]))

    def take_out(self, stream: str, entries: Iterable[str]) -> str:
        """Takes entries out of a stream that none of ours can be. Returns how many were ever taken out."""
        return self._outcome(_TAKE_OUT(self.client, [self.keys.state, stream], [self.token, "", *entries]))

    def disown(self) -> str:
        """Takes out what another hand has put behind the last entry that was published to the main feed. Returns how
        many entries were ever taken out.
        """
        keys = [self.keys.state, self.keys.feed(MAIN_FEED)]
        return self._outcome(_TAKE_OUT(self.client, keys, [self.token, "published"]))

    def epochs(self) -> Epochs:
        """Those of the session, this coordinator's last."""
        found: Any = self.client.xrange(self.keys.epochs)
        return epochs.decode(found)

    def holds(self) -> tuple[str, ...]:
        """The names of the holds, sorted."""
        return tuple(sorted(text(name) for name in self.client.smembers(self.keys.holds)))

    def held(self) -> bool:
        """Whether there is a hold."""
        return bool(self.client.scard(self.keys.holds))

    def has_ended(self) -> bool:
        """Whether the session is finished, stopped or failed."""
        return self.client.hget(self.keys.state, "status") in (b"finished", b"stopped", b"failed")

    def advance(self, move: Move, meanwhile: Callable[[], None] | None = None) -> str:
        """Moves the clock and releases ticks, and does something else while the server is at that.

        Returns `ok`, `held`, `stopped`, `due`, `others`, `clock`, `foreign` or `ended`, as the script does.
        """
        return self._outcome(_ADVANCE(self.client, *self._advancing(move), meanwhile))

    def advance_and_read(
        self,
        move: Move,
        cursors: Mapping[str, str],
        most: int,
        digests: Mapping[str, str],
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[str, tuple[Any] | None]:
        """The same; and in the same way to the server keeps digests, and reads up to `most` entries of streams behind
        their cursors: what XREAD gives. `None` in its place where something failed: both are to be done once more.
        """
        behind = [("XREAD", "COUNT", most, "STREAMS", *cursors, *cursors.values())]
        if digests:
            behind.append(_DIGEST.command(*self._digesting(digests)))
        with _DIGEST.door if digests else nullcontext():
            outcome, found = _ADVANCE.and_then(self.client, *self._advancing(move), behind, meanwhile)
        if digests and found is not None:
            self._outcome(found[1])
        return self._outcome(outcome), None if found is None else (found[0],)

    def digest(self, digests: Mapping[str, str]) -> None:
        """Keeps digests of session data."""
        self._outcome(_DIGEST(self.client, *self._digesting(digests)))

    def _digesting(self, digests: Mapping[str, str]) -> tuple[list[str], list[Any]]:
        return [self.keys.state, self.keys.digests], [self.token, *flat(digests)]

    def _advancing(self, move: Move) -> tuple[list[str], list[Any]]:
        self._calls += 1
        bars: dict[tuple[tuple[str, ...], str], int] = {}
        bar_keys: list[str] = []
        run_args: list[Any] = []
        for runs in move.runs:
            named = runs.symbols, runs.interval
            if named not in bars:
                bars[named] = len(bar_keys) + 1
                bar_keys += self._bars(*named, move.days)
            run_args += (bars[named], len(runs.symbols), runs.start_ms, runs.packed)
        tick_args: list[Any] = []
        for tick in move.ticks:
            tick_args += _tick_args(tick)
        of = self.keys
        keys = [of.state, of.holds, of.notifications, of.schedule, of.journal, *map(of.feed, move.feeds)]
        args = [
            self.token,
            f"{self.token}:{self._lease.owner}:{self._calls}",
            move.from_ms,
            move.to_ms,
            "" if move.ticks_left is None else move.ticks_left,
            move.run_hash,
            len(move.opening),
            len(move.feeds),
            len(run_args) // 4,
            len(move.ticks),
            move.joined,
            list(move.feeds).index(MAIN_FEED) + 1 if MAIN_FEED in move.feeds else 0,
            move.skipped,
            *chain.from_iterable(move.opening),
            *("drop" if ended else "trim" for ended in move.feeds.values()),
            *run_args,
            *tick_args,
        ]
        return [*keys, *bar_keys], args

    def _bars(self, symbols: tuple[str, ...], interval: str, days: Mapping[str, str]) -> list[str]:
        """The keys of session data, remembered as long as the days are the same."""
        if days is not self._days:
            self._days, self._named = days, {}
        named, found = self._named, []
        for symbol in symbols:
            key = named.get((symbol, interval))
            if key is None:
                key = named[symbol, interval] = self.keys.bars(symbol, interval, days[symbol])
            found.append(key)
        return found

    def finish(self, end_ms: int, feeds: Iterable[str], run_hash: str) -> str:
        """Ends the session at its last close. Returns `ok`, `held`, `clock`, or `ended` in another way."""
        main = self.keys.feed(MAIN_FEED)
        added = [self.keys.feed(name) for name in feeds if name != MAIN_FEED]
        keys = [self.keys.state, self.keys.holds, self.keys.notifications, self.keys.journal, main, *added]
        return self._outcome(_FINISH(self.client, keys, [self.token, end_ms, run_hash]))

    def answer(self, before: str, reply: Reply, effect: Effect, done: Mapping[str, str]) -> str:
        """Carries out a command and answers it. Returns `ok`, `repeated` (its id had been answered), `position`, or
        `ended` for a command that would change a session that has ended."""
        fields = effect.set or {}
        reply_items = flat(encode_reply(reply))
        args: list[Any] = [
            self.token,
            before,
            reply.entry,
            reply.id,
            effect.place,
            effect.remove,
            effect.status,
            effect.event,
            len(fields),
            len(effect.delete),
            len(reply_items),
            2 * len(done),
            "" if effect.at_ms is None else effect.at_ms,
            effect.scheduled,
            *flat(fields),
            *effect.delete,
            *reply_items,
            *flat(done),
        ]
        keys = self.keys
        used = [keys.state, keys.holds, keys.replies, keys.answered, keys.journal]
        used += [keys.schedule, keys.scheduled, keys.notifications]
        return self._outcome(_ANSWER(self.client, used, args))

    def trim(self, state: State, through: str, *, patiently: bool = False) -> tuple[str, ...]:
        """Forgets notifications up to an id, and the session data that only they could be read with.

        Returns the living consumers that still need them: then all stays. `patiently` nobody counts as dead.
        """
        found = [text(name) for name in self.client.hkeys(self.keys.consumers)]
        names = [name for name in sorted(found) if is_consumer(name)]
        gone = state.removed_by(through)
        ms, _, number = through.partition("-")
        keys = [
            self.keys.state,
            self.keys.notifications,
            self.keys.consumers,
            self.keys.removed,
            *map(self.keys.consumer, names),
            *self._over(state, time_ms(state.trimmed), int(ms)),
            *self._over_of_removed(state, time_ms(state.trimmed), int(ms), gone),
        ]
        silence_ms = NEVER_MS if patiently else self._silence_ms
        args = [self.token, ms, number, silence_ms, len(found), len(names), *names, *gone]
        outcome, *behind = _TRIM(self.client, keys, args)
        if self._outcome(outcome) == "others":
            return self.trim(state, through, patiently=patiently)  # a consumer has come meanwhile
        if not behind:
            state.trimmed = through
            for name in gone:
                del state.removed[name]
        return tuple(name.decode() for name in behind)

    def _over(self, state: State, before_ms: int, clock_ms: int) -> list[str]:
        """Session data that was needed at one clock and is not from another one on."""
        keys: list[str] = []
        for name in state.calendars:
            days = state.hours(name).days
            first, last = (state.first_day(days, at_ms) for at_ms in (before_ms, clock_ms))
            symbols = [symbol for symbol, record in state.records.items() if record.calendar == name]
            for day in days.days[first:last]:
                keys += [self.keys.bars(each, of, day.label) for each in symbols for of in state.config.intervals]
        return keys

    def _over_of_removed(self, state: State, before_ms: int, clock_ms: int, gone: Iterable[str]) -> list[str]:
        """The same of symbols that were removed, and all of those that no position sees any more."""
        keys: list[str] = []
        for name, record in state.removed.items():
            symbol, since = name.split()
            days = state.hours(record.calendar).days
            first, last = (state.first_day(days, at_ms) for at_ms in (before_ms, clock_ms))
            if name in gone:
                last = days.current(time_ms(record.removed_entry or since)) + 1
            for day in days.days[first:last]:
                keys += [self.keys.removed_bars(since, symbol, of, day.label) for of in state.config.intervals]
        return keys

    def kept(self) -> tuple[str, int, int]:
        """The last notification's id, how many are kept, and roughly how many bytes they take."""
        pipe = self.client.pipeline(transaction=True)
        pipe.hget(self.keys.state, "noted")
        pipe.xlen(self.keys.notifications)
        pipe.memory_usage(self.keys.notifications)
        last, entries, size = pipe.execute()
        return last.decode(), int(entries), int(size or 0)

    def _outcome(self, reply: bytes) -> str:
        outcome = reply.decode()
        if outcome == "fenced":
            raise Fenced(f"session {self.keys.session} has another coordinator now")
        return outcome


def _tick_args(tick: Arranged) -> Iterator[Any]:
    """A tick or a stretch, as the script takes it."""
    yield from (tick.close_ms, tick.length)
    if tick.stretch is not None:
        yield from (tick.stretch.step_ms, tick.stretch.interval, tick.stretch.start_ms, tick.stretch.value)
        return
    yield from (1 + len(tick.groups), "type", "tick")
    for group in tick.groups:
        yield from (group.field, group.value)


def flat(fields: Mapping[str, str]) -> list[str]:
    """Field, value, field, value, …"""
    return [item for pair in fields.items() for item in pair]
