"""From columns of bars to the ticks of a feed. Pure: no Redis, no source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.closing import closes_of
from playhead.codec import group_field, pack, pack_names
from playhead.days import TradingDays
from playhead.intervals import interval_ms
from playhead.runs import BAR_BYTES

PACKED_BYTES: Final = 4 << 20
"""Bars that are packed at once. Memory that is used for the first time costs more than to pack into it: a few megabytes
are used again and again."""

Fields = dict[str | bytes, str | bytes]
FeedTick = tuple[int, Fields]
"""Close time and the fields of the entry."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Bars with the times at which they close, shape (n,), UTC ms."""

    bars: Bars
    close_ms: NDArray[np.int64]

    @classmethod
    def of(cls, bars: Bars, days: TradingDays) -> Closing:
        """Bars that close by the hours of these days."""
        return cls(bars, closes_of(days, bars.start_ms, interval_ms(bars.interval)))

    def between(self, start_ms: int, end_ms: int) -> Closing:
        """Those whose start lies in the half-open range."""
        first, last = np.searchsorted(self.bars.start_ms, (start_ms, end_ms))
        return Closing(self.bars.between(start_ms, end_ms), self.close_ms[first:last])

    def where(self, keep: NDArray[np.bool_]) -> Closing:
        """Those at which the mask of shape (n,) is true."""
        return self if keep.all() else Closing(self.bars.where(keep), self.close_ms[keep])


@dataclass(frozen=True, slots=True)
class Even:
    """Bars of one interval of some symbols of which none lacks one: starts and closes of shape (n,), UTC ms, the head
    of each group, and the values of each symbol, shape (n, 5)."""

    interval: str
    start_ms: NDArray[np.int64]
    close_ms: NDArray[np.int64]
    head: bytes
    values: Sequence[NDArray[np.float64]]

    @property
    def tick_bytes(self) -> int:
        """The size of the bars of one tick, packed."""
        return BAR_BYTES * len(self.values)

    def packed(self, parts: Iterable[tuple[int, int]]) -> Iterator[memoryview]:
        """The bars of ticks, packed: of each part those from its first number to before its last. The parts come in
        order."""
        size, most = self.tick_bytes, max(1, PACKED_BYTES // self.tick_bytes)
        begin = end = 0
        for first, last in parts:
            if last > end:
                begin, end = first, max(last, first + most)
                table = np.stack([each[begin:end] for each in self.values], axis=1)
                packed = pack(table.reshape(-1, 5)).data.cast("B")
            yield packed[(first - begin) * size : (last - begin) * size]


def ticks_of(all_bars: Iterable[Closing]) -> Iterator[FeedTick]:
    """All bars as ticks in close-time order; in each, shorter intervals first, then earlier starts, symbols sorted.

    The same bars give the same bytes, in whatever order the symbols come.
    """
    by_interval: dict[int, list[Closing]] = defaultdict(list)
    for each in all_bars:
        if len(each.bars):
            by_interval[interval_ms(each.bars.interval)].append(each)
    groups = [_groups(by_interval[step_ms]) for step_ms in sorted(by_interval)]
    # Stable: of groups that close together, those of the shorter interval come first.
    merged = groups[0] if len(groups) == 1 else merge(*groups, key=itemgetter(0))
    for close_ms, parts in groupby(merged, key=itemgetter(0)):
        yield close_ms, {"type": "tick", **{field: value for _, field, value in parts}}


def even(all_bars: Iterable[Closing]) -> Even | None:
    """All bars, if they are of one interval, nobody lacks one, and no two close together. Then one turn of the whole
    table does what else has to be done for each tick."""
    columns = sorted((each for each in all_bars if len(each.bars)), key=lambda each: each.bars.symbol)
    if not columns or (np.diff(columns[0].close_ms) <= 0).any():
        return None
    interval, starts, closes = columns[0].bars.interval, columns[0].bars.start_ms, columns[0].close_ms
    for each in columns:
        if each.bars.interval != interval or each.bars.start_ms is not starts or each.close_ms is not closes:
            return None
    names = pack_names([each.bars.symbol for each in columns])
    return Even(interval, starts, closes, names, [each.bars.values for each in columns])


def _groups(columns: list[Closing]) -> Iterator[tuple[int, str, bytes]]:
    """Close time, field and value of each group of one interval."""
    columns.sort(key=lambda each: each.bars.symbol)
    interval = columns[0].bars.interval
    symbols = tuple(each.bars.symbol for each in columns)
    table = even(columns)
    if table is not None:
        each_alone = table.packed(pairwise(range(len(table.start_ms) + 1)))
        for start_ms, close_ms, packed in zip(
            table.start_ms.tolist(), table.close_ms.tolist(), each_alone, strict=True
        ):
            yield close_ms, group_field(interval, start_ms), table.head + packed
        return
    starts = np.concatenate([each.bars.start_ms for each in columns])
    closes = np.concatenate([each.close_ms for each in columns])
    # Stable: within a start the symbols stay in the order of the columns, which is sorted.
    order = np.lexsort((starts, closes))
    starts, closes = starts[order], closes[order]
    frame = pack(np.concatenate([each.bars.values for each in columns]))[order]
    owners = np.repeat(np.arange(len(columns), dtype=np.uint32), [len(each.bars) for each in columns])[order]
    borders = [0, *(np.flatnonzero((np.diff(starts) != 0) | (np.diff(closes) != 0)) + 1).tolist(), len(starts)]
    for first, last in pairwise(borders):
        value = _head(symbols, owners[first:last].tobytes()) + frame[first:last].tobytes()
        yield int(closes[first]), group_field(interval, int(starts[first])), value


def window_end(through_ms: int, *, final: bool) -> Fields:
    """The fields of the mark at the end of a window: everything that closes by `through_ms` is in the feed."""
    return {"type": "window-end", "through_ms": str(through_ms), "final": "1" if final else "0"}


@lru_cache(maxsize=256)
def _head(symbols: tuple[str, ...], owners: bytes) -> bytes:
    return pack_names([symbols[at] for at in np.frombuffer(owners, np.uint32).tolist()])
