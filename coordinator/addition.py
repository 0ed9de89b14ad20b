"""An addition from begin to commit: jobs, signs of life, attempts, deadline."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from redis.exceptions import ResponseError

from coordinator.dispatch import Dispatcher
from coordinator.metrics import ADDED, CALLED_OFF, FAILED, JOBS, PARTIAL, SUCCEEDED, ended
from coordinator.move import days_that_open
from coordinator.operation import NOTHING, Commit, Operation, Operations, feed_name
from coordinator.state import State
from playhead.commands import Reply
from playhead.days import TradingDays
from playhead.digest import field_of
from playhead.errors import InvalidInput, Malformed, PlayheadError
from playhead.symbols import SymbolRecord
from shared.logs import SessionLog
from shared.request import Manifest, SymbolRequest
from shared.run_hash import after_event
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)
Fields = Mapping[bytes, bytes]
_COUNTED: Final = {"ok": ADDED, "partial": PARTIAL, "rejected": CALLED_OFF}
MAX_ERROR: Final = 2_000
"""Bytes of a worker's error that are passed on."""


def _outdated(state: State, records: Mapping[str, SymbolRecord], clock_ms: int) -> Mapping[str, Sequence[str]]:
    """The digests (field -> symbols) that symbols to be added may have: of a current day that is over, which an
    addition brings anew."""
    found: dict[str, list[str]] = {}
    for symbol, record in records.items():
        day = state.hours(record.calendar).days.day(clock_ms)
        if day.close_ms <= clock_ms:
            for interval in state.config.intervals:
                found.setdefault(field_of(record.calendar, day.label, interval), []).append(symbol)
    return found


def journaled(id: str, asked: Mapping[str, str], status: str, results: Mapping[str, Any]) -> dict[str, str]:
    """An addition in the journal: the fields of the command, and what became of each symbol (JSON)."""
    return {"id": id, "status": status, **asked, "results": json.dumps(results, separators=(",", ":"))}


class WarmUpFailed(PlayheadError):
    """The history of the symbols that a session begins with cannot be had."""


@dataclass(slots=True)
class _Job:
    number: int
    attempt: str
    life_s: float  # when it was sent, or last showed life
    begun: bool = False
    failures: int = 0
    manifest: Manifest | None = None
    error: str | None = None

    @property
    def over(self) -> bool:
        return self.manifest is not None or self.error is not None


@dataclass(slots=True)
class Addition:
    """One addition while this process serves it. Made anew from Redis by whoever takes over."""

    operation: Operation
    operations: Operations
    dispatcher: Dispatcher
    settings: Settings
    session: str
    reports_at: str = "0-0"
    jobs: list[_Job] = field(default_factory=list)
    _begun_s: float = 0.0
    _deadline_s: float = 0.0

    def start(self, *, taken_over: bool) -> None:
        """Sends every job. After a takeover, what is not staged goes to new attempts: the old ones may still run."""
        now_s = time.monotonic()
        spent_ms = self.operations.server_ms() - self.operation.begun_ms if taken_over else 0
        self._begun_s = now_s - spent_ms / 1000
        self._deadline_s = self._begun_s + self._limit_ms / 1000
        for number, attempt in self.operation.attempts.items():
            job = _Job(number, attempt, now_s)
            self.jobs.append(job)
            if not self.operation.request.warm_up:
                for request in self.operation.request.jobs[number]:
                    self._log.info("[DYNAMIC] Processing addition: %s", request.symbol)
            if taken_over:
                self._fetch(job)
                if job.manifest is None:
                    self._send_anew(job)
        if not taken_over:
            self.dispatcher.send(self.session, self.operation.attempts)

    def hear(self, entries: Iterable[tuple[bytes, Fields]]) -> None:
        """Takes what the workers report. Reports of old attempts are passed over."""
        for entry, fields in entries:
            self.reports_at = entry.decode()
            job = self._reported(fields)
            if job is None or job.over:
                continue
            job.begun, job.life_s = True, time.monotonic()
            match fields.get(b"report"):
                case b"staged":
                    fault = self._fetch(job)
                    if job.manifest is None:
                        self._retry(job, fault)
                case b"failed":
                    self._retry(job, fields.get(b"error", b"")[:MAX_ERROR].decode(errors="replace"))

    def check(self) -> bool:
        """Sends silent jobs again and minds the deadline. True once every job has an outcome."""
        now_s = time.monotonic()
        for job in self.jobs:
            if job.over:
                continue
            if now_s >= self._deadline_s:
                limit_s = self._limit_ms / 1000
                if job.begun:
                    JOBS.labels(self.session, FAILED).inc()
                job.error = (
                    f"the worker did not finish within {limit_s:g} s"
                    if job.begun or job.failures
                    else f"no worker took the job within {limit_s:g} s; start one: playhead worker"
                )
            elif now_s - job.life_s >= self.settings.job_silence_ms / 1000:
                if not job.begun and self.dispatcher.waits(self.session, job.attempt):
                    # A new attempt would stand at the end of the queue, and make the one that comes before it stale.
                    job.life_s = now_s
                else:
                    self._retry(job, "the worker has stopped answering")
        return all(job.over for job in self.jobs)

    def end(self, state: State) -> str:
        """Commits what was staged, or calls the addition off. Returns `ok`, or `gone` where it had ended already.

        Raises `WarmUpFailed` where the history of a symbol that the session begins with cannot be had.
        """
        if self.operation.request.warm_up:
            if state.ended:
                return self._finish(NOTHING, {})
            if rejected := self._rejected():
                raise WarmUpFailed("; ".join(each["error"] for each in rejected.values()))
        for job in self.jobs:
            if job.manifest is not None and job.manifest.staged:
                break
        else:
            return self._finish(NOTHING, self._rejected())
        try:
            commit, results = (self._history(state), {}) if self.operation.request.warm_up else self._prepared(state)
        except InvalidInput as error:  # a hand has been in the manifest or the request
            self._log.exception("what was staged cannot be committed")
            if self.operation.request.warm_up:
                raise WarmUpFailed(str(error)) from error
            for job in self.jobs:
                job.manifest, job.error = None, str(error)
            return self._finish(NOTHING, self._rejected())
        outcome = self._finish(commit, results)
        if outcome in ("clock", "attempt", "staged", "ended"):
            reason = {
                "clock": "the hold of the addition was removed by another hand; nothing was changed, add it again",
                "attempt": "the attempt was given to another worker; add it again",
                "staged": "what the worker had staged has run out; add it again",
                "ended": "the session has ended meanwhile; nothing was changed",
            }[outcome]
            if self.operation.request.warm_up and outcome != "ended":
                raise WarmUpFailed(f"the history cannot be put in: {reason.partition(';')[0]}")
            refused = {symbol: {"status": "rejected", "error": reason} for symbol in commit.records}
            outcome = self._finish(NOTHING, self._rejected() | refused)
        return outcome

    def _history(self, state: State) -> Commit:
        """What a session has before its first day, and the days that open then."""
        data = [
            (job.attempt, symbol, interval, day)
            for job in self.jobs
            for symbol, staged in (job.manifest.staged.items() if job.manifest else ())
            for interval, day in staged.data
        ]
        days = {name: state.hours(name).days for name in state.calendars}
        return replace(NOTHING, jobs=self._staged_jobs, data=data, opening=days_that_open(days, state.clock_ms))

    @property
    def _staged_jobs(self) -> dict[int, str]:
        return {job.number: job.attempt for job in self.jobs if job.manifest is not None and job.manifest.staged}

    def _prepared(self, state: State) -> tuple[Commit, dict[str, Any]]:
        clock_ms = self.operation.clock_ms
        held_ms = self.operations.server_ms() - self.operation.begun_ms
        calendars = {each.symbol: each for job in self.operation.request.jobs for each in job}
        days: dict[str, TradingDays] = {}
        records: dict[str, SymbolRecord] = {}
        data: list[tuple[str, str, str, str]] = []
        results: dict[str, Any] = self._rejected()
        ends = [state.end_ms]
        for job in self.jobs:
            for symbol, staged in job.manifest.staged.items() if job.manifest else ():
                data += [(job.attempt, symbol, interval, day) for interval, day in staged.data]
                asked = calendars[symbol]
                hours = state.hours(asked.calendar)
                days[asked.calendar] = hours.days
                counts = {
                    "loaded": staged.loaded,
                    "written": staged.written,
                    "queued": staged.queued,
                    "dropped": dict(staged.dropped),
                    "missing": staged.missing,
                }
                receipt = {"status": "added", "clock_ms": clock_ms, **counts, "held_ms": held_ms}
                records[symbol] = SymbolRecord(
                    calendar=asked.calendar,
                    zone=hours.zone,
                    source=asked.source,
                    feed=feed_name(self.operation.id, job.number),
                    through_ms=job.manifest.through_ms if job.manifest else 0,
                    added_ms=clock_ms,
                    receipt=receipt,
                )
                results[symbol] = receipt
                ends.append(hours.close_ms)
        symbols = ",".join(sorted(records))
        after = after_event(state.run_hash, clock_ms, "symbol-added", symbols)
        outdated = _outdated(state, records, clock_ms)
        return Commit(self._staged_jobs, records, data, days, max(ends), after, outdated), results

    def _finish(self, commit: Commit, results: Mapping[str, Any]) -> str:
        rejected = {symbol: each["error"] for symbol, each in results.items() if each["status"] == "rejected"}
        if self.operation.request.warm_up:
            return self.operations.end(self.operation, commit, Reply("", "", "ok"), {})
        if not commit.records:
            self._log.warning("the addition is called off: %s", "; ".join(rejected.values()))
        status = "rejected" if not commit.records else "partial" if rejected else "ok"
        error = "; ".join(f"{symbol}: {text}" for symbol, text in rejected.items()) or None
        reply = Reply(self.operation.command, self.operation.entry, status, error, results)
        done = journaled(self.operation.command, self.operation.request.asked, status, self._recorded(results))
        outcome = self.operations.end(self.operation, commit, reply, done)
        if outcome == "ok":
            ended(self.session, _COUNTED[status], time.monotonic() - self._begun_s)
            self._log.info("[DYNAMIC] Reactivating session after catchup")
            self._log.info("[DYNAMIC] Resuming streaming")
        return outcome

    def _recorded(self, results: Mapping[str, Any]) -> dict[str, Any]:
        """The results as the journal has them: with the calendar and the source of what was added."""
        of = {each.symbol: each for job in self.operation.request.jobs for each in job}
        return {
            symbol: each
            if each["status"] == "rejected"
            else {**each, "calendar": of[symbol].calendar, "source": of[symbol].source}
            for symbol, each in results.items()
        }

    def _rejected(self) -> dict[str, Any]:
        errors = dict(self.operation.request.rejected)
        for job in self.jobs:
            asked = self.operation.request.jobs[job.number]
            errors |= job.manifest.rejected if job.manifest else {each.symbol: job.error or "" for each in asked}
        return {symbol: {"status": "rejected", "error": error} for symbol, error in errors.items()}

    def _fetch(self, job: _Job) -> str:
        """Reads what a job has staged. Returns why there is nothing; another hand may have been in it."""
        try:
            manifest = self.operations.manifest(job.attempt)
            if manifest is not None:
                self._check(manifest, self.operation.request.jobs[job.number])
                JOBS.labels(self.session, SUCCEEDED).inc()
            job.manifest = manifest
        except (Malformed, ResponseError) as error:
            return f"what it has staged cannot be used: {error}"
        return "what it had staged has run out"

    def _check(self, manifest: Manifest, asked: Sequence[SymbolRequest]) -> None:
        symbols = {each.symbol for each in asked}
        if manifest.staged.keys() | manifest.rejected.keys() != symbols:
            raise Malformed("the manifest of an attempt is not of the symbols that were asked for")
        if not self.operation.request.warm_up and manifest.through_ms < self.operation.clock_ms:
            raise Malformed(f"the manifest of an attempt has a feed that ends at {manifest.through_ms} ms already")

    def _reported(self, fields: Fields) -> _Job | None:
        attempt = fields.get(b"attempt", b"").decode(errors="replace")
        return next((job for job in self.jobs if job.attempt == attempt), None)

    def _retry(self, job: _Job, reason: str) -> None:
        """Gives a job to a new attempt. One that nobody had begun has not failed: the queue may have lost it."""
        if job.begun:
            job.failures += 1
            JOBS.labels(self.session, FAILED).inc()
            self._log.warning("job %s failed: %s", job.attempt, reason)
        if job.failures >= self.settings.job_attempts:
            job.error = reason
        else:
            self._send_anew(job)

    def _send_anew(self, job: _Job) -> None:
        attempt = f"{self.operation.id}-{job.number}-{_next_number(job.attempt)}"
        self.operations.attempt(self.operation.id, job.number, job.attempt, attempt)
        self.operation = replace(self.operation, attempts={**self.operation.attempts, job.number: attempt})
        job.attempt, job.begun, job.life_s = attempt, False, time.monotonic()
        self.dispatcher.send(self.session, {job.number: attempt})

    @property
    def _limit_ms(self) -> int:
        """How long it may take. A session's first history is waited for by nobody but its start, and may be much."""
        jobs = len(self.operation.request.jobs) if self.operation.request.warm_up else 1
        return self.settings.operation_deadline_ms * jobs

    @property
    def _log(self) -> SessionLog:
        return SessionLog(LOG, self.session, self.operation.command)


def _next_number(attempt: str) -> int:
    return int(attempt.rpartition("-")[2]) + 1
