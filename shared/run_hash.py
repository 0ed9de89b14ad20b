"""The run hash of a session: two runs that show their consumers the same have the same one.

It is a chain over all ticks, over the events of symbols and days, and over the end, each with its market time. Wall
clocks, command ids, pauses and the consumers that came and went are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from shared.stretch import Stretch

BEGINNING: Final = ""
_BYTES: Final = 16


def after_tick(before: str, clock_ms: int, groups: Iterable[tuple[bytes, bytes]]) -> str:
    """The hash after a tick, whose groups are pairs of field and value. The same bars are the same bytes."""
    parts = [b"%b %d tick\n" % (before.encode(), clock_ms)]
    for field, value in groups:
        parts += (b"%b %d\n" % (field, len(value)), value)
    return blake2b(b"".join(parts), digest_size=_BYTES).hexdigest()


def after_stretch(before: str, stretch: Stretch) -> str:
    """The hash after each of the ticks of a stretch, one after the other: what `after_tick` makes of them, sooner."""
    of, head = stretch.interval.encode(), stretch.head
    size = (len(stretch.value) - len(head)) // stretch.length
    rest = b"%d\n" % (len(head) + size) + head
    link, later_ms = before.encode(), stretch.close_ms - stretch.start_ms
    for start_ms, first in zip(stretch.starts_ms, range(len(head), len(stretch.value), size), strict=True):
        tick = b"%b %d tick\n%b@%d " % (link, start_ms + later_ms, of, start_ms)
        link = blake2b(tick + rest + stretch.value[first : first + size], digest_size=_BYTES).hexdigest().encode()
    return link.decode()


def after_event(before: str, clock_ms: int, kind: str, *what: str) -> str:
    """The hash after an event: its type, and what it says."""
    link = blake2b(f"{before} {clock_ms} {kind}\n".encode(), digest_size=_BYTES)
    link.update("\n".join(what).encode())
    return link.hexdigest()
