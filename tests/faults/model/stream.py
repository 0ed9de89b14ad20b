"""A stream of the in-memory store: entries under ids that only grow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from tests.faults.model.fault import StoreError

Id = tuple[int, int]
FIRST: Id = (0, 0)
LAST: Id = ((1 << 64) - 1, (1 << 64) - 1)


class Stream:
    """Entries in the order of their ids. `last` is the id of the last entry that there ever was."""

    __slots__ = ("fields", "ids", "last")

    def __init__(self) -> None:
        self.ids: list[Id] = []
        self.fields: list[list[bytes]] = []
        self.last: Id = FIRST

    def add(self, given: bytes, fields: list[bytes], now_ms: int) -> bytes:
        """Appends an entry; `*` takes the time. Raises `StoreError` for an id that is not after the last one."""
        if given == b"*":
            entry = (now_ms, 0) if now_ms > self.last[0] else (self.last[0], self.last[1] + 1)
        else:
            entry = parsed(given, 0)
            if entry <= self.last:
                raise StoreError("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        self.ids.append(entry)
        self.fields.append(fields)
        self.last = entry
        return shown(entry)

    def between(self, first: Id, last: Id) -> list[list[object]]:
        """The entries of a closed range, as a reply."""
        begin, end = bisect_left(self.ids, first), bisect_right(self.ids, last)
        return [[shown(self.ids[at]), self.fields[at]] for at in range(begin, end)]

    def after(self, entry: Id, most: int | None) -> list[list[object]]:
        """Up to `most` entries after an id, as a reply."""
        begin = bisect_right(self.ids, entry)
        end = len(self.ids) if most is None else min(len(self.ids), begin + most)
        return [[shown(self.ids[at]), self.fields[at]] for at in range(begin, end)]

    def trim_before(self, entry: Id) -> int:
        """Drops the entries before an id. Returns how many."""
        return self._drop(bisect_left(self.ids, entry))

    def trim_to(self, most: int) -> int:
        """Drops the oldest entries but for so many. Returns how many."""
        return self._drop(max(0, len(self.ids) - most))

    def delete(self, entry: Id) -> int:
        """Drops one entry. Returns 1, or 0 where there is none."""
        at = bisect_left(self.ids, entry)
        if at == len(self.ids) or self.ids[at] != entry:
            return 0
        del self.ids[at], self.fields[at]
        return 1

    def _drop(self, count: int) -> int:
        del self.ids[:count], self.fields[:count]
        return count


def parsed(text: bytes, number: int) -> Id:
    """An id as two numbers; one without its second number has this one. Raises `StoreError`."""
    ms, dash, rest = text.partition(b"-")
    try:
        return int(ms), int(rest) if dash else number
    except ValueError:
        raise StoreError("ERR Invalid stream ID specified as stream command argument") from None


def bound(text: bytes, *, low: bool) -> Id:
    """A bound of a range: `-`, `+`, an id, or `(` and an id that is not in it."""
    if text == b"-":
        return FIRST
    if text == b"+":
        return LAST
    number = 0 if low else LAST[1]
    if text[:1] != b"(":
        return parsed(text, number)
    ms, n = parsed(text[1:], number)
    if low:
        return (ms, n + 1) if n < LAST[1] else (ms + 1, 0)
    if (ms, n) == FIRST:
        raise StoreError("ERR invalid end ID for the interval")
    return (ms, n - 1) if n else (ms - 1, LAST[1])


def shown(entry: Id) -> bytes:
    return b"%d-%d" % entry
