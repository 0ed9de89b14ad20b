"""The description's story, played once on the real system: RIVN runs, the clock reads 12:06, AAPL is added.

The workers are suspended while the addition begins and the coordinator while it would commit, so that every
moment can be looked at. What was seen is kept here; tests say what it has to be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playhead.bars import Bars
from playhead.connection import text
from playhead.info import SessionInfo
from playhead.keys import Keys
from playhead.session import Session
from tests.support.services import LogLine
from tests.support.system import (
    NOON_MS,
    TIMEOUT_S,
    Outcome,
    System,
    info_of,
    play_to_the_end,
    run_on_at_noon,
    wait_for,
)
from tests.support.transcript import Item
from tests.support.waiting import wait_until

Entry = tuple[str, dict[bytes, bytes]]
"""A notification as it stands in the stream."""
CONSUMERS = ("first", "second", "third")


@dataclass(frozen=True)
class Moment:
    """What can be seen from outside at one moment."""

    info: SessionInfo
    symbols: tuple[str, ...] | None
    rivn: Bars | None
    clock_ms: int | None
    notified: str
    lasting: frozenset[str]
    """Keys of session data and feeds that do not go away by themselves."""
    passing: frozenset[str]
    """Such keys that do."""
    staged: dict[str, int]
    """Staged keys and how many ms they have left."""
    operation: dict[str, str]
    followed: tuple[str, ...]
    """Symbols that a consumer sees that stands at the last notification."""


@dataclass
class Story:
    """The addition of AAPL, and what came before and after."""

    before: Moment
    begun: Moment
    staged: Moment
    after: Moment
    clocks_ms: list[int | None]
    """The clock at each look during the addition."""
    answer: Outcome
    listed: Outcome
    summary: Outcome
    log: list[LogLine]
    transcripts: list[list[Item]]
    ended: dict[str, Bars] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    """All notifications in the end."""

    @property
    def receipt(self) -> dict[str, Any]:
        found: dict[str, Any] = self.answer.json["results"]["AAPL"]
        return found


def play(system: System) -> Story:
    """Plays it."""
    session = system.start("RIVN")
    consumers = [system.consume(session, name) for name in CONSUMERS]
    keys = system.keys()
    with Session(system.name, system.url) as second, second.subscribe(from_start=True) as items:
        while next(items).clock_ms < NOON_MS:
            pass
        run_on_at_noon(session)
        looks: list[int | None] = []

        def look() -> Moment:
            found = moment(system, session, second)
            looks.append(found.clock_ms)
            return found

        before = look()
        with system.services.suspended("worker"):
            # As a person types it: no session is named, there is only one.
            command = system.begin_cli("data", "add-symbol", "AAPL", "--json", PLAYHEAD_SESSION="")
            wait_until(lambda: sent(system, keys), TIMEOUT_S, "the addition to begin")
            begun = look()
            system.services.only("coordinator").suspend()
        try:
            wait_until(lambda: complete(system, keys), TIMEOUT_S, "the worker to stage")
            staged = look()
        finally:
            system.services.only("coordinator").resume()
        answer = command.ended()
        wait_for(session, "running")
        after = look()
    listed = system.cli("data", "list-dynamic", "--json")
    summary = system.cli("data", "session")
    log = [line for line in system.services.log_lines() if line.text.startswith("[DYNAMIC]")]
    play_to_the_end(session)
    story = Story(before, begun, staged, after, looks, answer, listed, summary, log, [c.ended() for c in consumers])
    story.ended = {symbol: read(session, symbol) for symbol in ("AAPL", "RIVN")}
    story.entries = notifications(system, keys)
    return story


def moment(system: System, session: Session, follower: Session) -> Moment:
    """Looks at everything."""
    client, keys = system.client, system.keys()
    names = [key.decode() for key in client.scan_iter(keys.all, count=1_000)]
    live = [name for name in names if (":bars:" in name or ":feed:" in name) and ":staged:" not in name]
    operation: Any = client.hgetall(keys.operation)
    return Moment(
        info=info_of(session),
        symbols=session.symbols(),
        rivn=session.bars("RIVN"),
        clock_ms=session.clock(),
        notified=notifications(system, keys)[-1][0],
        lasting=frozenset(name for name in live if client.pttl(name) == -1),
        passing=frozenset(name for name in live if client.pttl(name) != -1),
        staged={name: client.pttl(name) for name in names if ":staged:" in name},
        operation={name.decode(): value.decode() for name, value in operation.items()},
        followed=follower.symbols() or (),
    )


def sent(system: System, keys: Keys) -> bool:
    """Whether an addition has begun, and its job is in the queue."""
    attempt = system.client.hget(keys.operation, "attempt:0")
    return attempt is not None and bool(system.client.exists(f"rq:job:{keys.session}-{text(attempt)}"))


def complete(system: System, keys: Keys) -> bool:
    """Whether a worker has said that all is staged."""
    found: Any = system.client.hgetall(keys.operation)
    return bool(found) and bool(system.client.hexists(keys.manifest(found[b"attempt:0"].decode()), "complete"))


def notifications(system: System, keys: Keys) -> list[Entry]:
    """All that are kept."""
    found: Any = system.client.xrange(keys.notifications)
    return [(entry.decode(), fields) for entry, fields in found]


def read(session: Session, symbol: str) -> Bars:
    """A snapshot of session data while it is active."""
    bars = session.bars(symbol)
    assert bars is not None
    return bars


def from_the_open(system: System, *symbols: str) -> Session:
    """A second session that has these symbols from the start, played to the end."""
    session = system.start(*symbols, name=f"{system.name}-open", run_until=None)
    wait_for(session, "finished")
    return session
