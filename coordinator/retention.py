"""Which notifications stay readable: a number of them, or as many as take so many bytes. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

BLOCKS: Final = 16
"""Notifications are forgotten in so many portions of what is kept, and not one by one."""


@dataclass(slots=True)
class _Block:
    last: str
    entries: int
    bytes: int


class Retention:
    """Counts what has been emitted, in blocks, and says what may go."""

    def __init__(self, most_entries: int, most_bytes: int) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._blocks: deque[_Block] = deque()
        self._entries = 0
        self._bytes = 0

    def note(self, last: str, entries: int, size: int) -> None:
        """Counts entries that were emitted, up to the id `last`."""
        full = not self._blocks or (
            self._blocks[-1].entries * BLOCKS >= self._most_entries
            or self._blocks[-1].bytes * BLOCKS >= self._most_bytes
        )
        if full:
            self._blocks.append(_Block(last, 0, 0))
        block = self._blocks[-1]
        block.last = last
        block.entries += entries
        block.bytes += size
        self._entries += entries
        self._bytes += size

    def excess(self) -> str | None:
        """The id up to which entries are to go so that the kept ones stay within the bounds, `None` for no excess."""
        entries, size, last = self._entries, self._bytes, None
        for block in list(self._blocks)[:-1]:
            if entries <= self._most_entries and size <= self._most_bytes:
                break
            # Whole blocks, and never fewer left than are promised.
            if entries - block.entries < self._most_entries and size - block.bytes < self._most_bytes:
                break
            entries, size, last = entries - block.entries, size - block.bytes, block.last
        return last

    def forget(self, through: str) -> None:
        """Says that the entries up to this id are gone."""
        while self._blocks:
            block = self._blocks.popleft()
            self._entries -= block.entries
            self._bytes -= block.bytes
            if block.last == through:
                return
