"""The addition in progress in Redis: one method a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from coordinator.store import Store, flat
from playhead.commands import Reply, encode_reply
from playhead.connection import text
from playhead.days import TradingDays
from playhead.days import encode as encode_days
from playhead.errors import Fenced, Malformed
from playhead.symbols import SymbolRecord
from playhead.symbols import encode as encode_record
from shared.request import AdditionRequest, Manifest, SymbolRequest
from shared.scripts import script

_BEGIN: Final = script("begin")
_ATTEMPT: Final = script("attempt")
_COMMIT: Final = script("commit")


@dataclass(frozen=True, slots=True)
class Operation:
    """What was recorded when the addition began."""

    id: str
    command: str
    entry: str
    hold: str
    clock_ms: int
    begun_ms: int
    request: AdditionRequest
    attempts: Mapping[int, str]

    @classmethod
    def of(cls, fields: Mapping[bytes, bytes]) -> Operation:
        """That of the fields in Redis. Raises `Malformed`."""
        found = {text(name): text(value) for name, value in fields.items()}
        try:
            request = AdditionRequest.decode(found["request"])
            return cls(
                id=found["operation"],
                command=found["command"],
                entry=found["entry"],
                hold=found["hold"],
                clock_ms=int(found["clock_ms"]),
                begun_ms=int(found["begun_ms"]),
                request=request,
                attempts={job: found[f"attempt:{job}"] for job in range(len(request.jobs))},
            )
        except (KeyError, ValueError) as error:
            raise Malformed(f"the operation of the session is not as it should be: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Commit:
    """What becomes live: jobs (number -> attempt), the symbols' records, their session data as (attempt, symbol,
    interval, trading day), their calendars, and the digests that are not theirs (field -> symbols): those of the same
    day from before they were removed. `opening` are the days of which consumers are told once a session has its
    first history: calendar and date."""

    jobs: Mapping[int, str]
    records: Mapping[str, SymbolRecord]
    data: Sequence[tuple[str, str, str, str]]
    calendars: Mapping[str, TradingDays]
    end_ms: int
    run_hash: str
    outdated: Mapping[str, Sequence[str]] = field(default_factory=dict)
    opening: Sequence[tuple[str, str]] = ()


NOTHING: Final = Commit({}, {}, (), {}, 0, "")
JOB_SYMBOLS: Final = 8
"""Symbols of one job: enough to share a read of a data set, few enough to keep many workers busy."""


def jobs_of(symbols: Sequence[SymbolRequest]) -> tuple[tuple[SymbolRequest, ...], ...]:
    """The symbols of each job."""
    return tuple(tuple(symbols[at : at + JOB_SYMBOLS]) for at in range(0, len(symbols), JOB_SYMBOLS))


def feed_name(operation: str, job: int) -> str:
    """The feed of one job of an addition."""
    return f"add-{operation}-{job}"


class Operations:
    """Begins, changes and ends the addition of one session."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(
        self, clock_ms: int, command: str, entry: str, operation: str, request: AdditionRequest, hold: str
    ) -> str:
        """Places the hold and deactivates the session. Returns `ok`, `repeated`, `busy`, `clock` or `ended`."""
        keys = self._store.keys
        attempts = [f"{operation}-{job}-1" for job in range(len(request.jobs))]
        reply = _BEGIN(
            self._store.client,
            [keys.state, keys.holds, keys.operation, keys.windows, keys.answered],
            [
                self._store.token,
                clock_ms,
                command,
                entry,
                operation,
                request.encode(),
                hold,
                len(attempts),
                *attempts,
            ],
        )
        return self._outcome(reply[0])

    def attempt(self, operation: str, job: int, old: str, new: str) -> bool:
        """Gives a job to a new attempt. False where the present attempt is not the old one."""
        keys = self._store.keys
        reply = _ATTEMPT(
            self._store.client, [keys.state, keys.operation], [self._store.token, operation, job, old, new]
        )
        return self._outcome(reply) == "ok"

    def manifest(self, attempt: str) -> Manifest | None:
        """What an attempt has staged, `None` where it is not complete or has run out. Raises `Malformed`."""
        complete = self._store.client.hget(self._store.keys.manifest(attempt), "complete")
        return None if complete is None else Manifest.decode(complete)

    def server_ms(self) -> int:
        """The server's wall clock, by which an addition is timed whoever serves it."""
        seconds, microseconds = self._store.client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def end(self, operation: Operation, commit: Commit, reply: Reply, done: Mapping[str, str]) -> str:
        """Commits what is staged, or calls the addition off with `NOTHING`. Returns `ok`, `gone`, `clock`, `attempt`,
        `staged` or `ended`; in all but `ok` nothing was changed."""
        keys = self._store.keys
        reply_items = flat(encode_reply(reply))
        used = [keys.state, keys.holds, keys.operation, keys.symbols, keys.notifications]
        used += [keys.replies, keys.answered, keys.journal, keys.reports(operation.id), keys.calendars]
        used += [keys.schedule, keys.scheduled, keys.digests]
        args: list[Any] = [self._store.token, operation.id, commit.end_ms, ",".join(sorted(commit.records))]
        args += [operation.command, operation.entry, commit.run_hash]
        args += [len(commit.jobs), len(commit.data), len(commit.records), len(commit.calendars)]
        args += [len(reply_items), 2 * len(done)]
        for job, attempt in commit.jobs.items():
            used += [
                keys.manifest(attempt),
                keys.staged_feed(attempt),
                keys.feed(feed_name(operation.id, job)),
            ]
            args += [job, attempt]
        for attempt, symbol, interval, day in commit.data:
            used += [keys.staged_bars(attempt, symbol, interval, day), keys.bars(symbol, interval, day)]
        for symbol, record in commit.records.items():
            args += [symbol, encode_record(record, event_to_come=True)]
        for name, days in commit.calendars.items():
            args += [name, encode_days(days)]
        args += reply_items + flat(done)
        for name, symbols in commit.outdated.items():
            args += [part for symbol in symbols for part in (name, symbol)]
        args += [part for day in commit.opening for part in day]
        return self._outcome(_COMMIT(self._store.client, used, args))

    def _outcome(self, reply: bytes) -> str:
        outcome = reply.decode()
        if outcome == "fenced":
            raise Fenced(f"session {self._store.keys.session} has another coordinator now")
        return outcome
