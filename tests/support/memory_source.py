"""A data source whose bars a test sets: `memory:`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np

from playhead.bars import Bars
from playhead.errors import UnknownSymbolInSource
from shared.sources.source import OneByOne


class MemorySource(OneByOne):
    """Gives the bars in `held`, by symbol."""

    held: ClassVar[dict[str, Bars]] = {}
    adjusted = False

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def get_bars(self, symbol: str, interval: str, start: object, end: object) -> Bars:
        if symbol not in self.held:
            raise UnknownSymbolInSource(f"{self.uri} has nothing under {symbol}")
        assert isinstance(start, int)
        assert isinstance(end, int)
        return self.held[symbol].between(start, end)

    def symbols(self) -> list[str]:
        return sorted(self.held)

    def check(self) -> None:
        return None

    @classmethod
    def hold(cls, starts: Mapping[str, Iterable[int]], interval: str) -> None:
        """Holds bars at these starts, each with values that no other bar has."""
        cls.held = {symbol: made_bars(symbol, interval, each) for symbol, each in starts.items()}


def made_bars(symbol: str, interval: str, starts: Iterable[int]) -> Bars:
    """Bars at these starts; the values follow from symbol and start, and no two bars have the same."""
    start_ms = np.array(sorted(starts), np.int64)
    base = start_ms / 1e6 + sum(map(ord, symbol)) / 7
    values = np.stack([base, base + 1, base - 1, base + 0.25, start_ms % 9973 * 1.0], axis=1)
    return Bars(symbol, interval, start_ms, values.reshape(-1, 5))
