"""The bars of ticks, gathered until a trading day is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.codec import Frame, values_of
from playhead.digest import digest_of_frame
from playhead.messages import Group, Tick
from playhead.runs import BAR_BYTES


class DayBars:
    """The bars of one interval on one trading day, by symbol."""

    def __init__(self, interval: str, of: Mapping[str, tuple[NDArray[np.int64], Frame]]) -> None:
        self._interval = interval
        self._of = of

    def digest(self, symbol: str) -> str:
        """The digest of a symbol's bars; there may be none."""
        return digest_of_frame(*self._of.get(symbol, _NOTHING))

    def bars(self, symbol: str) -> Bars:
        """The bars of a symbol; there may be none."""
        start_ms, frame = self._of.get(symbol, _NOTHING)
        return Bars(symbol, self._interval, start_ms, values_of(frame))


class Gathering:
    """Takes ticks in their order, and gives them as whole days."""

    def __init__(self) -> None:
        self._groups: dict[str, list[Group]] = {}

    def take(self, tick: Tick) -> None:
        """Adds the bars of a tick."""
        for group in tick.groups:
            self._groups.setdefault(group.interval, []).append(group)

    def forget_before(self, start_ms: int) -> None:
        """Drops the bars that start before a time."""
        for interval, groups in self._groups.items():
            self._groups[interval] = [group for group in groups if group.start_ms >= start_ms]

    def day(self, interval: str, open_ms: int, close_ms: int) -> DayBars:
        """All bars of an interval that start in a half-open range of time."""
        groups = [group for group in self._groups.get(interval, ()) if open_ms <= group.start_ms < close_ms]
        if not groups:
            return DayBars(interval, {})
        everyone = tuple(sorted(set().union(*(group.symbols for group in groups))))
        owners = np.concatenate([_places(everyone, group.symbols) for group in groups])
        # Stable: a symbol's bars stay in time order.
        order = np.argsort(owners, kind="stable")
        starts = np.repeat(np.array([group.start_ms for group in groups]), [len(group.symbols) for group in groups])
        starts, frame = starts[order], np.concatenate([group.frame for group in groups])[order]
        borders = np.searchsorted(owners[order], np.arange(len(everyone) + 1))
        return DayBars(
            interval,
            {
                symbol: (starts[first:last], frame[first:last])
                for symbol, first, last in zip(everyone, borders[:-1], borders[1:], strict=True)
            },
        )


_NOTHING = np.empty(0, np.int64), np.empty((0, BAR_BYTES), np.uint8)


@lru_cache(maxsize=256)
def _places(everyone: tuple[str, ...], symbols: tuple[str, ...]) -> NDArray[np.intp]:
    return np.searchsorted(np.array(everyone), np.array(symbols))
