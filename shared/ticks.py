"""From columns of bars to the ticks of a feed. Pure: no Redis, no source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np

from playhead.bars import Bars
from playhead.codec import group_field, pack, pack_names
from playhead.intervals import interval_ms

Fields = dict[str | bytes, str | bytes]
FeedTick = tuple[int, Fields]
"""Close time and the fields of the entry."""


def ticks_of(bars: Iterable[Bars]) -> Iterator[FeedTick]:
    """All bars of one interval as ticks in close-time order, symbols sorted within each.

    The same bars give the same bytes, in whatever order the symbols come.
    """
    columns = sorted((each for each in bars if len(each)), key=lambda each: each.symbol)
    if not columns:
        return
    interval = columns[0].interval
    step_ms = interval_ms(interval)
    symbols = tuple(each.symbol for each in columns)
    starts = np.concatenate([each.start_ms for each in columns])
    # Stable: within a start the symbols stay in the order of the columns, which is sorted.
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    frame = pack(np.concatenate([each.values for each in columns]))[order]
    owners = np.repeat(np.arange(len(columns), dtype=np.uint32), [len(each) for each in columns])[order]
    borders = [0, *(np.flatnonzero(np.diff(starts)) + 1).tolist(), len(starts)]
    for first, last in pairwise(borders):
        start_ms = int(starts[first])
        value = _head(symbols, owners[first:last].tobytes()) + frame[first:last].tobytes()
        yield start_ms + step_ms, {"type": "tick", group_field(interval, start_ms): value}


def window_end(through_ms: int, *, final: bool) -> Fields:
    """The fields of the mark at the end of a window: everything that closes by `through_ms` is in the feed."""
    return {"type": "window-end", "through_ms": str(through_ms), "final": "1" if final else "0"}


@lru_cache(maxsize=256)
def _head(symbols: tuple[str, ...], owners: bytes) -> bytes:
    return pack_names([symbols[at] for at in np.frombuffer(owners, np.uint32).tolist()])
