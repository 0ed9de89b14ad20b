"""What each command does: judged here, carried out and answered by one script."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from coordinator.addition import journaled
from coordinator.metrics import ADDITIONS, REJECTED
from coordinator.operation import Operations, jobs_of
from coordinator.removal import Removals
from coordinator.state import State
from coordinator.store import USER_HOLD, Effect, Store
from playhead.commands import (
    SCHEDULED,
    AddSymbol,
    Command,
    Pause,
    RemoveSymbol,
    Reply,
    Resume,
    RunUntil,
    Speed,
    Step,
    Stop,
    decode,
    encode,
)
from playhead.errors import InvalidInput
from playhead.names import parse_symbol
from playhead.speed import speed_text
from playhead.times import full_clock_text, full_text, local, parse_moment
from shared.calendars import calendar_name_for
from shared.hours import Hours
from shared.logs import SessionLog
from shared.request import AdditionRequest, SymbolRequest
from shared.run_hash import after_event

LOG: Final = logging.getLogger(__name__)
MAX_ID: Final = 200  # bytes of a command's id
MAX_NAMED: Final = 50
"""Symbols that one error names."""
MAX_SYMBOL: Final = 64  # characters of a symbol that an answer repeats
Fields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A command as it stands in the stream."""

    entry: str
    fields: Fields

    @property
    def id(self) -> str:
        """The id that its sender gave it, else its entry's; that too where the given one is too long."""
        given = self.fields.get(b"id", b"").decode(errors="replace")
        return given if 0 < len(given) <= MAX_ID else self.entry

    @property
    def at(self) -> str | None:
        """The market time for which it is meant, as typed; `None` for now."""
        return self.fields.get(b"at", b"").decode(errors="replace") or None

    def check(self) -> None:
        """Raises `InvalidInput` for an id that is too long: a repeated one could not be known again."""
        if len(self.fields.get(b"id", b"")) > MAX_ID:
            raise InvalidInput(f"the id of a command may have {MAX_ID} bytes")


class Commands:
    """Handles the commands of one session, one after the other."""

    def __init__(self, store: Store, operations: Operations) -> None:
        self._store = store
        self._operations = operations
        self._removals = Removals(store)

    def handle_due(self, state: State, number: str) -> None:
        """Carries out a scheduled command whose time has come."""
        fields = self._store.scheduled(number)
        self.handle(state, Incoming(number, {name.encode(): text.encode() for name, text in fields.items()}))

    def handle(self, state: State, incoming: Incoming) -> None:
        """Answers a command, or begins the addition that it asks for. The state is read anew after that."""
        log = SessionLog(LOG, self._store.keys.session, incoming.id)
        try:
            incoming.check()
            command = decode(incoming.fields)
            if state.ended:
                raise InvalidInput(f"session {self._store.keys.session} is {state.status}; it takes no more commands")
            if incoming.at is not None:
                self._schedule(state, incoming, command, log)
                return
            if isinstance(command, AddSymbol):
                self._add(state, incoming, command, log)
                return
            if isinstance(command, RemoveSymbol):
                self._remove(state, incoming, command, log)
                return
            effect = self._effect(state, command)
        except InvalidInput as error:
            log.info("rejected: %s", error)
            self._answer(state, incoming, Reply(incoming.id, incoming.entry, "rejected", str(error)), Effect(), {})
            return
        holds = {*self._store.holds(), effect.place} - {effect.remove, ""}
        status = effect.status or ("paused" if holds else "running")
        result = {"clock_ms": state.clock_ms, "status": status, "holds": sorted(holds)}
        done = {"id": incoming.id, "status": "ok", **encode(command)}
        log.info("%s", " ".join(encode(command).values()))
        self._answer(state, incoming, Reply(incoming.id, incoming.entry, "ok", None, result), effect, done)

    def _schedule(self, state: State, incoming: Incoming, command: Command, log: SessionLog) -> None:
        """Lets a command wait for its market time: it is judged then."""
        at_ms = stop_ms(state, incoming.at or "")
        waiting = json.dumps({"id": incoming.id, **encode(command)}, separators=(",", ":"))
        log.info("scheduled for %s: %s", incoming.at, " ".join(encode(command).values()))
        reply = Reply(incoming.id, incoming.entry, SCHEDULED, None, {"at_ms": at_ms})
        self._answer(state, incoming, reply, Effect(at_ms=at_ms, scheduled=waiting), {})

    def _effect(self, state: State, command: Command) -> Effect:
        match command:
            case Pause():
                return Effect(place=USER_HOLD)
            case Resume():
                return Effect(remove=USER_HOLD)
            case Step(ticks):
                return Effect(remove=USER_HOLD, set={"stop_ticks": str(ticks)})
            case RunUntil(time):
                stop = {"stop_ms": str(stop_ms(state, time))}
                return Effect(remove=USER_HOLD, set=stop, delete=["stop_ticks"])
            case Speed(factor):
                return Effect(set={"speed": speed_text(factor)})
            case Stop():
                stopped = after_event(state.run_hash, state.clock_ms, "session-stopped")
                ended = {"run_hash": stopped}
                return Effect(status="stopped", event="session-stopped", set=ended, delete=["stop_ms", "stop_ticks"])
            case AddSymbol() | RemoveSymbol():
                raise AssertionError(f"{command.op} is more than one effect")

    def _add(self, state: State, incoming: Incoming, command: AddSymbol, log: SessionLog) -> None:
        wanted, rejected = self._judged(state, command)
        if wanted:
            request = AdditionRequest(jobs_of(wanted), rejected, asked=encode(command))
            operation = uuid4().hex
            outcome = self._operations.begin(
                state.clock_ms, incoming.id, incoming.entry, operation, request, f"add:{incoming.id}"
            )
            if outcome == "ok":
                log.info("[DYNAMIC] Pausing streaming")
                log.info("[DYNAMIC] Deactivating session for catchup")
            if outcome != "repeated":
                return  # on `clock` or `ended` the state is read anew and the command comes again
        results = {symbol: {"status": "rejected", "error": error} for symbol, error in rejected.items()}
        error = "; ".join(f"{symbol}: {text}" for symbol, text in rejected.items())
        log.info("rejected: %s", error)
        done = journaled(incoming.id, encode(command), "rejected", results)
        self._answer(state, incoming, Reply(incoming.id, incoming.entry, "rejected", error, results), Effect(), done)

    def _remove(self, state: State, incoming: Incoming, command: RemoveSymbol, log: SessionLog) -> None:
        there: list[str] = []
        rejected: dict[str, str] = {}
        for text in command.symbols:
            try:
                symbol = parse_symbol(text)
                if symbol not in state.records:
                    present = named(state.records)
                    raise InvalidInput(f"{symbol} is not in session {self._store.keys.session}; there are {present}")
                there.append(symbol)
            except InvalidInput as error:
                rejected[text[:64]] = str(error)
        results: dict[str, Any] = {symbol: {"status": "removed", "clock_ms": state.clock_ms} for symbol in there}
        results |= {symbol: {"status": "rejected", "error": error} for symbol, error in rejected.items()}
        status = "rejected" if not there else "partial" if rejected else "ok"
        errors = "; ".join(f"{symbol}: {text}" for symbol, text in rejected.items())
        reply = Reply(incoming.id, incoming.entry, status, errors or None, results)
        if not there:
            log.info("rejected: %s", errors)
            self._answer(state, incoming, reply, Effect(), {})
            return
        done = journaled(incoming.id, encode(command), status, results)
        # On `clock` and `ended` the state is read anew and the command comes again.
        if self._removals.remove(state, there, reply, done) == "ok":
            log.info("%s %s", command.op, ",".join(sorted(there)))

    def _judged(self, state: State, command: AddSymbol) -> tuple[list[SymbolRequest], dict[str, str]]:
        """The symbols that a worker is to fetch, and those refused at once, with the reason."""
        config = state.config
        wanted: list[SymbolRequest] = []
        rejected: dict[str, str] = {}
        for text in command.symbols:
            try:
                symbol = text if text in command.rejected else parse_symbol(text)
                if symbol in command.rejected:
                    raise InvalidInput(command.rejected[symbol])
                if symbol in state.records:
                    raise InvalidInput(f"{symbol} is in session {self._store.keys.session} already")
                name = command.calendar or calendar_name_for(symbol, {}, config.calendar)
                market = Hours.in_session(name, config).market
                wanted.append(SymbolRequest(symbol, market.name, command.source))
            except InvalidInput as error:
                rejected[text[:MAX_SYMBOL]] = str(error)
        return wanted, rejected

    def _answer(self, state: State, incoming: Incoming, reply: Reply, effect: Effect, done: Mapping[str, Any]) -> None:
        outcome = self._store.answer(state.commands_at, reply, effect, done)
        if outcome == "ok" and reply.status == "rejected" and incoming.fields.get(b"op") == AddSymbol.op.encode():
            ADDITIONS.labels(self._store.keys.session, REJECTED).inc()


def named(symbols: Iterable[str]) -> str:
    """Symbols as an error names them: a command may be refused for thousands, in a session of thousands."""
    names = sorted(symbols)
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more or "no symbols"


def stop_ms(state: State, time: str) -> int:
    """A typed time that the clock is to reach. Raises `InvalidInput` for one that it cannot reach."""
    # An exchange far to the east opens on the evening before: a time of day is then one of the session's first date.
    today = max(local(state.clock_ms, state.zone).date(), state.config.date)
    moment_ms = parse_moment(time, state.zone, today)
    if moment_ms <= state.clock_ms:
        shown = full_clock_text if state.config.date == state.config.end else full_text
        now = shown(state.clock_ms, state.zone)
        raise InvalidInput(f"the clock reads {now} already; {time} is not after that")
    if moment_ms > state.end_ms:
        end = local(state.end_ms, state.zone).isoformat(sep=" ", timespec="minutes")
        raise InvalidInput(f"the session ends at {end}; {time} is after that")
    return moment_ms
