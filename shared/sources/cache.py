"""A bounded cache of what was read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

Stamp = tuple[int, int]  # modification time in ns and size in bytes of a file: other values, another content


class Cache(Generic[V]):
    """Keeps the values used last, up to a number of entries and of bytes. Any thread may call.

    A value is kept with a stamp and handed out for the same stamp only, so a changed file is read again.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Stamp, V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, stamp: Stamp = (0, 0)) -> V | None:
        """The value that was put under this key with this stamp, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry[0] != stamp:
                return None
            self._entries.move_to_end(key)
            return entry[1]

    def put(self, key: Hashable, value: V, size: int, stamp: Stamp = (0, 0)) -> None:
        """Keeps a value of `size` bytes. One that alone exceeds the bound is kept until the next comes."""
        with self._lock:
            old = self._entries.pop(key, None)
            self._bytes += size - (old[2] if old else 0)
            self._entries[key] = stamp, value, size
            while len(self._entries) > 1 and (len(self._entries) > self._max_entries or self._bytes > self._max_bytes):
                self._bytes -= self._entries.popitem(last=False)[1][2]
