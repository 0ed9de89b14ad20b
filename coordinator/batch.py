"""The fast path: several ticks regrouped into one run a symbol, so that session data is written one field a symbol and
call, and not one a bar. Writing a field for each bar costs more than all the rest of the pipeline together. The runs of
symbols that are equally long go to Redis in one piece: to redis-py and the server each argument of a call costs as much
as many bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from coordinator.merge import Merged
from coordinator.roster import Arranged, Released
from playhead.intervals import interval_ms
from playhead.runs import BAR_BYTES
from shared.settings import Settings

LEAST_TICKS: Final = 24
"""However large they are: with fewer, the fields of session data would be many and short."""
_BAR = np.dtype(f"V{BAR_BYTES}")


class Runs(NamedTuple):
    """Runs of some symbols that begin together and are equally long, packed one after the other."""

    symbols: tuple[str, ...]
    interval: str
    start_ms: int
    packed: bytes


def ticks_at_once(tick_bytes: int, settings: Settings) -> int:
    """How many ticks of this size one move takes at full speed."""
    return min(settings.batch_ticks, max(LEAST_TICKS, settings.batch_bytes // max(tick_bytes, 1)))


def fitting(ticks: Sequence[Merged], settings: Settings) -> Sequence[Merged]:
    """As many of these ticks as one move takes. Later ones may have more symbols than the first."""
    size = count = 0
    for at, each in enumerate(ticks):
        size += each.size
        if size > settings.batch_bytes and count >= LEAST_TICKS:
            return ticks[:at]
        count += each.length
    return ticks


def regrouped(ticks: Iterable[Arranged]) -> Iterator[Runs]:
    """All bars of some ticks, in time order, as runs."""
    by_interval: dict[str, list[Released]] = {}
    for tick in ticks:
        for group in tick.groups:
            by_interval.setdefault(group.interval, []).append(group)
    for interval, groups in by_interval.items():
        yield from _runs(interval, groups)


def _runs(interval: str, groups: Sequence[Released]) -> Iterator[Runs]:
    step_ms = interval_ms(interval)
    symbols, start_ms = groups[0].symbols, groups[0].start_ms
    if _follow_each_other(groups, step_ms):
        # Nobody lacks a bar: one turn of the whole table puts the bars of each symbol side by side.
        table = np.concatenate([group.frame for group in groups]).view(_BAR).reshape(-1, len(symbols))
        yield Runs(symbols, interval, start_ms, table.T.tobytes())
        return
    names = {id(group.symbols): group.symbols for group in groups}  # mostly the same ones, tick after tick
    everyone = sorted(set().union(*names.values()))
    places = {each: np.searchsorted(everyone, symbols) for each, symbols in names.items()}
    counts = [len(group.frame) // len(group.symbols) for group in groups]
    owners = np.concatenate([np.tile(places[id(group.symbols)], n) for group, n in zip(groups, counts, strict=True)])
    starts = np.concatenate(
        [
            np.repeat(group.start_ms + step_ms * np.arange(n), len(group.symbols))
            for group, n in zip(groups, counts, strict=True)
        ]
    )
    # Stable: a symbol's bars stay in time order.
    order = np.argsort(owners, kind="stable")
    owners, starts = owners[order], starts[order]
    packed = np.concatenate([group.frame for group in groups])[order].tobytes()
    breaks = (np.diff(owners) != 0) | (np.diff(starts) != step_ms)
    borders = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(owners)]
    for first, last in pairwise(borders):
        yield Runs(
            (everyone[owners[first]],),
            interval,
            int(starts[first]),
            packed[first * BAR_BYTES : last * BAR_BYTES],
        )


def _follow_each_other(groups: Sequence[Released], step_ms: int) -> bool:
    """Whether they have the same symbols, and each begins where the one before ends."""
    symbols, start_ms = groups[0].symbols, groups[0].start_ms
    for group in groups:
        if group.start_ms != start_ms or group.symbols != symbols:
            return False
        start_ms += step_ms * (len(group.frame) // len(symbols))
    return True
