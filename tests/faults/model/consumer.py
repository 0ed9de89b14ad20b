"""Consumers with the real client library: what each is handed, and what it sees then, is judged at once."""

from __future__ import annotations

import time

from playhead.errors import ConsumerFellBehind, RedisUnavailable, SessionFailed, SessionNotFound
from playhead.messages import ConsumerDropped, Message, SessionFailure
from playhead.session import Session
from playhead.subscription import Subscription
from tests.faults.model.checks import Checks, Violation
from tests.faults.model.plan import URL
from tests.faults.model.tape import Tape

AGAIN_S = 0.1


class Reader:
    """A registered consumer that follows to the end. What it has written outlives its process, like a file.

    With `transactions` each item is written in one MULTI with the position, else before it is acknowledged.
    """

    def __init__(self, name: str, session: str, tape: Tape, checks: Checks, *, transactions: bool) -> None:
        self.name = name
        self.written: list[Message] = []
        self.over = False
        self.fell_behind = False
        self.output = f"playhead:{{{session}}}:out:{name}"
        self._session = session
        self._tape = tape
        self._checks = checks
        self._transactions = transactions

    def follow(self) -> None:
        """Follows the session from where it was left to its end."""
        while True:
            try:
                with Session(self._session, URL) as session, session.subscribe(self.name, from_start=True) as items:
                    self._follow(session, items)
                self.over = True
                return
            except SessionFailed:
                self.over = True
                return
            except (RedisUnavailable, SessionNotFound):
                time.sleep(AGAIN_S)
            except ConsumerFellBehind:
                if not any(
                    isinstance(each, ConsumerDropped) and each.consumer == self.name for each in self._checks.emitted
                ):
                    raise
                self.over = self.fell_behind = True
                return

    def _follow(self, session: Session, items: Subscription) -> None:
        for item in items:
            if not isinstance(item, SessionFailure):  # it had no history then
                self.look(session, item.entry, item.clock_ms)
            if not self._transactions:
                self.written.append(item)
                continue
            with items.transaction() as output:
                output.rpush(self.output, item.entry)

    def look(self, session: Session, entry: str, clock_ms: int) -> None:
        """Compares what it sees with what was there at its position. Raises `Violation`."""
        seen, due = session.symbols(), self._checks.members(entry)
        if seen is None or frozenset(seen) != due:
            raise Violation(f"2 position: {self.name} sees {seen} at {entry}, and there are {sorted(due)}")
        for symbol in seen:
            for interval in self._tape.config.intervals:
                for what, bars, expected in (
                    ("bars", session.bars(symbol, interval), self._tape.current(symbol, interval, clock_ms)),
                    ("history", session.history(symbol, interval), self._tape.past(symbol, interval, clock_ms)),
                ):
                    if bars is None or list(bars) != expected:
                        shown = None if bars is None else list(bars)
                        raise Violation(
                            f"5 equivalence: at {entry} {self.name} sees the {what} {shown} of {symbol} {interval}, "
                            f"and should see {expected}"
                        )
