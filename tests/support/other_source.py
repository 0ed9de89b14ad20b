"""A second data source whose bars a test sets: `other:`. It has other bars of the same symbols than `memory:` has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import pytest

from playhead.bars import Bars
from shared.sources import registry
from tests.support.memory_source import MemorySource, made_bars

MEMORY, OTHER = "memory:", "other:"


class OtherSource(MemorySource):
    """Gives the bars in `held`, by symbol."""

    held: ClassVar[dict[str, Bars]] = {}

    @classmethod
    def hold(cls, starts: Mapping[str, Iterable[int]], interval: str) -> None:
        """Holds bars at these starts, none of which `memory:` has."""
        cls.held = {symbol: other_bars(symbol, interval, each) for symbol, each in starts.items()}


def other_bars(symbol: str, interval: str, starts: Iterable[int]) -> Bars:
    """The bars of `made_bars` with twice their values."""
    bars = made_bars(symbol, interval, starts)
    return Bars(symbol, interval, bars.start_ms, bars.values * 2)


MADE = {MEMORY: made_bars, OTHER: other_bars}
HELD = {MEMORY: MemorySource, OTHER: OtherSource}


@contextmanager
def two_sources(url: str) -> Iterator[None]:
    """Both sources can be named in the block, and workers that run in this process find the server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._BUILT_IN, "memory", "tests.support.memory_source:MemorySource")
        patch.setitem(registry._BUILT_IN, "other", "tests.support.other_source:OtherSource")
        patch.setenv("PLAYHEAD_REDIS_URL", url)
        patch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
        yield
    MemorySource.held = {}
    OtherSource.held = {}
