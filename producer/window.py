"""One window of the main feed: which bars belong to it, and how they are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from playhead.config import SessionConfig
from playhead.days import TradingDays
from playhead.intervals import interval_ms
from playhead.symbols import SymbolRecord
from shared.cut import Cut
from shared.derive import derive
from shared.hours import Hours
from shared.sources.reads import measured
from shared.sources.registry import open_source
from shared.stretch import MOST_TICKS, Entry, entries_of
from shared.ticks import Closing


@dataclass(frozen=True)
class Window:
    """The bars that close after `start_ms` and by `end_ms`, of the symbols that the session had when it was opened."""

    start_ms: int
    end_ms: int
    symbols: Mapping[str, SymbolRecord]
    _cuts: dict[tuple[str, int, str], Cut] = field(default_factory=dict, init=False, repr=False, compare=False)

    def is_open(self, config: SessionConfig) -> bool:
        """Whether any of its symbols can have a bar in it: its exchange is open. May have to make a calendar first."""
        calendars = {record.calendar for record in self.symbols.values()}
        return any(Hours.in_session(each, config).days.are_open(self.start_ms, self.end_ms) for each in calendars)

    def read(self, config: SessionConfig, most: int = MOST_TICKS) -> Iterator[Entry]:
        """Its ticks in close-time order, as entries of up to `most`. Raises `SourceError` where a source cannot be
        read."""
        return entries_of(self._bars(config), most)

    def _bars(self, config: SessionConfig) -> Iterator[Closing]:
        # A longer bar that closes in this window may have begun before it.
        longest_ms = max(map(interval_ms, config.intervals))
        by_source: dict[str, list[str]] = defaultdict(list)
        for symbol, record in self.symbols.items():
            by_source[record.source or config.source].append(symbol)
        for uri, symbols in by_source.items():
            source = open_source(uri)
            with measured(source):
                found = source.get_many(symbols, config.interval, self.start_ms - longest_ms, self.end_ms)
            for symbol, bars in found.items():
                record = self.symbols[symbol]
                hours = Hours.in_session(record.calendar, config)
                # Bars of history are there from the start, and bars that another feed carries come in that.
                after_ms = max(self.start_ms, record.through_ms, hours.open_ms)
                cut = partial(self._cut, record.calendar, hours.days, after_ms)
                yield cut(config.interval).of(bars)
                if config.derive:
                    regular = hours.within(bars)
                    for interval in config.derive:
                        yield cut(interval).of(derive(regular, interval, hours.days))

    def _cut(self, calendar: str, days: TradingDays, after_ms: int, interval: str) -> Cut:
        """The same one for all symbols of which the same is left."""
        key = calendar, after_ms, interval
        if key not in self._cuts:
            self._cuts[key] = Cut(days, interval_ms(interval), after_ms, self.end_ms)
        return self._cuts[key]
