"""The run hash of a session: two runs that show their consumers the same have the same one.

It is a chain over all ticks, over the events of symbols and days, and over the end, each with its market time. Wall
clocks, command ids, pauses and the consumers that came and went are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

BEGINNING: Final = ""
_BYTES: Final = 16


def after_tick(before: str, clock_ms: int, groups: Iterable[tuple[bytes, bytes]]) -> str:
    """The hash after a tick, whose groups are pairs of field and value. The same bars are the same bytes."""
    parts = [b"%b %d tick\n" % (before.encode(), clock_ms)]
    for field, value in groups:
        parts += (b"%b %d\n" % (field, len(value)), value)
    return blake2b(b"".join(parts), digest_size=_BYTES).hexdigest()


def after_event(before: str, clock_ms: int, kind: str, *what: str) -> str:
    """The hash after an event: its type, and what it says."""
    link = blake2b(f"{before} {clock_ms} {kind}\n".encode(), digest_size=_BYTES)
    link.update("\n".join(what).encode())
    return link.hexdigest()
