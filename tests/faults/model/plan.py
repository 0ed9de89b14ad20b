"""What happens in one run: all of it follows from the seed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from playhead.commands import AddSymbol, Command, Pause, RemoveSymbol, Resume, RunUntil, Speed, Step, Stop
from playhead.config import SessionConfig, SymbolConfig
from playhead.intervals import MINUTE_MS
from shared.calendars import calendar_name_for
from shared.hours import Hours
from shared.settings import Settings
from tests.faults.model import server
from tests.faults.model.tape import Tape

URL: Final = "redis://model/0"
SOURCE: Final = "memory:"
ABSENT: Final = "ABSENT"
"""A symbol of which the source has nothing."""
SPANS: Final = (
    (dt.date(2025, 7, 2), dt.date(2025, 7, 2)),
    (dt.date(2025, 7, 2), dt.date(2025, 7, 2)),
    (dt.date(2025, 7, 2), dt.date(2025, 7, 3)),  # an ordinary day of New York and an early close
)
MARKETS: Final = (
    ("AAPL", "MSFT", "RIVN", "ZM"),
    ("AAPL", "MSFT", "RIVN", "ZM"),
    ("9988.HK", "0700.HK", "7203.T"),  # with a break at noon
    ("AAPL", "9988.HK", "MSFT", "0700.HK"),
)
FAULTS: Final = (
    server.CRASH_BEFORE,
    server.CRASH_AFTER,
    server.LOST_REQUEST,
    server.LOST_REPLY,
    server.TWICE,
    server.LATE,
    server.RESTART,
)
CALLS: Final = {
    "coordinator": (4, 200),
    "worker": (3, 12),
    "producer": (2, 40),
    "reader": (1, 60),
    "writer": (2, 80),
    "person": (1, 20),
}
"""How often something happens to a call of a role, and how many calls it has in most sessions."""
OUTSIDE: Final = 0.1
OWN: Final = 0.7
FIRST_CALLS: Final = 15
KILL: Final = "is killed"
SUSPEND: Final = "is suspended"
LEAP: Final = "all sleep"


@dataclass(frozen=True, slots=True)
class Given:
    """A command that is given: after how long, under which id, for which market time, and how often."""

    after_ms: int
    command: Command
    id: str
    at: str | None
    waits: bool
    times: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    `faults` says what happens to which call of a role, `disturbances` what at which step of all steps. A call takes
    `call_us`, workers stage parts of `part_bytes`, and `hands` is how often another hand holds the clock.
    """

    seed: int
    tape: Tape
    settings: Settings
    commands: tuple[Given, ...]
    faults: dict[tuple[str, int], str]
    disturbances: dict[int, str]
    call_us: int
    part_bytes: int
    hands: int

    @classmethod
    def of(cls, seed: int) -> Plan:
        random = Random(seed)
        tape = _tape(random)
        moments = _moments(random, tape)
        commands = tuple(_given(random, tape, moments, number) for number in range(random.randrange(6)))
        troubled = random.random() < 0.9
        faults = {_call(random): random.choice(FAULTS) for _ in range(random.randrange(7) * troubled)}
        kinds = (KILL, KILL, SUSPEND, SUSPEND, LEAP)
        disturbances = {random.randrange(900): random.choice(kinds) for _ in range(random.randrange(4) * troubled)}
        return cls(
            seed=seed,
            tape=tape,
            settings=_settings(random),
            commands=commands,
            faults=faults,
            disturbances=disturbances,
            call_us=random.choice((200, 1_000, 3_000)),
            part_bytes=random.choice((1 << 20, 100)),
            hands=random.choice((0, 0, 1)),
        )


def _call(random: Random) -> tuple[str, int]:
    """A call of a role, as often one of the first as any: a session begins, and windows are opened, only once."""
    (role,) = random.choices(list(CALLS), [weight for weight, _ in CALLS.values()])
    return role, random.randint(1, random.choice((FIRST_CALLS, CALLS[role][1])))


def _settings(random: Random) -> Settings:
    return Settings(
        URL,
        URL,
        lease_ms=800,
        operation_deadline_ms=random.choice((4_000, 4_000, 1_000)),
        job_silence_ms=400,
        staged_lifetime_ms=random.choice((60_000, 60_000, 700)),
        retained_ticks=random.choice((10_000, 10_000, 3)),
        batch_ticks=random.choice((1, 2, 32)),
        feed_ticks_ahead=random.choice((16, 2_048)),
    )


def _tape(random: Random) -> Tape:
    first, last = random.choice(SPANS)
    symbols = random.choice(MARKETS)
    initial = symbols[: random.randint(1, 2)]
    config = SessionConfig(
        tuple(SymbolConfig(symbol) for symbol in initial),
        first,
        last,
        SOURCE,
        derive=random.choice(((), (), ("5m",))),
        history=random.choice((0, 0, 0, 1)),
        speed=random.choice((None, None, 2e5, 1e6)),
        lead=random.choice((None, None, 1, 2)),
        expect=random.choice(((), (), ("reader",))),
    )
    starts = {symbol: _starts(random, config, symbol) for symbol in symbols}
    return Tape(config, starts)


def _starts(random: Random, config: SessionConfig, symbol: str) -> tuple[int, ...]:
    """A few minutes: some at the edges of regular hours, some in pre- or post-market, one in regular hours always."""
    hours = Hours.in_session(calendar_name_for(symbol, {}, config.calendar), config)
    picked: set[int] = set()
    for day in hours.days.days:
        edges = [edge for each in day.ranges for edge in each]
        near = [edge + shift * MINUTE_MS for edge in edges for shift in (-1, 0)]
        picked.update(random.sample(near, random.randint(1, 3)))
        at_ms = random.choice(edges[:-1]) + random.randrange(60) * MINUTE_MS
        picked.update(at_ms + n * MINUTE_MS for n in range(random.randrange(4)))
        picked.add(day.ranges[-1][0] + random.randrange(100) * MINUTE_MS)
    return tuple(sorted(picked))


def _moments(random: Random, tape: Tape) -> Sequence[int]:
    """Market times at which something is worth doing: when bars close, a minute earlier and later, edges of hours."""
    closes = {at_ms + MINUTE_MS for starts in tape.starts.values() for at_ms in starts}
    edges = {edge for symbol in tape.starts for day in tape.hours(symbol).days for each in day.ranges for edge in each}
    shifts = (-MINUTE_MS, 0, 0, 0, MINUTE_MS, 7_000)
    hours = [tape.hours(each.symbol) for each in tape.config.symbols]
    begin_ms, end_ms = min(each.open_ms for each in hours), max(each.close_ms for each in hours)
    # Some lie outside of the session, and are refused.
    found = [at_ms for at_ms in sorted(closes | edges) if begin_ms <= at_ms <= end_ms or random.random() < OUTSIDE]
    return [at_ms + random.choice(shifts) for at_ms in found]


def _given(random: Random, tape: Tape, moments: Sequence[int], number: int) -> Given:
    some = tuple(random.sample([*tape.starts, ABSENT], random.randint(1, 2)))
    # Most telling is a time at which one of these very symbols has a bar that closes.
    own = {start_ms + MINUTE_MS for symbol in some for start_ms in tape.starts.get(symbol, ())} & set(moments)
    at = _text(random.choice(sorted(own) if own and random.random() < OWN else moments))
    kinds: tuple[tuple[Command, float], ...] = (
        (AddSymbol(some), 10),
        (RemoveSymbol(some), 4),
        (Pause(), 2),
        (Resume(), 1),
        (Step(random.randint(1, 3)), 2),
        (RunUntil(_text(random.choice(moments))), 3),
        (Speed(random.choice((None, 2e5, 1e6))), 1),
        (Stop(), 0.3),
    )
    (command,) = random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
    timed = isinstance(command, AddSymbol | RemoveSymbol | Pause) and random.random() < 0.5
    return Given(
        after_ms=random.choice((0, 5, 30, 100, 400)),
        command=command,
        id=f"c{number}",
        at=at if timed else None,
        waits=random.random() < 0.5,
        times=random.choice((1, 1, 1, 2)),
    )


def _text(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat()
