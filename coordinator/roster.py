"""Which feed carries which symbol, and the parts of a tick put together accordingly. Pure."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordinator.merge import Merged, MergedStretch, MergedTick
from playhead.codec import Frame, frame_of, names_of, pack_names, parse_group_field, split_group
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from playhead.messages import TYPE
from playhead.runs import BAR_BYTES
from playhead.symbols import MAIN_FEED, SymbolRecord
from shared.stretch import Stretch

LOG: Final = logging.getLogger(__name__)
_REMEMBERED: Final = 1024  # heads and combinations; the same ones come tick after tick


class Released(NamedTuple):
    """One group of a tick as it is released: its field and value on the wire, and what they mean. That of a stretch has
    the field of the first tick, and the bars of one tick after the other."""

    field: bytes
    value: bytes
    interval: str
    start_ms: int
    symbols: tuple[str, ...]
    frame: Frame


class _Part(NamedTuple):
    """What one feed has of a group."""

    field: bytes
    value: bytes
    interval: str
    start_ms: int
    head: bytes
    packed: memoryview
    rows: tuple[int, ...] | None  # None: all of them


class Arranged(NamedTuple):
    """The groups of a tick as they are released; or the one group of a `stretch` of several ticks."""

    close_ms: int
    groups: Sequence[Released]
    stretch: Stretch | None = None

    @property
    def length(self) -> int:
        """How many ticks it is."""
        return 1 if self.stretch is None else self.stretch.length

    @property
    def last_ms(self) -> int:
        """When the last tick closes."""
        return self.close_ms if self.stretch is None else self.stretch.last_ms

    @property
    def bars(self) -> int:
        """How many bars it has."""
        return sum(len(group.frame) for group in self.groups)

    @property
    def size(self) -> int:
        """Roughly how many bytes it takes in the notifications."""
        heads = (self.length - 1) * len(self.stretch.head) if self.stretch is not None else 0
        return heads + sum(len(group.value) for group in self.groups)

    def closes(self) -> Sequence[int]:
        """The close time of each tick."""
        if self.stretch is None:
            return (self.close_ms,)
        return range(self.close_ms, self.last_ms + 1, self.stretch.step_ms)


class Roster:
    """The symbols of a session at one moment. A new one is made when they change."""

    def __init__(self, records: Mapping[str, SymbolRecord]) -> None:
        self.records = dict(records)
        # Between two of these times it does not change which feed carries a symbol.
        self._borders = sorted({record.through_ms for record in records.values()})
        self._rows = lru_cache(maxsize=_REMEMBERED)(self._rows_of)
        self._head, self._size = b"", -1
        self.skipped = 0

    def accepts(self, feed: str, symbol: str, close_ms: int) -> bool:
        """Whether a symbol's bar that closes then is to be taken from this feed."""
        record = self.records.get(symbol)
        if record is None:
            return False
        return feed == (record.feed if close_ms <= record.through_ms else MAIN_FEED)

    def arrange(self, found: Sequence[Merged]) -> list[Arranged]:
        """The groups of each tick in canonical order: what each feed is to carry, sorted by symbol. May be empty.

        A group that does not follow the protocol is left out, said and counted: it must not stop the clock. The bars of
        all ticks are judged at once: to look at each group by itself takes longer than all the rest. A stretch of which
        nothing is left out stays one.
        """
        parted = [(each, self._parts_of(each)) for each in self._told_apart(found)]
        try:
            frames = frame_of(b"".join(part.packed for _, of in parted for part in of))
        except Malformed:
            parted = [pair for each, of in parted for pair in self._well_formed(each, of)]
            frames = frame_of(b"".join(part.packed for _, of in parted for part in of))
        arranged: list[Arranged] = []
        first = 0
        for each, of in parted:
            by_field: dict[bytes, list[tuple[_Part, Frame]]] = {}
            for part in of:
                last = first + len(part.packed) // BAR_BYTES
                if part.rows is None or part.rows:
                    by_field.setdefault(part.field, []).append((part, frames[first:last]))
                first = last
            fields = sorted(by_field, key=_canonical) if len(by_field) > 1 else by_field
            groups = [_combine(by_field[field]) for field in fields]
            stretch = each.stretch if isinstance(each, MergedStretch) and each.length > 1 else None
            arranged.append(Arranged(each.close_ms, groups, stretch))
        return arranged

    def _told_apart(self, found: Iterable[Merged]) -> Iterator[Merged]:
        """What was found, with the ticks of a stretch apart if anything may be left out of it."""
        for each in found:
            if isinstance(each, MergedTick) or self._takes_all(*each):
                yield each
            else:
                yield from each.ticks()

    def _takes_all(self, feed: str, stretch: Stretch) -> bool:
        border = bisect_left(self._borders, stretch.close_ms)
        try:
            everyone = self._rows(feed, stretch.head, border) is None
        except Malformed:
            return False
        return everyone and border == bisect_left(self._borders, stretch.last_ms)

    def _parts_of(self, each: Merged) -> list[_Part]:
        """What the feeds have of a tick or a stretch. Whether the bars are bars is not looked at yet."""
        if isinstance(each, MergedStretch):
            stretch = each.stretch
            head = stretch.head
            packed = memoryview(stretch.value)[len(head) :]
            return [_Part(stretch.field, stretch.value, stretch.interval, stretch.start_ms, head, packed, None)]
        tick, parts = each, list[_Part]()
        border = bisect_left(self._borders, tick.close_ms)
        for feed, fields in tick.parts:
            for field, value in fields.items():
                if field == TYPE:
                    continue
                try:
                    interval, start_ms = parse_group_field(field)
                    if not start_ms < tick.close_ms <= start_ms + interval_ms(interval):
                        raise Malformed(f"a bar of {field!r} does not close then")
                    head, packed = self._split(value)
                    rows = self._rows(feed, head, border)
                except Malformed as error:
                    self._leave_out(tick, f"in feed {feed} {error}")
                    continue
                parts.append(_Part(field, value, interval, start_ms, head, packed, rows))
        return parts

    def _split(self, value: bytes) -> tuple[bytes, memoryview]:
        """The head of a group and its packed bars. Mostly it is the head of the one before."""
        head = self._head
        if len(value) != self._size or not value.startswith(head):
            head, packed = split_group(value)
            self._head, self._size = head, len(value)
            return head, packed
        return head, memoryview(value)[len(head) :]

    def _well_formed(self, each: Merged, parts: Sequence[_Part]) -> Iterator[tuple[MergedTick, list[_Part]]]:
        """Each tick with the parts whose bars are bars."""
        if isinstance(each, MergedStretch):
            for tick in each.ticks():
                yield from self._well_formed(tick, self._parts_of(tick))
            return
        found: list[_Part] = []
        for part in parts:
            try:
                frame_of(part.packed)
            except Malformed as error:
                self._leave_out(each, str(error))
            else:
                found.append(part)
        yield each, found

    def _leave_out(self, tick: MergedTick, fault: str) -> None:
        self.skipped += 1
        LOG.warning("a group of the tick at %s is left out: %s", tick.close_ms, fault)

    def _rows_of(self, feed: str, head: bytes, border: int) -> tuple[int, ...] | None:
        symbols = _names(head)
        if any(symbol >= following for symbol, following in pairwise(symbols)):
            raise Malformed("the symbols of a group are not sorted, or one comes twice")
        last = self._borders[-1] + 1 if self._borders else 0
        close_ms = self._borders[border] if border < len(self._borders) else last
        rows = tuple(at for at, symbol in enumerate(symbols) if self.accepts(feed, symbol, close_ms))
        return None if len(rows) == len(symbols) else rows


def _combine(parts: Sequence[tuple[_Part, Frame]]) -> Released:
    part, frame = parts[0]
    if len(parts) == 1 and part.rows is None:  # nothing to change: the bytes pass through
        return Released(part.field, part.value, part.interval, part.start_ms, _names(part.head), frame)
    head, order = _plan(tuple((part.head, part.rows) for part, _ in parts))
    frame = np.concatenate([frame for _, frame in parts])[order]
    return Released(part.field, head + frame.tobytes(), part.interval, part.start_ms, _names(head), frame)


@lru_cache(maxsize=_REMEMBERED)
def _plan(parts: tuple[tuple[bytes, tuple[int, ...] | None], ...]) -> tuple[bytes, NDArray[np.intp]]:
    """The head of a combined group, and which rows of the parts' frames, one after the other, it takes."""
    found: dict[str, int] = {}
    offset = 0
    for head, rows in parts:
        symbols = _names(head)
        for at in range(len(symbols)) if rows is None else rows:
            found[symbols[at]] = offset + at
        offset += len(symbols)
    ordered = sorted(found)
    return pack_names(ordered), np.array([found[symbol] for symbol in ordered], np.intp)


def _canonical(field: bytes) -> tuple[int, int]:
    interval, start_ms = parse_group_field(field)
    return interval_ms(interval), start_ms


_names = lru_cache(maxsize=_REMEMBERED)(names_of)
