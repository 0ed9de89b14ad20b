"""What stands in the notifications: ticks and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bar
from playhead.codec import Frame, Table, frame_of, names_of, parse_group_field, split_group, values_of
from playhead.entries import time_ms
from playhead.errors import Malformed
from playhead.times import MAX_TIME_MS

TYPE = b"type"
TICK = b"tick"


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The bars of one tick that share an interval and a start, one a symbol, sorted by symbol.

    They are the rows `first` to `last` (that one excluded) of a table that has the bars of other groups too.
    """

    interval: str
    start_ms: int
    symbols: tuple[str, ...]
    table: Table
    first: int
    last: int

    @property
    def index(self) -> Mapping[str, int]:
        """Where each symbol stands."""
        return _index(self.symbols)

    @property
    def frame(self) -> Frame:
        """The packed bars, shape (n, 46)."""
        return self.table.frame[self.first : self.last]

    @property
    def values(self) -> NDArray[np.float64]:
        """Open, high, low, close and volume of each symbol, shape (n, 5); read-only."""
        return self.table.values[self.first : self.last]

    def __reduce__(self) -> tuple[type[Group], tuple[object, ...]]:
        """A group that is pickled or copied goes without the bars of others."""
        return Group, (self.interval, self.start_ms, self.symbols, Table(self.frame), 0, len(self.symbols))


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
        tick = _cut_tick(entry_id, fields)
        return Tick(tick.entry, tick.clock_ms, _groups(tick.cuts, _table_of(tick.cuts), 0))
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
    found: list[Message | Malformed | _CutTick] = []
    for entry, fields in entries:
        try:
            is_tick = fields.get(TYPE) == TICK
            found.append(_cut_tick(entry, fields) if is_tick else decode(entry, fields))
        except Malformed as error:
            found.append(error)
    try:
        table = _table_of([cut for each in found if isinstance(each, _CutTick) for cut in each.cuts])
    except Malformed:  # whose bars are none is found out one by one
        return [_decoded(entry, fields) for entry, fields in entries]
    first = 0
    messages: list[Message | Malformed] = []
    for each in found:
        if isinstance(each, _CutTick):
            groups = _groups(each.cuts, table, first)
            messages.append(Tick(each.entry, each.clock_ms, groups))
            first = groups[-1].last
        else:
            messages.append(each)
    return messages


def decode_groups(fields: Mapping[bytes, bytes]) -> tuple[Group, ...]:
    """The groups of a tick's fields, in their order. Raises `Malformed`."""
    cuts = _cut(fields)
    return _groups(cuts, _table_of(cuts), 0)


class _Cut(NamedTuple):
    """A group whose bars were not looked at yet."""

    interval: str
    start_ms: int
    symbols: tuple[str, ...]
    packed: memoryview


class _CutTick(NamedTuple):
    entry: str
    clock_ms: int
    cuts: Sequence[_Cut]


def _decoded(entry: bytes, fields: Mapping[bytes, bytes]) -> Message | Malformed:
    try:
        return decode(entry, fields)
    except Malformed as error:
        return error


def _place(entry_id: bytes) -> tuple[str, int]:
    """The id of a notification, and its market time."""
    entry = entry_id.decode(errors="replace")
    clock_ms = time_ms(entry)
    if clock_ms > MAX_TIME_MS:
        raise Malformed(f"notification {entry} lies beyond the year 9999")
    return entry, clock_ms


def _cut_tick(entry_id: bytes, fields: Mapping[bytes, bytes]) -> _CutTick:
    tick = _CutTick(*_place(entry_id), _cut(fields))
    if not tick.cuts:
        raise Malformed(f"tick {tick.entry} has no bars")
    return tick


def _cut(fields: Mapping[bytes, bytes]) -> Sequence[_Cut]:
    cuts = []
    for field, value in fields.items():
        if field == TYPE:
            continue
        head, packed = split_group(value)
        cuts.append(_Cut(*parse_group_field(field), _names(head), packed))
    return cuts


def _table_of(cuts: Sequence[_Cut]) -> Table:
    return Table(frame_of(cuts[0].packed if len(cuts) == 1 else b"".join(cut.packed for cut in cuts)))


def _groups(cuts: Sequence[_Cut], table: Table, first: int) -> tuple[Group, ...]:
    """The groups of one tick, whose bars begin at a row of the table."""
    groups = []
    for interval, start_ms, symbols, _ in cuts:
        groups.append(Group(interval, start_ms, symbols, table, first, first := first + len(symbols)))
    return tuple(groups)


_names = lru_cache(maxsize=64)(names_of)  # the same symbols come tick after tick


@lru_cache(maxsize=64)
def _index(symbols: tuple[str, ...]) -> Mapping[str, int]:
    return {symbol: at for at, symbol in enumerate(symbols)}
