"""One session in Redis, as its coordinator reads and changes it: one method a script, each under the fencing token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

from coordinator.batch import Run
from coordinator.roster import Released
from playhead.commands import Reply, encode_reply, parse_speed
from playhead.config import SessionConfig
from playhead.config import decode as decode_config
from playhead.connection import text
from playhead.errors import Fenced, SessionNotFound, sendable
from playhead.keys import Keys
from playhead.names import is_consumer
from playhead.symbols import MAIN_FEED, SymbolRecord
from playhead.symbols import decode as decode_record
from playhead.symbols import encode as encode_record
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


@dataclass(slots=True)
class State:
    """What the coordinator knows of its session. Redis has the truth: a new one is read wherever that may differ."""

    status: str
    config: SessionConfig
    records: dict[str, SymbolRecord]
    clock_ms: int
    end_ms: int
    zone: str
    speed: float | None
    stop_ms: int | None
    stop_ticks: int | None
    commands_at: str
    trimmed: str
    operation: bool

    @property
    def ended(self) -> bool:
        return self.status in ("finished", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Effect:
    """What a command does beside being answered."""

    place: str = ""
    remove: str = ""
    status: str = ""
    event: str = ""
    set: Mapping[str, str] | None = None
    delete: Sequence[str] = ()


class Store:
    """The scripts of the coordinator for one session. Raises `Fenced` once another coordinator serves it."""

    def __init__(self, client: redis.Redis, lease: Lease) -> None:
        self.client = client
        self.keys: Keys = lease.keys
        self._lease = lease
        self._calls = 0

    @property
    def token(self) -> str:
        return self._lease.token

    def load(self) -> State:
        """Reads the session. Raises `SessionNotFound`, `Malformed`."""
        pipe = self.client.pipeline(transaction=True)
        pipe.hgetall(self.keys.state)
        pipe.hgetall(self.keys.symbols)
        pipe.exists(self.keys.operation)
        state, records, operation = pipe.execute()
        if b"config" not in state:
            raise SessionNotFound(f"session {self.keys.session} is gone")
        fields = {text(name): text(value) for name, value in state.items()}
        return State(
            status=fields["status"],
            config=decode_config(state[b"config"]),
            records={symbol.decode(): decode_record(record) for symbol, record in records.items()},
            clock_ms=int(fields.get("clock_ms", 0)),
            end_ms=int(fields.get("end_ms", 0)),
            zone=fields.get("zone", "UTC"),
            speed=parse_speed(fields["speed"]),
            stop_ms=int(fields["stop_ms"]) if "stop_ms" in fields else None,
            stop_ticks=int(fields["stop_ticks"]) if "stop_ticks" in fields else None,
            commands_at=fields["commands_at"],
            trimmed=fields["trimmed"],
            operation=bool(operation),
        )

    def open(
        self, records: Mapping[str, SymbolRecord], first_ms: int, end_ms: int, zone: str, stop_ms: int | None
    ) -> None:
        """Turns a created session into a running one."""
        args: list[Any] = [
            self.token,
            first_ms,
            end_ms,
            zone,
            "" if stop_ms is None else stop_ms,
            len(records),
        ]
        for symbol, record in records.items():
            args += [symbol, encode_record(record)]
        self._outcome(_OPEN(self.client, [self.keys.state, self.keys.symbols], args))

    def fail(self, error: str) -> None:
        """Ends the session with an error."""
        keys = [self.keys.state, self.keys.notifications]
        self._outcome(_FAIL(self.client, keys, ["coordinator", self.token, sendable(error)]))

    def holds(self) -> tuple[str, ...]:
        """The names of the holds, sorted."""
        return tuple(sorted(text(name) for name in self.client.smembers(self.keys.holds)))

    def held(self) -> bool:
        """Whether there is a hold."""
        return bool(self.client.scard(self.keys.holds))

    def advance(
        self,
        expected_ms: int,
        clock_ms: int,
        ticks: Sequence[tuple[int, Sequence[Released]]],
        runs: Iterable[Run],
        feeds: Mapping[str, bool],
        ticks_left: int | None,
    ) -> str:
        """Moves the clock and releases ticks. `feeds` says for each feed whether it has ended and can go.

        Returns `ok`, `held`, `stopped`, `clock` or `ended`, as the script does.
        """
        self._calls += 1
        bars: dict[str, int] = {}
        run_args: list[Any] = []
        for symbol, interval, start_ms, packed in runs:
            key = self.keys.bars(symbol, interval)
            run_args += (bars.setdefault(key, len(bars) + 1), start_ms, packed)
        tick_args: list[Any] = []
        for close_ms, groups in ticks:
            tick_args += (close_ms, 1 + len(groups), "type", "tick")
            for group in groups:
                tick_args += (group.field, group.value)
        keys = [self.keys.state, self.keys.holds, self.keys.notifications, *map(self.keys.feed, feeds), *bars]
        args = [
            self.token,
            f"{self.token}:{self._lease.owner}:{self._calls}",
            expected_ms,
            clock_ms,
            "" if ticks_left is None else ticks_left,
            len(feeds),
            len(run_args) // 3,
            len(ticks),
            *("drop" if ended else "trim" for ended in feeds.values()),
            *run_args,
            *tick_args,
        ]
        return self._outcome(_ADVANCE(self.client, keys, args))

    def finish(self, end_ms: int, feeds: Iterable[str]) -> str:
        """Ends the session at its last close. Returns `ok`, `held`, `clock`, or `ended` in another way."""
        main = self.keys.feed(MAIN_FEED)
        added = [self.keys.feed(name) for name in feeds if name != MAIN_FEED]
        keys = [self.keys.state, self.keys.holds, self.keys.notifications, main, *added]
        return self._outcome(_FINISH(self.client, keys, [self.token, end_ms]))

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
            *flat(fields),
            *effect.delete,
            *reply_items,
            *flat(done),
        ]
        keys = self.keys
        used = [keys.state, keys.holds, keys.replies, keys.answered, keys.journal, keys.notifications]
        return self._outcome(_ANSWER(self.client, used, args))

    def trim(self, through: str) -> tuple[str, ...]:
        """Forgets notifications up to an id. Returns the living consumers that still need them: then all stay."""
        found = [text(name) for name in self.client.hkeys(self.keys.consumers)]
        names = [name for name in sorted(found) if is_consumer(name)]
        ms, _, number = through.partition("-")
        keys = [
            self.keys.state,
            self.keys.notifications,
            self.keys.consumers,
            *map(self.keys.consumer, names),
        ]
        args = [self.token, ms, number, WAITED_FOR_MS, len(found), *names]
        outcome, *behind = _TRIM(self.client, keys, args)
        if self._outcome(outcome) == "others":
            return self.trim(through)  # a consumer has come meanwhile
        return tuple(name.decode() for name in behind)

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


def flat(fields: Mapping[str, str]) -> list[str]:
    """Field, value, field, value, …"""
    return [item for pair in fields.items() for item in pair]
