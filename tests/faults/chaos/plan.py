"""What a round will be: a session, what is done to it, and the faults. The same seed gives the same plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

from playhead.commands import AddSymbol, Command, Pause, RemoveSymbol, Resume, RunUntil, Speed, Step, Stop
from playhead.config import ScriptedCommand, SessionConfig, SymbolConfig
from tests.faults.chaos.fault import COUNTS, Fault, Kind, Role, drawn_fault

CONSUMERS: Final = tuple(f"{Role.CONSUMER}-{number}" for number in range(COUNTS[Role.CONSUMER]))
ALL_KINDS: Final = frozenset(Kind)
ACTS: Final = (5, 10)
"""How many things are done to a session."""

_DAYS: Final = (date(2025, 6, 30), date(2025, 7, 1), date(2025, 7, 2), date(2025, 7, 3))  # the last closes early
_LAST_DAY: Final = date(2025, 7, 7)  # after a holiday and a weekend
_INITIAL: Final = ("AAPL", "RIVN", "MSFT")
_LATER: Final = ("NVDA", "TSLA", "AMD", "AZN.L", "7203.T")
_BAD: Final = ("UNKNOWN1", "NODATA1", "no good", "AAPL/USD")
_MARKET_S: Final = 23_400  # of a day in New York
_FAULTS: Final = {0: 25, 1: 50, 2: 20, 3: 5}
"""How many faults a round brings, and how often."""
_CALM_S: Final = 0.3
"""Before the first fault of a round."""


@dataclass(frozen=True)
class Hold:
    """A hold that is placed by hand, past all commands, and taken away again."""

    lasts_s: float


@dataclass(frozen=True)
class Act:
    """Something that is done `wait_s` after what came before was answered.

    With `at` a command is scheduled for that market time; `twice`: it is written into the stream twice, as by a client
    that repeats what it thinks lost.
    """

    wait_s: float
    what: Command | Hold
    at: str | None = None
    twice: bool = False


@dataclass(frozen=True)
class Plan:
    """One round."""

    seed: int
    config: SessionConfig
    acts: tuple[Act, ...]
    faults: tuple[Fault, ...]


def planned(seed: int, kinds: frozenset[Kind] = ALL_KINDS) -> Plan:
    """The plan of a seed, with faults of these kinds only."""
    random = Random(seed)
    lasts_s = random.uniform(2.0, 4.5)
    config = _config(random, lasts_s)
    count = random.randint(*ACTS)
    acts = [_act(random, lasts_s / count) for _ in range(count)]
    if random.random() < 0.15:
        acts.append(Act(random.uniform(0.0, 0.5), Stop()))
    (faults,) = random.choices(list(_FAULTS), list(_FAULTS.values()))
    times = sorted(random.uniform(_CALM_S, lasts_s + 1.0) for _ in range(faults if kinds else 0))
    return Plan(seed, config, tuple(acts), tuple(drawn_fault(random, at_s, kinds) for at_s in times))


def _config(random: Random, lasts_s: float) -> SessionConfig:
    first = last = random.choice(_DAYS)
    interval, derive = random.choice([("5m", ("15m",)), ("5m", ()), ("10m", ()), ("3m", ("30m",))])
    history = 0
    if random.random() < 0.25:
        interval, derive, history, last = "15m", ("1h",), random.choice([0, 1]), _LAST_DAY
        first = random.choice(_DAYS[2:])
    symbols = random.sample(_INITIAL, random.randint(1, len(_INITIAL)))
    if random.random() < 0.15:
        symbols.append("AZN.L")
    days = 1 if first == last else 3
    script = tuple(
        ScriptedCommand(_time(random, before=13), {"op": "add-symbol", "symbol": random.choice(_LATER)})
        for _ in range(random.choice([0, 0, 0, 1]))
    )
    return SessionConfig(
        tuple(SymbolConfig(symbol) for symbol in symbols),
        first,
        last,
        interval=interval,
        derive=derive,
        history=history,
        speed=round(days * _MARKET_S / lasts_s),
        script=script,
        lead=random.choice([None, None, None, 1, 20]),
        expect=CONSUMERS,
    )


def _act(random: Random, every_s: float) -> Act:
    wait_s = round(random.uniform(0.2, 1.8) * every_s, 3)
    kinds = {"add": 34, "remove": 16, "pause": 10, "resume": 10, "step": 8, "until": 6, "speed": 10, "hold": 6}
    (kind,) = random.choices(list(kinds), list(kinds.values()))
    what: Command | Hold
    match kind:
        case "add":
            what = _addition(random)
        case "remove":
            what = RemoveSymbol(tuple(random.sample((*_INITIAL, *_LATER), random.choice([1, 1, 2]))))
        case "pause":
            what = Pause()
        case "resume":
            what = Resume()
        case "step":
            what = Step(random.randint(1, 5))
        case "until":
            what = RunUntil(_time(random))
        case "speed":
            what = Speed(random.choice([None, 2_000.0, 6_000.0, 20_000.0]))
        case _:
            what = Hold(round(random.uniform(0.05, 0.3), 3))
    scheduled = isinstance(what, AddSymbol | RemoveSymbol | Pause | Speed) and random.random() < 0.15
    twice = not isinstance(what, Hold) and random.random() < 0.15
    return Act(wait_s, what, _time(random) if scheduled else None, twice)


def _addition(random: Random) -> AddSymbol:
    symbols = random.sample((*_INITIAL, *_LATER), random.choice([1, 1, 1, 2, 4]))
    if random.random() < 0.2:
        symbols.append(random.choice(_BAD))
    if random.random() < 0.08:
        symbols = [random.choice(_BAD)]
    return AddSymbol(tuple(symbols), random.choice([None, f"slow:{random.randint(50, 500)}"]))


def _time(random: Random, before: int = 16) -> str:
    """A time of day in New York, before that hour. The last day closes at 13:00: a command for later is refused."""
    return f"{random.randrange(10, before)}:{random.randrange(0, 60, 5):02}"
