"""The producer opens the next window while it publishes one. Whoever takes over between the two loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.entries import time_ms
from playhead.messages import Tick
from producer import publisher
from shared.hours import Hours
from shared.sources import registry
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource

FIRST, LAST = date(2025, 7, 1), date(2025, 7, 8)  # a holiday and a weekend among them
CONFIG = SessionConfig((SymbolConfig("MSFT"),), FIRST, LAST, "memory:", interval="5m")
SECOND_MS = 1_751_414_400_000  # 2025-07-02 00:00 UTC
FIVE_MINUTES_MS = 300_000


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, redis_url: str, session_name: str) -> Iterator[InProcess]:
    monkeypatch.setitem(registry._BUILT_IN, "memory", "tests.support.memory_source:MemorySource")
    monkeypatch.setattr(publisher, "CALL_TICKS", 3)
    monkeypatch.setattr(publisher, "MOST_TICKS", 3)
    MemorySource.hold({"MSFT": all_starts()}, CONFIG.interval)
    session = InProcess(redis_url, session_name, CONFIG)
    yield session
    session.close()
    MemorySource.held = {}


def all_starts() -> list[int]:
    ranges = [each for day in Hours.of("XNYS", FIRST, LAST).days for each in day.ranges]
    return [at for first, last in ranges for at in range(first, last, FIVE_MINUTES_MS)]


def published_ms(session: InProcess) -> int:
    """How far the main feed goes."""
    return time_ms(text(session.client.hget(session.keys.state, "published") or b"0-0"))


def in_the_first_window(session: InProcess) -> bool:
    """Whether a part of it has been published, and the second one is open."""
    return published_ms(session) > 0 and session.client.hexists(session.keys.windows, str(SECOND_MS))


def test_a_producer_that_takes_over_between_the_two_publishes_all_of_both(session: InProcess) -> None:
    session.run(lambda: in_the_first_window(session), "the second window")
    assert published_ms(session) < SECOND_MS
    session.take_over()
    session.finish()
    starts = [bar.start_ms for tick in session.notifications() if isinstance(tick, Tick) for _, _, bar in tick.bars()]
    assert starts == all_starts()
