"""Stretches: consecutive ticks of the same symbols as one entry of a feed.

What Redis, redis-py and Python do for an entry, or a tick, costs more than its bars where these are few. Where ticks
follow each other without a gap and nobody lacks a bar, they are one entry, and stay together until they are released:
each is cut out there, or before that where something of another feed is to be put together with it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from playhead.codec import group_field, names_of, parse_group_field, split_group
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from playhead.messages import TICK, TYPE
from playhead.runs import BAR_BYTES
from shared.ticks import Closing, Even, FeedTick, Fields, even, ticks_of

TICKS: Final = b"ticks"
"""The type of such an entry. It has one group: its field says where the first tick starts, its value has the symbols
once, and the bars of one tick after the other."""
MOST_BYTES: Final = 64 << 10
"""A stretch is cut there: the server is slow with values of 128 KiB and more, for each of which it asks the kernel."""
LARGE_BYTES: Final = 16 << 10
"""A tick of this size stands alone: to copy it once more costs as much as an entry."""
MOST_TICKS: Final = 256
"""Ticks of one entry."""


class Entry(NamedTuple):
    """An entry of a feed: when its last tick closes, how many ticks it has, and its fields."""

    last_ms: int
    length: int
    fields: Fields

    @property
    def id(self) -> str:
        """Its id in the feed."""
        return f"{self.last_ms}-0"

    @property
    def size(self) -> int:
        """Its bytes."""
        return sum(map(len, self.fields.values()))

    def after(self, clock_ms: int) -> Entry | None:
        """What it has of ticks that close after a time."""
        if self.last_ms <= clock_ms or self.length == 1:
            return self if self.last_ms > clock_ms else None
        whole = Stretch.of(self.last_ms, {_bytes(name): _bytes(value) for name, value in self.fields.items()})
        return whole.part(whole.by(clock_ms), whole.length).entry()


class RawTick(NamedTuple):
    """A tick of a feed as it comes from Redis: its close time, and its fields."""

    close_ms: int
    fields: Mapping[bytes, bytes]

    @property
    def last_ms(self) -> int:
        """The same: it is one tick."""
        return self.close_ms

    @property
    def length(self) -> int:
        """How many ticks it is."""
        return 1

    @property
    def size(self) -> int:
        """The bytes of the bars."""
        return sum(map(len, self.fields.values()))


class Stretch(NamedTuple):
    """Ticks that follow each other, as they come from Redis: when the first one closes, how much later each of the
    others does, how many they are, their interval, where the first one starts, and the value of all as one group."""

    close_ms: int
    step_ms: int
    length: int
    interval: str
    start_ms: int
    value: bytes

    @classmethod
    def of(cls, last_ms: int, fields: Mapping[bytes, bytes]) -> Stretch:
        """The stretch whose last tick closes then. Raises `Malformed`."""
        groups = [item for item in fields.items() if item[0] != TYPE]
        if len(groups) != 1:
            raise Malformed(f"a stretch has {len(groups)} groups of bars, and not one")
        ((field, value),) = groups
        if len(value) > MOST_BYTES:  # as ticks it takes some times as much
            raise Malformed(f"a stretch has {len(value)} bytes, and {MOST_BYTES} at most")
        interval, start_ms = parse_group_field(field)
        step_ms = interval_ms(interval)
        end = value.find(b"\n") + 1
        count, rest = divmod(len(value) - end, BAR_BYTES * (value.count(b",", 0, end) + 1))
        if not end or rest or not count or start_ms + count * step_ms != last_ms:
            raise Malformed(f"the stretch of {field!r} with {len(value)} bytes has no whole ticks up to {last_ms}")
        names_of(value[:end])  # each tick gets a copy: what is no line of symbols may be as long as it likes
        return cls(start_ms + step_ms, step_ms, count, interval, start_ms, value)

    @property
    def last_ms(self) -> int:
        """When the last tick closes."""
        return self.close_ms + (self.length - 1) * self.step_ms

    @property
    def size(self) -> int:
        """The bytes of the bars."""
        return len(self.value)

    @property
    def head(self) -> bytes:
        """What stands before the bars of each tick."""
        return self.value[: self.value.index(b"\n") + 1]

    @property
    def starts_ms(self) -> range:
        """When the bars of each tick start."""
        return range(self.start_ms, self.start_ms + self.length * self.step_ms, self.step_ms)

    @property
    def field(self) -> bytes:
        """The field of the first tick's group."""
        return group_field(self.interval, self.start_ms).encode()

    def by(self, clock_ms: int) -> int:
        """How many of the ticks close by then."""
        return max(0, min(self.length, (clock_ms - self.close_ms) // self.step_ms + 1))

    def part(self, first: int, last: int) -> Stretch:
        """The ticks from the first of these numbers to before the last."""
        if (first, last) == (0, self.length):
            return self
        end = self.value.index(b"\n") + 1
        size = (len(self.value) - end) // self.length
        later_ms = first * self.step_ms
        value = self.value[:end] + self.value[end + first * size : end + last * size]
        return self._replace(
            close_ms=self.close_ms + later_ms, length=last - first, start_ms=self.start_ms + later_ms, value=value
        )

    def entry(self) -> Entry:
        """It as it is published."""
        return _entry(self.last_ms, self.length, group_field(self.interval, self.start_ms), self.value)

    def ticks(self) -> Iterator[RawTick]:
        """The ticks, one by one."""
        head, of = self.head, self.interval.encode()
        size = (len(self.value) - len(head)) // self.length
        later_ms = self.close_ms - self.start_ms
        for start_ms, first in zip(self.starts_ms, range(len(head), len(self.value), size), strict=True):
            group = head + self.value[first : first + size]
            yield RawTick(start_ms + later_ms, {TYPE: TICK, b"%b@%d" % (of, start_ms): group})


def entries_of(all_bars: Iterable[Closing], most: int = MOST_TICKS) -> Iterator[Entry]:
    """All bars as entries of a feed with up to `most` ticks each."""
    bars = list(all_bars)
    table = even(bars)
    return joined(ticks_of(bars), most) if table is None else _cut(table, most)


def _cut(table: Even, most: int) -> Iterator[Entry]:
    """As `joined`, without looking at each tick."""
    step_ms, size = interval_ms(table.interval), table.tick_bytes
    starts, closes = table.start_ms, table.close_ms
    whole = closes == starts + step_ms
    apart = (np.diff(starts) != step_ms) | ~(whole[:-1] & whole[1:])
    most = 1 if len(table.head) + size >= LARGE_BYTES else min(most, (MOST_BYTES - len(table.head)) // size)
    borders = pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(starts)])
    parts = [(at, min(at + most, last)) for first, last in borders for at in range(first, last, most)]
    for (first, last), packed in zip(parts, table.packed(parts), strict=True):
        field = group_field(table.interval, int(starts[first]))
        yield _entry(int(closes[last - 1]), last - first, field, table.head + packed)


def joined(ticks: Iterable[FeedTick], most: int = MOST_TICKS) -> Iterator[Entry]:
    """Ticks in time order as entries of a feed, those that follow each other as one."""
    run = _Run()
    for close_ms, fields in ticks:
        if run.length == most or not run.takes(close_ms, fields):
            yield from run.entry()
            run = _Run(close_ms, fields)
    yield from run.entry()


def _entry(last_ms: int, length: int, field: str, value: bytes) -> Entry:
    return Entry(last_ms, length, {"type": TICKS if length > 1 else "tick", field: value})


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


class _Run:
    """Ticks that follow each other. One that has another number of groups than one, or closes otherwise than after its
    interval, stands alone."""

    def __init__(self, close_ms: int = 0, fields: Fields | None = None) -> None:
        self._fields = fields
        self._close_ms = close_ms
        self._bars: list[bytes] = []
        self._next = ("", 0)
        if fields is None or len(fields) != 2:
            return
        (_, (field, value)) = fields.items()
        if not isinstance(field, str) or not isinstance(value, bytes):
            return
        interval, start_ms = parse_group_field(field.encode())
        self._interval, self._step_ms = interval, interval_ms(interval)
        if close_ms != start_ms + self._step_ms:
            return
        if len(value) >= LARGE_BYTES:
            return
        head, packed = split_group(value)
        self._field, self._head, self._size = field, head, len(value)
        self._bars.append(bytes(packed))
        self._expect(start_ms)

    def takes(self, close_ms: int, fields: Fields) -> bool:
        """Takes the next tick, if it is one more of the same."""
        field, next_close_ms = self._next
        if close_ms != next_close_ms or len(fields) != 2 or (len(self._bars) + 1) * self._size > MOST_BYTES:
            return False
        value = fields.get(field)
        if not isinstance(value, bytes) or len(value) != self._size or not value.startswith(self._head):
            return False
        self._bars.append(value[len(self._head) :])
        self._close_ms = close_ms
        self._expect(close_ms - self._step_ms)
        return True

    @property
    def length(self) -> int:
        """How many ticks follow each other in it."""
        return len(self._bars)

    def entry(self) -> Iterator[Entry]:
        """All of it as one entry, if there is anything."""
        if self.length > 1:
            yield _entry(self._close_ms, self.length, self._field, self._head + b"".join(self._bars))
        elif self._fields is not None:
            yield Entry(self._close_ms, 1, self._fields)

    def _expect(self, start_ms: int) -> None:
        following_ms = start_ms + self._step_ms
        self._next = group_field(self._interval, following_ms), following_ms + self._step_ms
