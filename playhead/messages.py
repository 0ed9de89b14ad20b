"""What stands in the notifications: ticks and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bar
from playhead.codec import Frame, Table, frame_of, names_of, parse_group_field, split_group, values_of
from playhead.errors import Malformed
from playhead.times import MAX_TIME_MS

TYPE = b"type"
TICK = b"tick"
NO_BARS: Final = frame_of(b"")


class Group:
    """The bars of one tick that share an interval and a start, one a symbol, sorted by symbol.

    They are rows of a table that has the bars of other groups too, from `first` on.
    """

    # A frozen data class takes longer to be made than all the rest of a small tick.
    __slots__ = ("_first", "_interval", "_start_ms", "_symbols", "_table")

    def __init__(self, interval: str, start_ms: int, symbols: tuple[str, ...], table: Table, first: int) -> None:
        self._interval = interval
        self._start_ms = start_ms
        self._symbols = symbols
        self._table = table
        self._first = first

    @property
    def interval(self) -> str:
        """The length of the bars, such as `1m`."""
        return self._interval

    @property
    def start_ms(self) -> int:
        """When the bars start, UTC milliseconds."""
        return self._start_ms

    @property
    def symbols(self) -> tuple[str, ...]:
        """Who has a bar, sorted."""
        return self._symbols

    @property
    def index(self) -> Mapping[str, int]:
        """Where each symbol stands."""
        return _index(self._symbols)

    @property
    def frame(self) -> Frame:
        """The packed bars, shape (n, 46)."""
        return self._table.frame[self._first : self._first + len(self._symbols)]

    @property
    def values(self) -> NDArray[np.float64]:
        """Open, high, low, close and volume of each symbol, shape (n, 5); read-only."""
        return self._table.values[self._first : self._first + len(self._symbols)]

    def __repr__(self) -> str:
        return f"Group({self._interval!r}, {self._start_ms}, {self._symbols!r})"

    def __reduce__(self) -> tuple[type[Group], tuple[object, ...]]:
        """A group that is pickled or copied goes without the bars of others."""
        return Group, (self._interval, self._start_ms, self._symbols, Table(self.frame), 0)


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
    kind = fields.get(TYPE)
    if kind == TICK:
        cutter = _Cutter()
        tick = cutter.cut(entry_id, fields)
        cutter.finish()
        return tick
    entry, clock_ms = _place(entry_id)
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


def decode_all(entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[Message | Malformed]:
    """Some notifications as messages, with the error in place of what does not follow the protocol. Their bars share a
    table."""
    cutter = _Cutter()
    found: list[Message | Malformed] = []
    for entry, fields in entries:
        try:
            found.append(cutter.cut(entry, fields) if fields.get(TYPE) == TICK else decode(entry, fields))
        except Malformed as error:
            found.append(error)
    try:
        cutter.finish()
    except Malformed:  # whose bars are none is found out one by one
        return [_decoded(entry, fields) for entry, fields in entries]
    return found


def decode_groups(fields: Mapping[bytes, bytes]) -> tuple[Group, ...]:
    """The groups of a tick's fields, in their order. Raises `Malformed`."""
    cutter = _Cutter()
    groups = cutter.groups(fields)
    cutter.finish()
    return groups


class _Cutter:
    """Cuts ticks into groups that share a table. Until it has finished, nobody has looked at their bars."""

    def __init__(self) -> None:
        self._table = Table(NO_BARS)
        self._packed: list[bytes] = []
        self._rows = 0
        # Of the group before: the same symbols come tick after tick.
        self._head, self._size = b"", -1
        self._symbols: tuple[str, ...] = ()

    def cut(self, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Tick:
        """A tick. Raises `Malformed`."""
        entry, clock_ms = _place(entry_id)
        groups = self.groups(fields)
        if not groups:
            raise Malformed(f"tick {entry} has no bars")
        return Tick(entry, clock_ms, groups)

    def groups(self, fields: Mapping[bytes, bytes]) -> tuple[Group, ...]:
        """The groups of a tick, in their order. Raises `Malformed`."""
        groups: list[Group] = []
        packed: list[bytes] = []
        rows = self._rows
        for field, value in fields.items():
            if field == TYPE:
                continue
            interval, start_ms = parse_group_field(field)
            if len(value) != self._size or not value.startswith(self._head):
                head, _ = split_group(value)
                self._symbols, self._head, self._size = _names(head), head, len(value)
            groups.append(Group(interval, start_ms, self._symbols, self._table, rows))
            packed.append(value[len(self._head) :])
            rows += len(self._symbols)
        self._packed += packed
        self._rows = rows
        return tuple(groups)

    def finish(self) -> None:
        """Puts the bars of all ticks into their table. Raises `Malformed` where some are none."""
        self._table.frame = frame_of(self._packed[0] if len(self._packed) == 1 else b"".join(self._packed))


def _decoded(entry: bytes, fields: Mapping[bytes, bytes]) -> Message | Malformed:
    try:
        return decode(entry, fields)
    except Malformed as error:
        return error


def _place(entry_id: bytes) -> tuple[str, int]:
    """The id of a notification, and its market time. Raises `Malformed`."""
    time, _, number = entry_id.partition(b"-")
    if not (time.isdigit() and number.isdigit() and len(time) <= 20):
        raise Malformed(f"{entry_id[:40]!r} is no id of a notification")
    clock_ms = int(time)
    if clock_ms > MAX_TIME_MS:
        raise Malformed(f"notification {entry_id.decode()} lies beyond the year 9999")
    return entry_id.decode(), clock_ms


_names = lru_cache(maxsize=64)(names_of)  # the same symbols come tick after tick


@lru_cache(maxsize=64)
def _index(symbols: tuple[str, ...]) -> Mapping[str, int]:
    return {symbol: at for at, symbol in enumerate(symbols)}
