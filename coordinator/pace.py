"""How far the clock of a session may go by now, and when it is worth to look again."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from coordinator.clock import Clock
from coordinator.opening import first_calendars
from coordinator.state import State
from playhead.intervals import interval_ms
from shared.hours import open_ranges

IDLE_MS: Final = 100
"""The longest wait for anything."""


class Pace:
    """The clock of a session at its speed and in its hours, made anew where these change.

    `bounds` are times that the clock must not go over: it stops at each, with or without a bar there.
    """

    def __init__(self) -> None:
        self.clock = Clock((), None, 0, 0.0)
        self._of: tuple[float | None, set[str]] | None = None

    def follow(self, state: State) -> None:
        """Makes the clock anew where speed or hours have changed; it goes on from where it was."""
        if state.status == "created" or state.ended:
            return
        # Where all symbols were removed, the pace is that of those that the session began with.
        calendars = set(state.calendars) or set(first_calendars(state.config))
        if self._of == (state.speed, calendars):
            return
        now_s = time.monotonic()
        ranges = open_ranges([state.hours(name) for name in calendars])
        if ranges[-1][1] < state.end_ms:
            # The end stays where an exchange closes whose symbols were removed; until then nobody's hours pass.
            ranges.append((state.end_ms - 1, state.end_ms))
        reading_ms = self.clock.reading(now_s)
        self.clock = Clock(ranges, state.speed, max(state.clock_ms, reading_ms or 0), now_s)
        self._of = (state.speed, calendars)

    def is_free(self, state: State) -> bool:
        """Whether the clock goes as fast as it can."""
        return self.clock.speed is None or state.stop_ticks is not None

    def without_bars(self, state: State, target_ms: int, bounds: Collection[int]) -> int:
        """Where the clock goes without a bar: to a stop or the end, and at a pace along the grid of the interval.

        Where nothing paces it, as far as it is known that no bar comes: windows are opened a bounded distance ahead of
        the clock, so one that stood over a weekend would wait for ever.
        """
        if self.is_free(state) or target_ms in bounds:
            return target_ms
        return target_ms - target_ms % interval_ms(state.config.interval)

    def wait_ms(
        self, state: State, now_s: float, frontier_ms: int, bounds: Collection[int], next_ms: int | None
    ) -> int:
        """How long to wait until the clock may move, in ms. `next_ms` is when the next bar closes."""
        if self.clock.speed is None or frontier_ms <= state.clock_ms:
            self.clock.hold_back(state.clock_ms, now_s)
            return IDLE_MS
        step_ms = interval_ms(state.config.interval)
        due_ms = state.clock_ms - state.clock_ms % step_ms + step_ms
        if next_ms is not None:
            due_ms = min(next_ms, due_ms)
        due_ms = min([due_ms, *(at_ms for at_ms in bounds if at_ms > state.clock_ms)])
        return max(1, int(min(IDLE_MS, self.clock.wait_s(due_ms, now_s) * 1000)))
