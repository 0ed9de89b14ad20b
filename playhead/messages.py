"""What stands in the notifications: ticks and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bar
from playhead.codec import Frame, frame_of, names_of, parse_group_field, split_group, values_of
from playhead.entries import time_ms
from playhead.errors import Malformed
from playhead.times import MAX_TIME_MS

TYPE = b"type"
TICK = b"tick"


@dataclass(frozen=True)
class Group:
    """The bars of one tick that share an interval and a start, one a symbol, sorted by symbol."""

    interval: str
    start_ms: int
    symbols: tuple[str, ...]
    frame: Frame

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Where each symbol stands."""
        return _index(self.symbols)

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Open, high, low, close and volume of each symbol, shape (n, 5)."""
        return values_of(self.frame)


@dataclass(frozen=True)
class Tick:
    """All bars that closed at `clock_ms` (UTC milliseconds). `entry` is the id of its notification."""

    type: ClassVar[str] = "tick"
    entry: str
    clock_ms: int
    groups: tuple[Group, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that have a bar in this tick, sorted."""
        if len(self.groups) == 1:
            return self.groups[0].symbols
        return tuple(sorted({symbol for group in self.groups for symbol in group.symbols}))

    def bar(self, symbol: str, interval: str = "1m") -> Bar | None:
        """The bar of a symbol and interval that closed now, or `None`."""
        for group in self.groups:
            at = group.index.get(symbol) if group.interval == interval else None
            if at is not None:
                return Bar(group.start_ms, *values_of(group.frame[at : at + 1])[0].tolist())
        return None

    def bars(self) -> Iterator[tuple[str, str, Bar]]:
        """All bars of the tick as (symbol, interval, bar)."""
        for group in self.groups:
            for symbol, row in zip(group.symbols, group.values.tolist(), strict=True):
                yield symbol, group.interval, Bar(group.start_ms, *row)


@dataclass(frozen=True)
class SymbolAdded:
    """Symbols were added: from here on they are there, complete from their exchange's open."""

    type: ClassVar[str] = "symbol-added"
    entry: str
    clock_ms: int
    symbols: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class SymbolRemoved:
    """Symbols were removed: from here on they are not there, and have no bars in later ticks."""

    type: ClassVar[str] = "symbol-removed"
    entry: str
    clock_ms: int
    symbols: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class DayOpened:
    """A trading day of an exchange has opened: session data of its symbols begins anew."""

    type: ClassVar[str] = "day-opened"
    entry: str
    clock_ms: int
    calendar: str
    date: str


@dataclass(frozen=True)
class ConsumerDropped:
    """A consumer gave no sign of life and was in the way of the clock; nobody waits for it any more."""

    type: ClassVar[str] = "consumer-dropped"
    entry: str
    clock_ms: int
    consumer: str


@dataclass(frozen=True)
class SessionFinished:
    """The last exchange has closed; nothing follows."""

    type: ClassVar[str] = "session-finished"
    entry: str
    clock_ms: int


@dataclass(frozen=True)
class SessionStopped:
    """A person ended the session before its end; nothing follows."""

    type: ClassVar[str] = "session-stopped"
    entry: str
    clock_ms: int


@dataclass(frozen=True)
class SessionFailure:
    """The session cannot go on; nothing follows."""

    type: ClassVar[str] = "session-failed"
    entry: str
    clock_ms: int
    error: str


Event = SymbolAdded | SymbolRemoved | DayOpened | ConsumerDropped | SessionFinished | SessionStopped | SessionFailure
Message = Tick | Event
LAST = (SessionFinished, SessionStopped, SessionFailure)
"""The events after which nothing follows."""


def decode(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Message:
    """A notification as a message. Raises `Malformed` for what does not follow the protocol."""
    entry = entry_id.decode(errors="replace")
    clock_ms = time_ms(entry)
    if clock_ms > MAX_TIME_MS:
        raise Malformed(f"notification {entry} lies beyond the year 9999")
    kind = fields.get(TYPE)
    if kind == TICK:
        groups = decode_groups(fields)
        if not groups:
            raise Malformed(f"tick {entry} has no bars")
        return Tick(entry, clock_ms, groups)
    try:
        match kind:
            case b"symbol-added":
                return SymbolAdded(entry, clock_ms, _listed(fields[b"symbols"]), fields[b"command"].decode())
            case b"symbol-removed":
                return SymbolRemoved(entry, clock_ms, _listed(fields[b"symbols"]), fields[b"command"].decode())
            case b"day-opened":
                return DayOpened(entry, clock_ms, fields[b"calendar"].decode(), fields[b"date"].decode())
            case b"consumer-dropped":
                return ConsumerDropped(entry, clock_ms, fields[b"consumer"].decode())
            case b"session-finished":
                return SessionFinished(entry, clock_ms)
            case b"session-stopped":
                return SessionStopped(entry, clock_ms)
            case b"session-failed":
                return SessionFailure(entry, clock_ms, fields[b"error"].decode())
    except (KeyError, UnicodeDecodeError) as error:
        raise Malformed(f"notification {entry} of type {(kind or b'')[:40]!r} lacks or garbles {error}") from error
    raise Malformed(f"notification {entry} has the unknown type {(kind or b'')[:40]!r}")


def _listed(symbols: bytes) -> tuple[str, ...]:
    return names_of(symbols + b"\n")


def decode_groups(fields: Mapping[bytes, bytes]) -> tuple[Group, ...]:
    """The groups of a tick's fields, in their order. Raises `Malformed`."""
    groups = []
    for field, value in fields.items():
        if field == TYPE:
            continue
        interval, start_ms = parse_group_field(field)
        head, packed = split_group(value)
        groups.append(Group(interval, start_ms, _names(head), frame_of(packed)))
    return tuple(groups)


_names = lru_cache(maxsize=64)(names_of)  # the same symbols come tick after tick


@lru_cache(maxsize=64)
def _index(symbols: tuple[str, ...]) -> Mapping[str, int]:
    return {symbol: at for at, symbol in enumerate(symbols)}
