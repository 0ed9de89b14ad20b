"""One window of the main feed: which bars belong to it, and how they are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playhead.config import SessionConfig
from playhead.intervals import interval_ms
from playhead.symbols import SymbolRecord
from shared.derive import with_derived
from shared.hours import Hours
from shared.sources.reads import measured
from shared.sources.registry import open_source
from shared.ticks import Closing, FeedTick, ticks_of


@dataclass(frozen=True)
class Window:
    """The bars that close after `start_ms` and by `end_ms`, of the symbols that the session had when it was opened."""

    start_ms: int
    end_ms: int
    symbols: Mapping[str, SymbolRecord]

    def read(self, config: SessionConfig) -> Iterator[FeedTick]:
        """Its ticks in close-time order. Raises `SourceError` where a source cannot be read."""
        return ticks_of(self._bars(config))

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
                regular = hours.within(bars)
                # Bars of history are there from the start, and bars that another feed carries come in that.
                after_ms = max(self.start_ms, record.through_ms, hours.open_ms)
                for each in with_derived(regular, config, hours.days):
                    yield each.where((each.close_ms > after_ms) & (each.close_ms <= self.end_ms))
