"""What must always hold, looked at after every single call to the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from playhead import messages
from playhead.entries import order
from playhead.keys import Keys
from playhead.messages import Message, SymbolAdded, SymbolRemoved, Tick
from tests.faults.model.server import Call
from tests.faults.model.store import Store
from tests.faults.model.stream import Stream
from tests.faults.model.tape import Tape

LEASES: Final = ("acquire", "renew", "release")
FENCED: Final = ("coordinator", "producer")
MOVES: Final = ("advance", "open_session")


class Violation(AssertionError):
    """An invariant does not hold. The text begins with its name."""


class Checks:
    """The invariants of one session, and all that it has emitted."""

    def __init__(self, store: Store, keys: Keys, tape: Tape) -> None:
        self.first: Violation | None = None
        self.emitted: list[Message] = []
        self.replies: list[Mapping[str, str]] = []
        self._store = store
        self._tape = tape
        self._initial = frozenset(each.symbol for each in tape.config.symbols)
        self._members: set[str] = set(self._initial)
        self._changes: list[tuple[tuple[int, int], frozenset[str]]] = []
        self._state, self._holds, self._operation, self._notifications, self._replies = (
            key.encode() for key in (keys.state, keys.holds, keys.operation, keys.notifications, keys.replies)
        )
        self._leases = {role: keys.lease(role).encode() for role in FENCED}
        self._owners: dict[tuple[str, bytes], bytes] = {}
        self._noted = (0, 0)
        self._replied = (0, 0)

    def watch(self, call: Call, action: Callable[[], Any]) -> Any:
        """Carries out a step of a call and looks at what it did. Raises `Violation`."""
        store = self._store
        leases = {role: store.string(key) for role, key in self._leases.items()}
        writes = store.writes
        state = store.values.get(self._state) or {}
        clock, stop = state.get(b"clock_ms"), state.get(b"stop_ms")
        holds = frozenset(store.values.get(self._holds) or ())
        try:
            return action()
        finally:
            if store.writes != writes and self.first is None:
                try:
                    self._after(call, clock, stop, holds, leases)
                except Violation as violation:
                    self.first = violation
                    raise

    def members(self, position: str) -> frozenset[str]:
        """The symbols that are there at a position."""
        here = order(position)
        for since, there in reversed(self._changes):
            if since <= here:
                return there
        return self._initial

    def _after(
        self,
        call: Call,
        clock: bytes | None,
        stop: bytes | None,
        holds: frozenset[bytes],
        leases: Mapping[str, bytes | None],
    ) -> None:
        state = self._store.values.get(self._state) or {}
        now = state.get(b"clock_ms")
        operation = self._store.values.get(self._operation) or {}
        after = frozenset(self._store.values.get(self._holds) or ())
        self._check_credential(call, state, operation)
        self._check_leases(call, leases, state)
        if now != clock:
            self._check_move(call, clock, now, holds)
            if stop is not None and int(now or 0) >= int(stop) and b"user" not in after:
                raise Violation(f"1 stops: {call.name} has reached the one at {int(stop)}, and nothing holds the clock")
        self._check_holds(call, holds, after, state, operation)
        inactive = state.get(b"active") == b"0"
        if inactive != (bool(operation) or b"warming" in state):
            raise Violation(f"2 half a catch-up: after {call.name} the session is {'in' * inactive}active")
        self._take_replies()
        self._take_notifications(int(clock or 0), int(now or 0))

    def _check_credential(self, call: Call, state: Mapping[bytes, bytes], operation: Mapping[bytes, bytes]) -> None:
        """Who has lost a lease, or whose attempt is not the present one any more, changes nothing."""
        if call.process is None or not call.credential or call.name in LEASES:
            return
        role = call.process.name.partition("-")[0]
        if role in FENCED and state.get(f"{role}_token".encode()) != call.credential.encode():
            raise Violation(f"6 fencing: {call.process.name} has changed something by {call.name} under an old token")
        if role == "worker" and call.credential.encode() not in operation.values():
            raise Violation(
                f"6 attempts: {call.process.name} has changed something by {call.name} under an old attempt"
            )

    def _check_leases(self, call: Call, before: Mapping[str, bytes | None], state: Mapping[bytes, bytes]) -> None:
        """A lease changes hands only where nobody holds it, and never with the token of another owner."""
        for role, key in self._leases.items():
            owner, token = self._store.string(key), state.get(f"{role}_token".encode())
            if owner is None or token is None or owner == before[role]:
                continue
            if before[role] is not None:
                raise Violation(f"6 leases: {call.name} has taken the lease of a {role} from another that holds it")
            if self._owners.setdefault((role, token), owner) != owner:
                raise Violation(f"6 fencing: {call.name} has given the token of one {role} to another")

    def _check_move(self, call: Call, clock: bytes | None, now: bytes | None, holds: frozenset[bytes]) -> None:
        if call.name not in MOVES:
            raise Violation(f"1 clock: {call.name} has moved it")
        if clock is not None and int(now or 0) < int(clock):
            raise Violation(f"1 clock: it has gone back from {clock!r} to {now!r}")
        if holds and clock is not None:
            raise Violation(f"1 clock: it has moved under {holds}")

    def _check_holds(
        self,
        call: Call,
        before: frozenset[bytes],
        after: frozenset[bytes],
        state: Mapping[bytes, bytes],
        operation: Mapping[bytes, bytes],
    ) -> None:
        own = {hold for hold in after if hold.startswith(b"add:") or hold == b"warm-up"}
        due = {operation[b"hold"]} if operation else {b"warm-up"} if b"warming" in state else set()
        if own != due:
            raise Violation(f"2 half a catch-up: after {call.name} the holds are {after}, and {due} is in progress")
        for hold in before - after:
            name = hold.decode().partition(":")[0]
            if call.name != {"add": "commit", "warm-up": "commit", "user": "answer", "expect": "meet"}.get(
                name, "SREM"
            ):
                raise Violation(f"1 holds: {call.name} has released the hold {hold.decode()}")

    def _take_replies(self) -> None:
        stream = self._store.values.get(self._replies)
        if type(stream) is not Stream or stream.last == self._replied:
            return
        for _, fields in stream.after(self._replied, None):
            pairs = [part.decode() for part in fields]  # type: ignore[attr-defined]
            self.replies.append(dict(zip(pairs[::2], pairs[1::2], strict=True)))
        self._replied = stream.last

    def _take_notifications(self, before_ms: int, now_ms: int) -> None:
        """Compares what was emitted with what had to be."""
        stream = self._store.values.get(self._notifications)
        if type(stream) is Stream and stream.last != self._noted:
            due = self._tape.ticks(self._members, before_ms, now_ms)
            new = [_decoded(entry, fields) for entry, fields in stream.after(self._noted, None)]
            for message in new:
                if isinstance(message, Tick):
                    bars = list(message.bars())
                    expected = due.pop(message.clock_ms, set())
                    if len(bars) != len(set(bars)) or set(bars) != expected:
                        raise Violation(
                            f"5 equivalence: the tick {message.entry} has {bars}, and should have {expected}"
                        )
                if _take(self._members, message):
                    self._changes.append((order(message.entry), frozenset(self._members)))
            if due:
                raise Violation(f"4 order: the clock went from {before_ms} to {now_ms} without the ticks {sorted(due)}")
            self.emitted += new
            self._noted = stream.last
        elif now_ms != before_ms and (due := self._tape.ticks(self._members, before_ms, now_ms)):
            raise Violation(f"4 order: the clock went from {before_ms} to {now_ms} without the ticks {sorted(due)}")


def _decoded(entry: Any, fields: Any) -> Message:
    return messages.decode(entry, dict(zip(fields[::2], fields[1::2], strict=True)))


def _take(there: set[str], message: Message) -> bool:
    """Follows a message. False where it does not change which symbols there are."""
    if isinstance(message, SymbolAdded):
        there.update(message.symbols)
    elif isinstance(message, SymbolRemoved):
        there.difference_update(message.symbols)
    else:
        return False
    return True
