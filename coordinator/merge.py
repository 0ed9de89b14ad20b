"""Merges the feeds of a session in close-time order. Pure: entries are handed in, ticks are taken out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple

from playhead.entries import order
from playhead.errors import Malformed
from playhead.messages import TICK, TYPE
from playhead.times import MAX_TIME_MS
from shared.stretch import TICKS, RawTick, Stretch

WINDOW_END: Final = b"window-end"
FOREVER_MS: Final = 1 << 62
RawFields = Mapping[bytes, bytes]


class MergedTick(NamedTuple):
    """What the feeds have for one close time: pairs of feed and fields, in the order of the feeds' names."""

    close_ms: int
    parts: tuple[tuple[str, RawFields], ...]

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
        return sum(len(value) for _, fields in self.parts for value in fields.values())


class MergedStretch(NamedTuple):
    """Some ticks that only one feed has."""

    feed: str
    stretch: Stretch

    @property
    def close_ms(self) -> int:
        """When the first one closes."""
        return self.stretch.close_ms

    @property
    def last_ms(self) -> int:
        """When the last one closes."""
        return self.stretch.last_ms

    @property
    def length(self) -> int:
        """How many they are."""
        return self.stretch.length

    @property
    def size(self) -> int:
        """The bytes of the bars."""
        return self.stretch.size

    def ticks(self) -> Iterator[MergedTick]:
        """The ticks, one by one."""
        for tick in self.stretch.ticks():
            yield MergedTick(tick.close_ms, ((self.feed, tick.fields),))


Merged = MergedTick | MergedStretch


@dataclass
class Feed:
    """One feed as far as it has been read. Everything that closes by `known_ms` is in `ticks` or was released."""

    cursor: str
    known_ms: int
    released_ms: int
    ticks: deque[RawTick | Stretch] = field(default_factory=deque)
    buffered: int = 0
    """How many ticks are kept here."""
    buffered_bytes: int = 0
    """The size of their bars."""

    def push(self, entry_id: bytes, fields: RawFields) -> None:
        """Takes the next entry. Raises `Malformed` for one that is no part of a feed; the feed goes on after it."""
        entry = entry_id.decode(errors="replace")
        time_ms, number = order(entry)
        self.cursor = entry
        if time_ms > MAX_TIME_MS:
            raise Malformed(f"entry {self.cursor} lies beyond the year 9999")
        if self.known_ms == FOREVER_MS:
            raise Malformed(f"entry {self.cursor} comes after the end of the feed")
        kind = fields.get(TYPE)
        if kind == TICK:
            if number:
                raise Malformed(f"tick {self.cursor} does not have the number 0")
            self.known_ms = max(self.known_ms, time_ms)
            if time_ms > self.released_ms:
                self._put(RawTick(time_ms, fields))
        elif kind == TICKS:
            if number:
                raise Malformed(f"the stretch {self.cursor} does not have the number 0")
            stretch = Stretch.of(time_ms, fields)
            known = stretch.by(max(self.released_ms, self.known_ms))  # what another hand repeats is passed over
            if known < stretch.length:
                self._put(stretch.part(known, stretch.length))
            self.known_ms = max(self.known_ms, time_ms)
        elif kind == WINDOW_END:
            if fields.get(b"through_ms") != str(time_ms).encode() or number not in (1, 2):
                raise Malformed(f"the mark {self.cursor} is not that of the time that it says")
            self.known_ms = FOREVER_MS if fields.get(b"final") == b"1" else max(self.known_ms, time_ms)
        else:
            raise Malformed(f"entry {self.cursor} has the unknown type {(kind or b'')[:40]!r}")

    def next(self, through_ms: int, most: int, after_ms: int) -> Iterator[RawTick | Stretch]:
        """Up to `most` of the ticks that close after `after_ms` and by `through_ms`."""
        for each in self.ticks:
            if most <= 0 or each.close_ms > through_ms:
                return
            if each.last_ms <= after_ms:
                continue
            if isinstance(each, Stretch):
                first, last = each.by(after_ms), each.by(through_ms)
                if first >= last:
                    return
                each = each.part(first, min(first + most, last))
            most -= each.length
            yield each

    def release(self, clock_ms: int) -> None:
        """Forgets what closed by the clock."""
        self.released_ms = clock_ms
        while self.ticks and self.ticks[0].close_ms <= clock_ms:
            first = self.ticks.popleft()
            self.buffered -= first.length
            self.buffered_bytes -= first.size
            if isinstance(first, Stretch) and first.last_ms > clock_ms:
                self._put(first.part(first.by(clock_ms), first.length), first=True)

    def _put(self, ticks: RawTick | Stretch, *, first: bool = False) -> None:
        if first:
            self.ticks.appendleft(ticks)
        else:
            self.ticks.append(ticks)
        self.buffered += ticks.length
        self.buffered_bytes += ticks.size


class Merge:
    """The feeds of a session. A feed with neither an entry nor a mark is waited for: empty is not finished."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}

    def follow(self, names: Iterable[str], clock_ms: int) -> None:
        """Follows exactly these feeds from here on. New ones are read from the clock on."""
        self.feeds = {name: self.feeds.get(name) or Feed(f"{clock_ms}-0", clock_ms, clock_ms) for name in sorted(names)}

    def forget(self, name: str) -> None:
        """Forgets a feed, to be read anew from the clock on once it is followed again."""
        self.feeds.pop(name, None)

    def frontier_ms(self) -> int:
        """Everything that closes by then is known."""
        return min(feed.known_ms for feed in self.feeds.values())

    def peek(self, through_ms: int, most: int, after_ms: int = 0) -> list[Merged]:
        """Up to `most` of the next ticks that close by `through_ms`, which must not be beyond the frontier; with
        `after_ms` of those that close after that. Some that follow each other may be one element."""
        if len(self.feeds) == 1:
            ((name, feed),) = self.feeds.items()
            return [
                MergedStretch(name, each)
                if isinstance(each, Stretch)
                else MergedTick(each.close_ms, ((name, each.fields),))
                for each in feed.next(through_ms, most, after_ms)
            ]
        by_time: dict[int, list[tuple[str, RawFields]]] = {}
        for name, feed in self.feeds.items():
            for each in feed.next(through_ms, most, after_ms):
                for close_ms, fields in each.ticks() if isinstance(each, Stretch) else (each,):
                    by_time.setdefault(close_ms, []).append((name, fields))
        return [MergedTick(close_ms, tuple(by_time[close_ms])) for close_ms in sorted(by_time)[:most]]

    def next_bytes(self) -> int:
        """The size of the bars of the next tick that has been read, 0 where there is none."""
        first = min(
            (feed.ticks[0] for feed in self.feeds.values() if feed.ticks), key=attrgetter("close_ms"), default=None
        )
        return first.size // first.length if first is not None else 0

    def next_ms(self) -> int | None:
        """The close time of the next tick that has been read."""
        return min((feed.ticks[0].close_ms for feed in self.feeds.values() if feed.ticks), default=None)

    def release(self, clock_ms: int) -> None:
        """Forgets what closed by the clock."""
        for feed in self.feeds.values():
            feed.release(clock_ms)
