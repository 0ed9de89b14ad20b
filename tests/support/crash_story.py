"""A session with everything in it that a session can have, played by a person who waits for each answer: the same
whenever it is played, whoever dies in it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as parquet
import redis

from playhead.commands import (
    AddSymbol,
    Command,
    Pause,
    RemoveSymbol,
    Resume,
    RunUntil,
    Speed,
    Step,
    encode,
)
from playhead.config import RECORDER, ScriptedCommand, SessionConfig, SymbolConfig
from playhead.digest import CLOCK_FIELD
from playhead.errors import CommandRejected
from playhead.keys import Keys
from playhead.recordings import ADDED, EVENTS, parts
from playhead.session import Session
from playhead.times import parse_moment
from tests.support import transcript
from tests.support.cell import Cell
from tests.support.outcome import Outcome, outcome_of
from tests.support.waiting import wait_until

NAME: Final = "story"
CONSUMER: Final = "plain"
RECORDING: Final = "recording"
TIMEOUT_S: Final = 120.0
Row = tuple[Any, ...]
"""A bar in a file of a recording."""


def at(time: str, command: Command) -> ScriptedCommand:
    """A command for a market time."""
    return ScriptedCommand(time, encode(command))


CONFIG: Final = SessionConfig(
    (SymbolConfig("RIVN"), SymbolConfig("MSFT")),
    date(2025, 7, 2),
    date(2025, 7, 3),
    interval="15m",
    derive=("1h",),
    history=1,
    run_until="10:30",
    script=(
        at("12:00", RemoveSymbol(("MSFT",))),
        at("13:00", Pause()),
        at("14:00", AddSymbol(("MSFT",))),
        at("2025-07-03 10:00", Pause()),
    ),
    expect=(CONSUMER,),
)
"""Two trading days of 26 and 14 ticks, and one before them. The first tick waits for the consumer."""


@dataclass
class Played:
    """A session that was played to its end, what its consumer has written down, and what its recorder has, if it has
    one: the rows of its files, and its events."""

    outcome: Outcome
    transcript: list[transcript.Item]
    recording: tuple[list[Row], list[str]] | None


def play(cell: Cell, *, recorded: bool = False, meanwhile: Callable[[], None] = lambda: None) -> Played:
    """Plays it. `meanwhile` is called at the first pause."""
    file = cell.directory / "transcript.jsonl"
    keys, recording = Keys(NAME), cell.directory / RECORDING
    config = replace(CONFIG, record=str(recording)) if recorded else CONFIG
    with Session.start(NAME, config, cell.url, wait_s=TIMEOUT_S) as session:
        consumer = cell.run("tests.support.transcript:main", NAME, cell.url, CONSUMER, str(file))
        hand = Hand(session)
        hand.paused_at("10:30")
        meanwhile()
        hand.give(AddSymbol(("AAPL",)))
        hand.give(AddSymbol(("UNKNOWN",)))
        hand.give(Step(2))
        hand.paused_at("11:00")
        hand.give(Speed(360_000.0))
        hand.give(Speed(None), at="15:00")
        hand.give(Resume())
        hand.paused_at("13:00")
        hand.give(RunUntil("14:30"))
        hand.paused_at("14:30")
        hand.give(Resume())
        hand.paused_at("10:00", "2025-07-03")
        hand.give(Resume())
        wait_until(lambda: is_over(cell.client, keys), TIMEOUT_S, "the session to end")
    code = consumer.ended()
    assert code == 0, consumer.log.read_text()
    if recorded:
        wait_until(lambda: has_left(cell, keys), TIMEOUT_S, "everything to be recorded")
    rows = recorded_rows(recording / NAME) if recorded else None
    return Played(outcome_of(cell.client, keys), transcript.read(file), rows)


def is_over(client: redis.Redis, keys: Keys) -> bool:
    """Whether a session has ended, and its coordinator has done all that there is to do then."""
    return bool(client.hexists(keys.digests, CLOCK_FIELD)) and not client.exists(keys.schedule)


def has_left(cell: Cell, keys: Keys) -> bool:
    """Whether the recorder has written everything, and has gone."""
    noted = cell.client.hget(keys.state, "noted")
    return (cell.client.hget(keys.consumer(RECORDER), "cursor"), cell.client.hget(keys.consumers, RECORDER)) == (
        noted,
        b"0",
    )


def recorded_rows(directory: Path) -> tuple[list[Row], list[str]]:
    """All that stands in the files of a recording, in order. How it is cut into files does not matter."""
    assert not list(directory.glob(".*")), "a file was begun and left"
    files = [*parts(directory), *sorted(directory.glob(f"{ADDED}*"))]
    rows = [tuple(row.values()) for file in files for row in parquet.read_table(file, partitioning=None).to_pylist()]
    return rows, (directory / EVENTS).read_text().splitlines()


class Hand:
    """Whoever gives the commands, each with an id of its own."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._given = 0

    def give(self, command: Command, at: str | None = None) -> None:
        """Gives a command, and waits for its answer."""
        self._given += 1
        with suppress(CommandRejected):  # the replies are compared
            self._session.send(command, f"c{self._given}", TIMEOUT_S, at)

    def paused_at(self, time: str, day: str = "2025-07-02") -> None:
        """Waits until the clock has stopped at a time in New York."""
        there_ms = parse_moment(f"{day} {time}", "America/New_York", CONFIG.date)

        def there() -> bool:
            info = self._session.info()
            assert info is not None
            assert info.status != "failed", info.error
            return info.clock_ms == there_ms and info.holds == ("user",)

        wait_until(there, TIMEOUT_S, f"the pause at {time}")
