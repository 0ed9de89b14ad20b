"""What the source has, and what everybody must therefore see: reckoned bar by bar, apart from all that is tested."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from playhead.bars import Bar
from playhead.config import SessionConfig
from playhead.intervals import interval_ms
from shared.calendars import calendar_name_for
from shared.hours import Hours
from tests.support.memory_source import made_bars


class Closed(NamedTuple):
    """A bar, and when it closes."""

    close_ms: int
    start_ms: int
    bar: Bar


@dataclass(frozen=True)
class Tape:
    """The minutes that the source has of each symbol, and the session that is played over them."""

    config: SessionConfig
    starts: Mapping[str, tuple[int, ...]]
    _known: dict[tuple[str, str], Mapping[str, tuple[Closed, ...]]] = field(default_factory=dict)

    def calendar(self, symbol: str) -> str:
        return calendar_name_for(symbol, {}, self.config.calendar)

    def hours(self, symbol: str) -> Hours:
        return Hours.in_session(self.calendar(symbol), self.config)

    def closings(self, symbol: str, interval: str) -> Mapping[str, tuple[Closed, ...]]:
        """The bars in regular hours by trading day, history included, in the order in which they close."""
        found = self._known.get((symbol, interval))
        if found is None:
            starts = self.starts.get(symbol, ())
            found = _closings(self.hours(symbol), symbol, self.config.interval, interval, starts)
            self._known[symbol, interval] = found
        return found

    def current(self, symbol: str, interval: str, clock_ms: int) -> list[Bar]:
        """Session data of a symbol at a clock."""
        days = self.hours(symbol).days
        replayed = [day for day in days.days[days.warm_up :] if day.open_ms <= clock_ms] or [days.days[days.warm_up]]
        return [each.bar for each in self.closings(symbol, interval)[replayed[-1].label] if each.close_ms <= clock_ms]

    def past(self, symbol: str, interval: str, clock_ms: int) -> list[Bar]:
        """History of a symbol at a clock: all that its session keeps."""
        days = self.hours(symbol).days
        at = max(days.warm_up, bisect_right([day.open_ms for day in days.days], clock_ms) - 1)
        before = days.days[max(0, at - self.config.history) : at]
        of = self.closings(symbol, interval)
        return [each.bar for day in before for each in of[day.label] if each.close_ms <= clock_ms]

    def ticks(self, symbols: Iterable[str], after_ms: int, through_ms: int) -> dict[int, set[tuple[str, str, Bar]]]:
        """What closes after one clock and by another: close time -> (symbol, interval, bar)."""
        found: dict[int, set[tuple[str, str, Bar]]] = {}
        for symbol in symbols:
            days = self.hours(symbol).days
            for interval in self.config.intervals:
                of = self.closings(symbol, interval)
                for day in days.days[days.warm_up :]:
                    for each in of[day.label]:
                        if after_ms < each.close_ms <= through_ms:
                            found.setdefault(each.close_ms, set()).add((symbol, interval, each.bar))
        return found


@cache
def _bar(symbol: str, interval: str, start_ms: int) -> Bar:
    (bar,) = made_bars(symbol, interval, [start_ms])
    return bar


def _closings(
    hours: Hours, symbol: str, base: str, interval: str, starts: tuple[int, ...]
) -> dict[str, tuple[Closed, ...]]:
    step_ms, base_ms = interval_ms(interval), interval_ms(base)
    found: dict[str, tuple[Closed, ...]] = {}
    for day in hours.days.days:
        of: dict[int, Closed] = {}
        for first_ms, end_ms in day.ranges:
            for start_ms in starts:
                if first_ms <= start_ms < end_ms:
                    bar = _bar(symbol, base, start_ms)
                    if interval != base:  # the longer bar in which it closes
                        closed_ms = min(start_ms + base_ms, end_ms)
                        start_ms = first_ms + (closed_ms - 1 - first_ms) // step_ms * step_ms
                    before = of.get(start_ms)
                    joined = bar._replace(start_ms=start_ms) if before is None else _joined(before.bar, bar)
                    of[start_ms] = Closed(min(start_ms + step_ms, end_ms), start_ms, joined)
        found[day.label] = tuple(sorted(of.values()))
    return found


def _joined(longer: Bar, bar: Bar) -> Bar:
    """A longer bar with one more bar in it."""
    high, low = max(longer.high, bar.high), min(longer.low, bar.low)
    return Bar(longer.start_ms, longer.open, high, low, bar.close, longer.volume + bar.volume)
