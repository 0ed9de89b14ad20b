"""Calls to Redis stay small, and the feed within its bounds, where later ticks have more symbols than the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import pytest

from coordinator.batch import LEAST_TICKS
from coordinator.move import Move
from coordinator.store import Store
from playhead.config import ALL_HOURS, SessionConfig, SymbolConfig
from producer.feed import MainFeed
from producer.publisher import CALL_BYTES, Publisher
from shared.sources import registry
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource

MINUTE_MS: Final = 60_000
OPEN_MS: Final = 1_751_463_000_000  # 2025-07-02 13:30 UTC
EARLY: Final = "EARLY"  # has bars for hours before all others
OTHERS: Final = tuple(f"S{number:03}" for number in range(200))
BATCH_BYTES: Final = 100_000
AHEAD_BYTES: Final = 300_000

Made = Callable[[], InProcess]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, redis_url: str, session_name: str) -> Iterator[Made]:
    monkeypatch.setitem(registry._BUILT_IN, "memory", "tests.support.memory_source:MemorySource")
    day = range(OPEN_MS, OPEN_MS + 390 * MINUTE_MS, MINUTE_MS)
    early = range(OPEN_MS - 300 * MINUTE_MS, day.stop, MINUTE_MS)
    MemorySource.hold({EARLY: early} | dict.fromkeys(OTHERS, day), "1m")
    symbols = tuple(SymbolConfig(symbol) for symbol in (EARLY, *OTHERS))
    config = SessionConfig(symbols, date(2025, 7, 2), date(2025, 7, 2), "memory:", hours=ALL_HOURS)
    made: list[InProcess] = []

    def one() -> InProcess:
        made.append(InProcess(redis_url, session_name, config, batch_bytes=BATCH_BYTES, feed_bytes_ahead=AHEAD_BYTES))
        return made[0]

    yield one
    for each in made:
        each.close()
    MemorySource.held = {}


def size_of(fields: Mapping[Any, Any]) -> int:
    return sum(map(len, fields.values()))


def test_no_call_of_the_producer_is_much_larger_than_it_may_be(make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    publishing = MainFeed._publishing

    def measured(self: MainFeed, after: str, entries: Sequence[tuple[str, Any]]) -> tuple[list[str], list[Any]]:
        sizes.append(sum(size_of(fields) for _, fields in entries))
        return publishing(self, after, entries)

    monkeypatch.setattr(MainFeed, "_publishing", measured)
    make().finish()
    assert CALL_BYTES > AHEAD_BYTES
    assert len(sizes) > 1
    assert max(sizes) < AHEAD_BYTES + 10_000  # one tick more


def test_no_move_takes_much_more_than_its_size(make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[tuple[int, int]] = []
    advancing = Store._advancing

    def measured(self: Store, move: Move) -> tuple[list[str], list[Any]]:
        moves.append((sum(tick.length for tick in move.ticks), sum(tick.size for tick in move.ticks)))
        return advancing(self, move)

    monkeypatch.setattr(Store, "_advancing", measured)
    make().finish()
    assert max(moves)[0] > 10 * LEAST_TICKS, "the ticks of one symbol are taken together"
    assert not [move for move in moves if move[0] > LEAST_TICKS and move[1] > BATCH_BYTES]


def test_the_feed_stays_within_its_bounds_whoever_publishes(make: Made) -> None:
    """Also where one producer after the other takes the session over while the clock stands."""
    session = make()
    session.run_until("10:00")
    for _ in range(4):
        session.take_over()
        session.run(lambda: is_idle(session._publisher), "the end of what the producer may do")
    entries: Any = session.client.xrange(session.keys.feed("main"))
    ahead = sum(size_of(fields) for entry, fields in entries if int(entry.split(b"-")[0]) > session.clock_ms())
    assert 0 < ahead < 2 * AHEAD_BYTES


def is_idle(producer: Publisher) -> bool:
    return producer.poll() > 0 and producer._entries is not None
