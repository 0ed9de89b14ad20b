"""The fast path: several ticks regrouped into one run a symbol, so that session data is written one field a symbol and
call, and not one a bar. Writing a field for each bar costs more than all the rest of the pipeline together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from coordinator.roster import Released
from playhead.intervals import interval_ms
from playhead.runs import BAR_BYTES

Run = tuple[str, str, int, bytes]
"""Symbol, interval, start of the first bar, packed bars."""


def runs_of_ticks(ticks: Sequence[Sequence[Released]]) -> Iterator[Run]:
    """All bars of some ticks, in time order, as runs."""
    by_interval: dict[str, list[Released]] = {}
    for groups in ticks:
        for group in groups:
            by_interval.setdefault(group.interval, []).append(group)
    for interval, groups in by_interval.items():
        yield from _runs(interval, groups)


def _runs(interval: str, groups: Sequence[Released]) -> Iterator[Run]:
    if len(groups) == 1:
        (group,) = groups
        packed = group.frame.tobytes()
        for at, symbol in enumerate(group.symbols):
            yield symbol, interval, group.start_ms, packed[at * BAR_BYTES : (at + 1) * BAR_BYTES]
        return
    everyone = tuple(sorted(set().union(*(group.symbols for group in groups))))
    owners = np.concatenate([_places(everyone, group.symbols) for group in groups])
    starts = np.repeat([group.start_ms for group in groups], [len(group.symbols) for group in groups])
    # Stable: a symbol's bars stay in time order.
    order = np.argsort(owners, kind="stable")
    owners, starts = owners[order], starts[order]
    packed = np.concatenate([group.frame for group in groups])[order].tobytes()
    breaks = (np.diff(owners) != 0) | (np.diff(starts) != interval_ms(interval))
    borders = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(owners)]
    for first, last in pairwise(borders):
        yield (
            everyone[owners[first]],
            interval,
            int(starts[first]),
            packed[first * BAR_BYTES : last * BAR_BYTES],
        )


@lru_cache(maxsize=256)
def _places(everyone: tuple[str, ...], symbols: tuple[str, ...]) -> NDArray[np.intp]:
    return np.searchsorted(np.array(everyone), np.array(symbols))
