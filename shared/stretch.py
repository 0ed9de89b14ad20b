"""Stretches: consecutive ticks of the same symbols as one entry of a feed.

What Redis, redis-py and Python do for an entry costs more than its bars where these are few. Where ticks follow each
other without a gap and nobody lacks a bar, they are one entry, and each is cut out of it where it is merged. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from playhead.codec import group_field, names_of, parse_group_field, split_group
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from playhead.messages import TICK, TYPE
from playhead.runs import BAR_BYTES
from shared.ticks import FeedTick, Fields

TICKS: Final = b"ticks"
"""The type of such an entry. It has one group: its field says where the first tick starts, its value has the symbols
once, and the bars of one tick after the other."""
MOST_BYTES: Final = 64 << 10
"""A stretch is cut there: the server is slow with values of 128 KiB and more, for each of which it asks the kernel."""
LARGE_BYTES: Final = 16 << 10
"""A tick of this size stands alone: to copy it once more costs as much as an entry."""
RawTick = tuple[int, Mapping[bytes, bytes]]
"""Close time and fields of a tick, as they come from Redis."""


def entries_of(ticks: Iterable[FeedTick]) -> Iterator[tuple[str, Fields]]:
    """Ticks in time order as entries of a feed, with their ids: the close time of the last tick in each."""
    run = _Run()
    for close_ms, fields in ticks:
        if not run.takes(close_ms, fields):
            yield from run.entry()
            run = _Run(close_ms, fields)
    yield from run.entry()


def ticks_in(close_ms: int, fields: Mapping[bytes, bytes]) -> Iterator[RawTick]:
    """The ticks of a stretch whose last one closes then. Raises `Malformed`."""
    groups = [item for item in fields.items() if item[0] != TYPE]
    if len(groups) != 1:
        raise Malformed(f"a stretch has {len(groups)} groups of bars, and not one")
    ((field, value),) = groups
    if len(value) > MOST_BYTES:  # as ticks it takes some times as much
        raise Malformed(f"a stretch has {len(value)} bytes, and {MOST_BYTES} at most")
    interval, start_ms = parse_group_field(field)
    step_ms = interval_ms(interval)
    end = value.find(b"\n") + 1
    size = BAR_BYTES * (value.count(b",", 0, end) + 1)
    count, rest = divmod(len(value) - end, size)
    if not end or rest or not count or start_ms + count * step_ms != close_ms:
        raise Malformed(f"the stretch of {field!r} with {len(value)} bytes has no whole ticks up to {close_ms}")
    head = value[:end]
    names_of(head)  # each tick gets a copy: what is no line of symbols may be as long as it likes
    for at in range(count):
        first = end + at * size
        yield (
            start_ms + (at + 1) * step_ms,
            {TYPE: TICK, b"%b@%d" % (interval.encode(), start_ms + at * step_ms): head + value[first : first + size]},
        )


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

    def entry(self) -> Iterator[tuple[str, Fields]]:
        """All of it as one entry, if there is anything."""
        if self._fields is None:
            return
        if len(self._bars) > 1:
            bars: Fields = {"type": TICKS, self._field: self._head + b"".join(self._bars)}
            yield f"{self._close_ms}-0", bars
        else:
            yield f"{self._close_ms}-0", self._fields

    def _expect(self, start_ms: int) -> None:
        following_ms = start_ms + self._step_ms
        self._next = group_field(self._interval, following_ms), following_ms + self._step_ms
