"""A session on a real server with the typed methods over the scripts, and no service running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from coordinator.batch import regrouped
from coordinator.move import Move
from coordinator.operation import Commit, Operation, Operations, feed_name
from coordinator.roster import Arranged, Released
from coordinator.state import State
from coordinator.store import Store
from playhead.codec import group_field, pack, pack_names
from playhead.commands import Reply
from playhead.connection import text
from playhead.symbols import SymbolRecord
from producer.feed import MainFeed
from shared.lease import Lease
from shared.request import AdditionRequest, Manifest, StagedSymbol, SymbolRequest
from shared.ticks import Fields, window_end
from tests.support.tape import CALENDAR, DATE, DAY, MINUTE_MS, OPEN_MS, RECORD, ZONE, Tape, values_at
from workers.staging import Staging

END_MS = OPEN_MS + 390 * MINUTE_MS
NEXT_OPEN_MS = OPEN_MS + 24 * 60 * MINUTE_MS
LIFETIME_MS = 60_000
ENTRY, COMMAND, OPERATION, ATTEMPT = "5-1", "c1", "op", "op-0-1"
HOLD = f"add:{COMMAND}"
OPENED = (f"{OPEN_MS}-1", "day-opened")
"""The event with which a session begins at the open of its exchange."""
COUNTS = StagedSymbol(3, 1, 1, {"pre-market": 1}, 0, (("1m", DAY),))
MANIFEST = Manifest({"RIVN": COUNTS}, {}, OPEN_MS + 2 * MINUTE_MS)


def released(start_ms: int, *symbols: str) -> Arranged:
    """A tick with a bar of each symbol."""
    frame = pack(np.array([values_at(symbol, start_ms) for symbol in symbols]))
    field = group_field("1m", start_ms).encode()
    group = Released(field, pack_names(symbols) + frame.tobytes(), "1m", start_ms, symbols, frame)
    return Arranged(start_ms + MINUTE_MS, [group])


class Bench:
    """One session with a lease of each role."""

    def __init__(self, url: str, name: str, history: int = 0, last: date = DATE) -> None:
        self.tape = Tape(url, name, history=history, last=last).create()
        self.client, self.keys = self.tape.client, self.tape.keys
        self.leases = {role: self.lease(role) for role in ("coordinator", "producer")}
        self.store = Store(self.client, self.leases["coordinator"])

    def lease(self, role: str) -> Lease:
        """A lease that was taken, from whoever has had it."""
        self.client.delete(self.keys.lease(role))
        lease = Lease(self.client, self.keys, role, LIFETIME_MS)
        assert lease.acquire()
        return lease

    def take_over(self) -> None:
        """Others take both leases: whoever acts under those of this bench acts too late."""
        for role in self.leases:
            self.lease(role)

    @property
    def operations(self) -> Operations:
        return Operations(self.store)

    @property
    def feed(self) -> MainFeed:
        return MainFeed(self.client, self.leases["producer"])

    def open(
        self,
        stop_ms: int | None = None,
        symbols: Sequence[str] = ("AAPL", "MSFT"),
        clock_ms: int = OPEN_MS,
        commands: Sequence[tuple[int, str]] = (),
    ) -> None:
        state = replace(self.store.load(), clock_ms=clock_ms, end_ms=self.tape.days.days[-1].close_ms, zone=ZONE)
        self.store.open(state, dict.fromkeys(symbols, RECORD), {CALENDAR: self.tape.days}, stop_ms, commands)

    def load(self) -> State:
        """The state as the coordinator reads it."""
        return self.store.load()

    def advance(self, minutes: int = 1, left: int | None = None, feeds: Mapping[str, bool] | None = None) -> str:
        """One call from wherever the clock is, with a tick for each minute."""
        clock_ms = int(self.state()["clock_ms"])
        ticks = [released(clock_ms + at * MINUTE_MS, "AAPL", "MSFT") for at in range(minutes)]
        return self.store.advance(
            Move(
                clock_ms,
                clock_ms + minutes * MINUTE_MS,
                ticks,
                regrouped(ticks),
                dict.fromkeys(("AAPL", "MSFT"), self.tape.days.day(clock_ms).label),
                feeds or {},
                (),
                left,
                f"hash-{clock_ms + minutes * MINUTE_MS}",
            )
        )

    def finish(self) -> str:
        """At the end of the session, to which the clock goes without a bar."""
        return self.store.finish(END_MS, ["main"], "hash-end")

    def to_the_end(self) -> None:
        assert self.store.advance(Move(int(self.state()["clock_ms"]), END_MS)) == "ok"

    def begin(self, entry: str = ENTRY, command: str = COMMAND, clock_ms: int = OPEN_MS, hold: str = HOLD) -> str:
        request = AdditionRequest(((SymbolRequest("RIVN", CALENDAR),),))
        return self.operations.begin(clock_ms, command, entry, OPERATION, request, hold)

    def stage(self, attempt: str = ATTEMPT, manifest: Manifest = MANIFEST) -> None:
        """One bar by the clock, one to come."""
        frame = pack(np.array([values_at("RIVN", OPEN_MS)]))
        tick = released(OPEN_MS, "RIVN")
        (group,) = tick.groups
        entries: list[tuple[str, Fields]] = [
            (f"{tick.close_ms}-0", {"type": "tick", group.field.decode(): group.value}),
            (f"{manifest.through_ms}-1", window_end(manifest.through_ms, final=True)),
        ]
        self.staging(attempt).write([("RIVN", "1m", DAY, OPEN_MS - MINUTE_MS, frame.tobytes())], entries, manifest)

    def staging(self, attempt: str = ATTEMPT) -> Staging:
        return Staging(self.client, self.keys.session, 0, attempt, LIFETIME_MS)

    def operation(self) -> Operation:
        return Operation.of(self.load().operation)

    def commit(self, operation: Operation, attempt: str = ATTEMPT) -> str:
        record = SymbolRecord(CALENDAR, ZONE, None, feed_name(OPERATION, 0), MANIFEST.through_ms, OPEN_MS)
        days = {CALENDAR: self.tape.days}
        commit = Commit({0: attempt}, {"RIVN": record}, [(attempt, "RIVN", "1m", DAY)], days, END_MS, "hash-added")
        reply = Reply(operation.command, operation.entry, "ok", None, {"RIVN": {"status": "added"}})
        return self.operations.end(operation, commit, reply, {"op": "add-symbol", "id": operation.command})

    def state(self) -> dict[str, str]:
        return {text(name): text(value) for name, value in self.client.hgetall(self.keys.state).items()}

    def holds(self) -> set[str]:
        return {text(name) for name in self.client.smembers(self.keys.holds)}

    def entries(self, key: str) -> list[tuple[str, dict[bytes, bytes]]]:
        """The entries of a stream."""
        found: Any = self.client.xrange(key)
        return [(text(entry), fields) for entry, fields in found]

    def events(self) -> list[tuple[str, str]]:
        """Id and type of all notifications."""
        return [(entry, text(fields[b"type"])) for entry, fields in self.entries(self.keys.notifications)]

    def replies(self) -> list[dict[str, str]]:
        entries = self.entries(self.keys.replies)
        return [{text(name): text(value) for name, value in fields.items()} for _, fields in entries]

    def dump(self) -> dict[str, tuple[object, bool]]:
        """Every key of the session with all that it holds, and whether it has a lifetime."""
        keys = sorted(text(key) for key in self.client.scan_iter(f"{self.keys.state}*", count=1_000))
        return {key: (self._content(key), self.client.pttl(key) != -1) for key in keys}

    def _content(self, key: str) -> object:
        match text(self.client.type(key)):
            case "hash":
                return self.client.hgetall(key)
            case "set":
                return self.client.smembers(key)
            case "stream":
                return self.client.xrange(key), self.client.xinfo_stream(key)["last-generated-id"]
            case "zset":
                return self.client.zrange(key, 0, -1, withscores=True)
            case "list":
                return self.client.lrange(key, 0, -1)
            case _:
                return self.client.get(key)
