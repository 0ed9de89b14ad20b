"""One window of the main feed: which bars belong to it, and how they are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playhead.bars import Bars
from playhead.config import SessionConfig
from playhead.intervals import interval_ms
from playhead.symbols import SymbolRecord
from shared.hours import Hours
from shared.sources.registry import open_source
from shared.ticks import FeedTick, ticks_of


@dataclass(frozen=True)
class Window:
    """The bars that close after `start_ms` and by `end_ms`, of the symbols that the session had when it was opened."""

    start_ms: int
    end_ms: int
    symbols: Mapping[str, SymbolRecord]

    def read(self, config: SessionConfig) -> Iterator[FeedTick]:
        """Its ticks in close-time order. Raises `SourceError` where a source cannot be read."""
        return ticks_of(self._bars(config))

    def _bars(self, config: SessionConfig) -> Iterator[Bars]:
        step_ms = interval_ms(config.interval)
        by_source: dict[str, list[str]] = defaultdict(list)
        for symbol, record in self.symbols.items():
            by_source[record.source or config.source].append(symbol)
        for uri, symbols in by_source.items():
            first_ms, end_ms = self.start_ms - step_ms + 1, self.end_ms - step_ms + 1
            found = open_source(uri).get_many(symbols, config.interval, first_ms, end_ms)
            for symbol, bars in found.items():
                record = self.symbols[symbol]
                later = bars.where(bars.start_ms + step_ms > record.through_ms)
                yield Hours.of(record.calendar, config.date, config.end).regular(later)
