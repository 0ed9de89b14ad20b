"""The trading days of an exchange: when each opens and closes, and which one is current."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from playhead.errors import Malformed
from playhead.plain import load_object, typed
from playhead.times import MAX_TIME_MS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEVER_MS: Final = 1 << 62
"""Later than any clock: the next open after the last day."""


@dataclass(frozen=True, slots=True)
class TradingDay:
    """One session of an exchange, named by its date. `ranges` are its hours: half-open, disjoint, in order, UTC ms."""

    label: str
    ranges: tuple[tuple[int, int], ...]

    @property
    def open_ms(self) -> int:
        return self.ranges[0][0]

    @property
    def close_ms(self) -> int:
        return self.ranges[-1][1]


@dataclass(frozen=True)
class TradingDays:
    """The trading days of one calendar in a replay, in time order: a field of the hash `calendars`.

    The first `warm_up` of them lie before the replayed dates: bars of those are history from the start.
    """

    zone: str
    warm_up: int
    days: tuple[TradingDay, ...]

    def __len__(self) -> int:
        return len(self.days)

    def __iter__(self) -> Iterator[TradingDay]:
        return iter(self.days)

    def current(self, clock_ms: int) -> int:
        """Which replayed day is the current one: the latest that has opened by the clock, else the first."""
        return max(self.warm_up, bisect_right(self._opens, clock_ms) - 1)

    def day(self, clock_ms: int) -> TradingDay:
        """The current day."""
        return self.days[self.current(clock_ms)]

    def next_open_ms(self, clock_ms: int) -> int:
        """The first open of a replayed day after the clock, `NEVER_MS` after the last one."""
        at = max(self.warm_up, bisect_right(self._opens, clock_ms))
        return self._opens[at] if at < len(self._opens) else NEVER_MS

    def opened_ms(self, clock_ms: int) -> int:
        """Since when the current day is that: its open, 0 for the first one."""
        at = self.current(clock_ms)
        return 0 if at == self.warm_up else self._opens[at]

    def opened(self, clock_ms: int) -> str | None:
        """The label of the replayed day that opens at this very time."""
        at = bisect_right(self._opens, clock_ms) - 1
        return self.days[at].label if at >= self.warm_up and self._opens[at] == clock_ms else None

    def before(self, clock_ms: int, most: int) -> tuple[TradingDay, ...]:
        """Up to so many days before the current one, in time order."""
        current = self.current(clock_ms)
        return self.days[max(0, current - most) : current]

    def close_of(self, start_ms: int, step_ms: int) -> int:
        """When a bar closes: after its length, or where its hours end if that is sooner."""
        at = bisect_right(self.range_starts, start_ms) - 1
        end_ms = start_ms + step_ms
        return min(end_ms, self.range_ends[at]) if at >= 0 and start_ms < self.range_ends[at] else end_ms

    def are_open(self, after_ms: int, by_ms: int) -> bool:
        """Whether there are hours in which a bar can close after one time and by another one."""
        at = bisect_right(self.range_ends, after_ms)
        return at < len(self.range_ends) and self.range_starts[at] < by_ms

    @cached_property
    def range_starts(self) -> Sequence[int]:
        """The starts of all hours, in order."""
        return [start_ms for day in self.days for start_ms, _ in day.ranges]

    @cached_property
    def range_ends(self) -> Sequence[int]:
        """The ends of all hours, in order."""
        return [end_ms for day in self.days for _, end_ms in day.ranges]

    @cached_property
    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The starts and the ends of all hours as columns. Who needs no columns does not load numpy."""
        import numpy as np

        return np.array(self.range_starts, np.int64), np.array(self.range_ends, np.int64)

    @cached_property
    def _opens(self) -> Sequence[int]:
        return [day.open_ms for day in self.days]


def ticks_between(calendars: Iterable[TradingDays], after_ms: int, until_ms: int, step_ms: int) -> int:
    """How many ticks the hours of all calendars together have after one time and until another one, where bars of one
    length are missing nowhere.
    """
    hours = sorted(
        each
        for days in calendars
        for each in zip(days.range_starts, days.range_ends, strict=True)
        if each[0] < until_ms and each[1] > after_ms
    )
    ticks, counted_ms = 0, after_ms
    for start_ms, end_ms in hours:
        from_ms, to_ms = max(counted_ms, start_ms), min(until_ms, end_ms)
        if to_ms > from_ms:
            ticks += (to_ms - start_ms) // step_ms - (from_ms - start_ms) // step_ms
            ticks += to_ms == end_ms and (end_ms - start_ms) % step_ms > 0  # the last bar is cut there
            counted_ms = to_ms
    return ticks


def encode(days: TradingDays) -> str:
    """As JSON; a day is its label, then the starts and ends of its hours."""
    rows = [[day.label, *(edge for each in day.ranges for edge in each)] for day in days]
    return json.dumps({"zone": days.zone, "warm_up": days.warm_up, "days": rows}, separators=(",", ":"))


def decode(text: bytes | str) -> TradingDays:
    """Trading days from JSON. Raises `Malformed`."""
    try:
        given = load_object(text)
        days = tuple(
            TradingDay(typed(label, str, what="a day"), tuple(zip(edges[::2], edges[1::2], strict=True)))
            for label, *edges in given["days"]
        )
        warm_up = typed(given["warm_up"], int, what="warm_up")
        found = TradingDays(typed(given["zone"], str, what="zone"), warm_up, days)
        if not 0 <= found.warm_up < len(days) or not all(day.ranges for day in days):
            raise ValueError("there is no replayed day, or one without hours")
        edges = [edge for day in days for each in day.ranges for edge in each]
        if not all(0 <= typed(edge, int, what="a time") <= MAX_TIME_MS for edge in edges) or edges != sorted(edges):
            raise ValueError("the hours are no times in order")
    except (ValueError, TypeError, KeyError) as error:
        raise Malformed(f"the trading days of a calendar are not as they should be: {error}") from error
    return found
