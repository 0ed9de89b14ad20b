"""What a session is started with: the field `config` of its state."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from playhead.errors import InvalidInput, Malformed
from playhead.intervals import DAY_MS, interval_ms
from playhead.names import check_consumer, parse_symbols
from playhead.plain import load_object, typed
from playhead.speed import parse_speed, speed_text
from playhead.times import parse_date, parse_moment

DEFAULT_CALENDAR: Final = "XNYS"
DEFAULT_SOURCE: Final = "sample:"
REGULAR_HOURS: Final = "regular"
ALL_HOURS: Final = "all"
MAX_HISTORY: Final = 1_000
"""Trading days."""
RECORDER: Final = "recorder"
"""The consumer that writes the ticks to files."""
MAX_LEAD: Final = 1_000
"""Ticks."""
EXPECT_HOLD: Final = "expect:"
"""What the name of a hold begins with that is there until a consumer has come, whose name follows."""


@dataclass(frozen=True, slots=True)
class SymbolConfig:
    """A symbol from the start. `source` and `calendar` are its own, where it has them."""

    symbol: str
    source: str | None = None
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptedCommand:
    """A command for a market time: `at` as typed, its fields as in the commands stream.

    A time of day is one of the session's first date. With `clock_ms` it is repeated at that very clock, `at` or not.
    `line` says where it stands.
    """

    at: str
    fields: Mapping[str, str]
    clock_ms: int | None = None
    line: str = ""

    def __str__(self) -> str:
        return self.line or " ".join([self.at or f"at {self.clock_ms} ms", *self.fields.values()])

    def check(self, date: dt.date) -> None:
        """Raises `InvalidInput` for what no session of that first date could take."""
        from playhead.commands import decode as decode_command  # who only reads a session does not load it

        try:
            decode_command({name.encode(): text.encode() for name, text in self.fields.items()})
            if "at" in self.fields:
                raise InvalidInput("the market time of a scripted command is no field of it")
            if self.clock_ms is None:
                parse_moment(self.at, "UTC", date)
        except InvalidInput as error:
            raise InvalidInput(f"{self}: {error}") from error


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Everything that a session is started with.

    It covers each symbol's exchange sessions labelled `date` to `end`. `derive` are longer intervals that are made
    of the bars of `interval`. `history` is how many trading days before the current one can be read. `hours` is
    `regular`, or `all` to keep pre- and post-market bars. `speed` is market seconds a wall second, `None` for as fast
    as it goes. `run_until` is a time as typed, at which the clock stops for the first time, `script`
    has commands for market times.

    With `lead` the clock is at most so many ticks ahead of the slowest registered consumer. The first tick waits for
    the consumers named in `expect`. `record` is a directory in which the ticks are written to Parquet.
    """

    symbols: tuple[SymbolConfig, ...]
    date: dt.date
    end: dt.date
    source: str = DEFAULT_SOURCE
    calendar: str = DEFAULT_CALENDAR
    interval: str = "1m"
    derive: tuple[str, ...] = ()
    history: int = 0
    hours: str = REGULAR_HOURS
    speed: float | None = None
    run_until: str | None = None
    script: tuple[ScriptedCommand, ...] = ()
    lead: int | None = None
    expect: tuple[str, ...] = ()
    record: str | None = None

    @property
    def intervals(self) -> tuple[str, ...]:
        """The intervals in which the session has bars, shorter ones first."""
        return (self.interval, *self.derive)

    @property
    def expected(self) -> tuple[str, ...]:
        """The consumers that the first tick waits for: one that records is among them."""
        if self.record is None or RECORDER in self.expect:
            return self.expect
        return (*self.expect, RECORDER)

    def check(self) -> SessionConfig:
        """Itself, if it can be judged without a calendar or a source. Raises `InvalidInput`."""
        parse_symbols(given.symbol for given in self.symbols)
        if self.end < self.date:
            raise InvalidInput(f"the end {self.end} is before the date {self.date}")
        if DAY_MS % interval_ms(self.interval):
            raise InvalidInput(f"interval {self.interval} does not divide a day")
        for shorter, longer in pairwise(self.intervals):
            check_derived(longer, self.interval)
            if interval_ms(longer) <= interval_ms(shorter):
                raise InvalidInput(f"derived intervals {', '.join(self.derive)} are not in order, or one comes twice")
        if not 0 <= self.history <= MAX_HISTORY:
            raise InvalidInput(f"history of {self.history} days is not between 0 and {MAX_HISTORY}")
        if self.hours not in (REGULAR_HOURS, ALL_HOURS):
            raise InvalidInput(f"hours {self.hours[:40]!r} are neither {REGULAR_HOURS} nor {ALL_HOURS}")
        if self.lead is not None and not 1 <= self.lead <= MAX_LEAD:
            raise InvalidInput(f"lead of {self.lead} ticks is not between 1 and {MAX_LEAD}")
        for name in self.expect:
            check_consumer(name)
        if self.run_until is not None:
            parse_moment(self.run_until, "UTC", self.date)
        for command in self.script:
            command.check(self.date)
        return self


def check_derived(interval: str, base: str) -> str:
    """The interval, if bars of it can be made of bars of `base`. Raises `InvalidInput`."""
    if interval_ms(interval) == interval_ms(base):
        raise InvalidInput(f"interval {interval} is as long as the bars of {base} themselves; derive longer ones")
    if interval_ms(interval) % interval_ms(base):
        raise InvalidInput(f"interval {interval} is not a multiple of {base}, so it cannot be made of {base} bars")
    return interval


def encode(config: SessionConfig) -> str:
    """The configuration as JSON."""
    given = asdict(config) | {
        "date": config.date.isoformat(),
        "end": config.end.isoformat(),
        "speed": speed_text(config.speed),
    }
    return json.dumps(given, separators=(",", ":"))


@lru_cache(maxsize=16)  # who serves a session reads it time and again
def decode(text: bytes) -> SessionConfig:
    """The configuration in the session's state. Raises `Malformed` or `InvalidInput`."""
    try:
        given = load_object(text)
        known = {name: given[name] for name in SessionConfig.__slots__ if name in given}
        known |= {
            "symbols": tuple(_symbol(each) for each in given["symbols"]),
            "date": parse_date(given["date"]),
            "end": parse_date(given["end"]),
            "speed": parse_speed(typed(given["speed"], str, what="speed")),
            "derive": _texts(given.get("derive", []), "derive"),
            "script": tuple(_scripted(each) for each in given.get("script", ())),
            "expect": _texts(given.get("expect", []), "expect"),
        }
        return _typed(SessionConfig(**known)).check()
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise Malformed(f"the configuration of the session is not as it should be: {error}") from error


def _typed(config: SessionConfig) -> SessionConfig:
    for name in ("source", "calendar", "interval", "hours"):
        typed(getattr(config, name), str, what=name)
    typed(config.history, int, what="history")
    typed(config.lead, int, type(None), what="lead")
    for name in ("run_until", "record"):
        typed(getattr(config, name), str, type(None), what=name)
    return config


def _symbol(given: object) -> SymbolConfig:
    found = SymbolConfig(**typed(given, dict, what="a symbol"))
    typed(found.symbol, str, what="symbol")
    typed(found.source, str, type(None), what="source")
    typed(found.calendar, str, type(None), what="calendar")
    return found


def _scripted(given: object) -> ScriptedCommand:
    found = ScriptedCommand(**typed(given, dict, what="a command"))
    typed(found.at, str, what="at")
    typed(found.line, str, what="line")
    typed(found.clock_ms, int, type(None), what="clock_ms")
    for name, text in typed(found.fields, dict, what="fields").items():
        typed(text, str, what=name)
    return found


def _texts(given: object, what: str) -> tuple[str, ...]:
    return tuple(typed(each, str, what=what) for each in typed(given, list, tuple, what=what))
