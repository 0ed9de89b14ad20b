"""What a worker reads of an addition, and what it writes: staged keys, under the token of its attempt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import redis

from playhead.config import SessionConfig
from playhead.config import decode as decode_config
from playhead.errors import PlayheadError, sendable
from playhead.keys import Keys
from shared.request import AdditionRequest, Manifest, SymbolRequest
from shared.scripts import script
from shared.ticks import Fields

_STAGE: Final = script("stage")
_REPORT: Final = script("report")
PART_BYTES: Final = 1 << 20
"""Roughly what one call writes: Redis serves nobody else meanwhile."""


class Stale(PlayheadError):
    """The job has gone to another attempt, or the addition is over."""


@dataclass(frozen=True, slots=True)
class Task:
    """What one job of an addition is about. The feed of its symbols reaches to `through_ms`, `None` for their end.

    The main feed has been read to `opened_ms`, perhaps with other bars of them: they may have been there before.
    """

    command: str
    clock_ms: int
    through_ms: int | None
    opened_ms: int
    warm_up: bool
    config: SessionConfig
    symbols: tuple[SymbolRequest, ...]


StagedRun = tuple[str, str, str, int, bytes]
"""Symbol, interval, trading day, start of the first bar, packed bars."""


class Staging:
    """The staged keys of one attempt."""

    def __init__(self, client: redis.Redis, session: str, job: int, attempt: str, lifetime_ms: int) -> None:
        self._client = client
        self._keys = Keys(session)
        self._job = job
        self._attempt = attempt
        self._operation = attempt.split("-")[0]
        self._lifetime_ms = lifetime_ms

    def task(self) -> Task:
        """Tells the coordinator that it has begun, and reads what is to be done. Raises `Stale`."""
        reads = [("HGETALL", self._keys.operation), ("HGET", self._keys.state, "config")]
        is_wanted, found = _REPORT.and_then(self._client, *self._reporting("alive"), reads)
        if found is None:
            pipe = self._client.pipeline(transaction=False)
            for read in reads:
                pipe.execute_command(*read)  # type: ignore[no-untyped-call]  # in redis-py
            found = pipe.execute()
        operation, config = found
        if not is_wanted or operation.get(b"operation") != self._operation.encode() or config is None:
            raise Stale(f"attempt {self._attempt} is no longer wanted")
        request = AdditionRequest.decode(operation[b"request"])
        return Task(
            command=operation[b"command"].decode(),
            clock_ms=int(operation[b"clock_ms"]),
            through_ms=None if operation[b"final"] == b"1" else int(operation[b"through_ms"]),
            opened_ms=int(operation[b"through_ms"]),
            warm_up=request.warm_up,
            config=decode_config(config),
            symbols=request.jobs[self._job],
        )

    def report(self, report: str, error: str = "") -> None:
        """Tells the coordinator `alive` or `failed`. Raises `Stale`."""
        if not _REPORT(self._client, *self._reporting(report, error)):
            raise Stale(f"attempt {self._attempt} is no longer wanted")

    def _reporting(self, report: str, error: str = "") -> tuple[list[str], list[Any]]:
        keys = [self._keys.operation, self._keys.reports(self._operation)]
        return keys, [self._job, self._attempt, self._lifetime_ms, report, sendable(error)]

    def write(self, runs: Iterable[StagedRun], entries: Iterable[tuple[str, Fields]], manifest: Manifest) -> None:
        """Writes session data and feed in parts, then says that they are complete. Raises `Stale`."""
        part, size = 1, 0
        part_runs: list[StagedRun] = []
        part_entries: list[tuple[str, Fields]] = []
        for run, entry in chain(((run, None) for run in runs), ((None, entry) for entry in entries)):
            if run is not None:
                part_runs.append(run)
                size += len(run[-1])
            if entry is not None:
                part_entries.append(entry)
                size += sum(len(value) for value in entry[1].values())
            if size >= PART_BYTES:
                self._write_part(part, part_runs, part_entries, "")
                part, size, part_runs, part_entries = part + 1, 0, [], []
        self._write_part(part, part_runs, part_entries, manifest.encode())

    def _write_part(
        self, part: int, runs: Sequence[StagedRun], entries: Sequence[tuple[str, Fields]], manifest: str
    ) -> None:
        bars: dict[str, int] = {}
        items: list[Any] = []
        for symbol, interval, label, start_ms, packed in runs:
            key = self._keys.staged_bars(self._attempt, symbol, interval, label)
            items += (bars.setdefault(key, len(bars) + 1), start_ms, packed)
        for entry, fields in entries:
            items += (entry, len(fields), *chain.from_iterable(fields.items()))
        keys = [
            self._keys.operation,
            self._keys.manifest(self._attempt),
            self._keys.reports(self._operation),
            self._keys.staged_feed(self._attempt),
            *bars,
        ]
        args = [self._job, self._attempt, part, self._lifetime_ms, manifest, len(runs), len(entries), *items]
        outcome = _STAGE(self._client, keys, args).decode()
        if outcome != "ok":
            raise Stale(f"part {part} of attempt {self._attempt} is refused: {outcome}")
