"""The fast path: several ticks regrouped into one run a symbol, so that session data is written one field a symbol and
call, and not one a bar. Writing a field for each bar costs more than all the rest of the pipeline together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from coordinator.merge import MergedTick
from coordinator.roster import Released
from playhead.intervals import interval_ms
from playhead.runs import BAR_BYTES
from shared.settings import Settings

LEAST_TICKS: Final = 16
"""However large they are: with fewer, the fields of session data would be many and short."""
_BAR = np.dtype(f"V{BAR_BYTES}")

Run = tuple[str, str, int, bytes]
"""Symbol, interval, start of the first bar, packed bars."""


def ticks_at_once(tick_bytes: int, settings: Settings) -> int:
    """How many ticks of this size one move takes at full speed."""
    return min(settings.batch_ticks, max(LEAST_TICKS, settings.batch_bytes // max(tick_bytes, 1)))


def fitting(ticks: Sequence[MergedTick], settings: Settings) -> int:
    """How many of these ticks one move takes. Later ones may have more symbols than the first."""
    size = 0
    for at, (_, parts) in enumerate(ticks):
        for _, fields in parts:
            size += sum(map(len, fields.values()))
        if size > settings.batch_bytes and at >= LEAST_TICKS:
            return at
    return len(ticks)


def runs_of_ticks(ticks: Sequence[Sequence[Released]]) -> Iterator[Run]:
    """All bars of some ticks, in time order, as runs."""
    by_interval: dict[str, list[Released]] = {}
    for groups in ticks:
        for group in groups:
            by_interval.setdefault(group.interval, []).append(group)
    for interval, groups in by_interval.items():
        yield from _runs(interval, groups)


def _runs(interval: str, groups: Sequence[Released]) -> Iterator[Run]:
    symbols, start_ms, step_ms = groups[0].symbols, groups[0].start_ms, interval_ms(interval)
    if all(of.symbols == symbols and of.start_ms == start_ms + at * step_ms for at, of in enumerate(groups)):
        # Nobody lacks a bar: one turn of the whole table puts the bars of each symbol side by side.
        table = np.concatenate([group.frame for group in groups]).view(_BAR).reshape(len(groups), len(symbols))
        packed, size = table.T.tobytes(), len(groups) * BAR_BYTES
        for at, symbol in enumerate(symbols):
            yield symbol, interval, start_ms, packed[at * size : (at + 1) * size]
        return
    names = {id(group.symbols): group.symbols for group in groups}  # mostly the same ones, tick after tick
    everyone = sorted(set().union(*names.values()))
    places = {each: np.searchsorted(everyone, symbols) for each, symbols in names.items()}
    owners = np.concatenate([places[id(group.symbols)] for group in groups])
    starts = np.repeat([group.start_ms for group in groups], [len(group.symbols) for group in groups])
    # Stable: a symbol's bars stay in time order.
    order = np.argsort(owners, kind="stable")
    owners, starts = owners[order], starts[order]
    packed = np.concatenate([group.frame for group in groups])[order].tobytes()
    breaks = (np.diff(owners) != 0) | (np.diff(starts) != step_ms)
    borders = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(owners)]
    for first, last in pairwise(borders):
        yield (
            everyone[owners[first]],
            interval,
            int(starts[first]),
            packed[first * BAR_BYTES : last * BAR_BYTES],
        )
