"""What a session is started with: the field `config` of its state."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from typing import Final

from playhead.commands import parse_speed, speed_text
from playhead.errors import InvalidInput, Malformed
from playhead.intervals import DAY_MS, interval_ms
from playhead.names import parse_symbols
from playhead.times import parse_date, parse_moment

DEFAULT_CALENDAR: Final = "XNYS"
DEFAULT_SOURCE: Final = "sample:"


@dataclass(frozen=True, slots=True)
class SymbolConfig:
    """A symbol from the start. `source` and `calendar` are its own, where it has them."""

    symbol: str
    source: str | None = None
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Everything that a session is started with.

    It covers each symbol's exchange sessions labelled `date` to `end`. `speed` is market seconds a wall
    second, `None` for as fast as it goes. `run_until` is a time as typed, at which the clock stops for the
    first time.
    """

    symbols: tuple[SymbolConfig, ...]
    date: dt.date
    end: dt.date
    source: str = DEFAULT_SOURCE
    calendar: str = DEFAULT_CALENDAR
    interval: str = "1m"
    speed: float | None = None
    run_until: str | None = None

    @property
    def intervals(self) -> tuple[str, ...]:
        """The intervals in which the session has bars."""
        return (self.interval,)

    def check(self) -> SessionConfig:
        """Itself, if it can be judged without a calendar or a source. Raises `InvalidInput`."""
        parse_symbols(given.symbol for given in self.symbols)
        if self.end < self.date:
            raise InvalidInput(f"the end {self.end} is before the date {self.date}")
        if DAY_MS % interval_ms(self.interval):
            raise InvalidInput(f"interval {self.interval} does not divide a day")
        if self.run_until is not None:
            parse_moment(self.run_until, "UTC", self.date)
        return self


def encode(config: SessionConfig) -> str:
    """The configuration as JSON."""
    given = asdict(config) | {
        "date": config.date.isoformat(),
        "end": config.end.isoformat(),
        "speed": speed_text(config.speed),
    }
    return json.dumps(given, separators=(",", ":"))


def decode(text: bytes) -> SessionConfig:
    """The configuration in the session's state. Raises `Malformed` or `InvalidInput`."""
    try:
        given = json.loads(text)
        known = {name: given[name] for name in SessionConfig.__slots__ if name in given}
        known |= {
            "symbols": tuple(SymbolConfig(**each) for each in given["symbols"]),
            "date": parse_date(given["date"]),
            "end": parse_date(given["end"]),
            "speed": parse_speed(given["speed"]),
        }
        return SessionConfig(**known).check()
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise Malformed(f"the configuration of the session is not as it should be: {error}") from error
