"""The script that forgets notifications, and the consumers that it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from coordinator.consumers import Consumers
from coordinator.store import WAITED_FOR_MS
from playhead.consumer import Consumer
from playhead.patience import Patience
from playhead.place import Place
from tests.support.bench import Bench
from tests.support.tape import MINUTE_MS, OPEN_MS


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    yield bench
    bench.tape.close()


def consumer(bench: Bench, name: str, cursor: str, silent_ms: int = 0) -> None:
    """A registered consumer at a position, whose last heartbeat was so long ago."""
    beat_ms = bench.operations.server_ms() - silent_ms
    bench.client.hset(bench.keys.consumers, name, beat_ms)
    bench.client.hset(bench.keys.consumer(name), mapping={"cursor": cursor, "holder": "me", "history": "h"})


def test_what_a_living_consumer_has_not_read_stays(bench: Bench) -> None:
    bench.open()
    bench.advance(4)
    first, second, third = (f"{OPEN_MS + at * MINUTE_MS}-0" for at in (1, 2, 3))
    consumer(bench, "slow", first)
    consumer(bench, "quick", third, silent_ms=WAITED_FOR_MS * 2)
    before = bench.dump()
    assert bench.store.trim(bench.load(), second) == ("slow",)
    assert bench.dump() == before
    assert bench.store.trim(bench.load(), first) == ()
    assert bench.state()["trimmed"] == first
    assert bench.events()[0] == (second, "tick")


def test_who_makes_way_for_another_process_is_waited_for_and_its_name_is_free(bench: Bench, redis_url: str) -> None:
    bench.open()
    bench.advance(4)
    place = Place(bench.client, bench.keys, Patience(0), registered=True)
    first = Consumer(bench.client, redis_url, bench.keys, "c", place, Patience(0))
    place.look()
    first.make_way(f"{OPEN_MS + MINUTE_MS}-0")
    assert bench.store.trim(bench.load(), f"{OPEN_MS + 2 * MINUTE_MS}-0") == ("c",)
    second = Consumer(bench.client, redis_url, bench.keys, "c", place, Patience(0))
    assert second.cursor == f"{OPEN_MS + MINUTE_MS}-0"
    second.leave(second.cursor)
    assert bench.store.trim(bench.load(), f"{OPEN_MS + 2 * MINUTE_MS}-0") == ()


def test_session_data_that_no_position_that_is_kept_needs_goes_with_the_notifications(
    redis_url: str, session_name: str
) -> None:
    """Three days and one of history: whoever stands on the third may read the second."""
    bench = Bench(redis_url, session_name, history=1, last=date(2025, 7, 7))
    bench.open()
    labels = [day.label for day in bench.tape.days]
    assert labels == ["2025-07-01", "2025-07-02", "2025-07-03", "2025-07-07"]

    def days_of(symbol: str) -> list[str]:
        return [label for label in labels if bench.client.exists(bench.keys.bars(symbol, "1m", label))]

    for label in labels:
        bench.client.hset(bench.keys.bars("AAPL", "1m", label), "0", b"")
        bench.client.hset(bench.keys.bars("MSFT", "1m", label), "0", b"")
        bench.client.hset(bench.keys.bars("TSLA", "1m", label), "0", b"")
    third_ms, second_ms = (bench.tape.days.days[at].open_ms for at in (3, 2))
    state = bench.load()
    assert bench.store.trim(state, f"{second_ms - 1}-0") == ()
    assert days_of("AAPL") == labels
    consumer(bench, "slow", f"{second_ms - 1}-0")
    assert bench.store.trim(state, f"{second_ms}-0") == ("slow",)
    assert days_of("AAPL") == labels
    consumer(bench, "slow", f"{third_ms}-5")
    assert bench.store.trim(state, f"{second_ms}-0") == ()
    assert days_of("AAPL") == days_of("MSFT") == labels[1:]
    assert bench.store.trim(bench.load(), f"{third_ms}-0") == ()
    assert days_of("AAPL") == days_of("MSFT") == labels[2:]
    assert days_of("TSLA") == labels  # it is no symbol of the session
    bench.tape.close()


def test_a_dead_consumer_is_dropped_with_an_event_and_keeps_its_cursor(bench: Bench) -> None:
    bench.open()
    bench.advance(4)
    first, second = (f"{OPEN_MS + at * MINUTE_MS}-0" for at in (1, 2))
    consumer(bench, "dead", first, silent_ms=WAITED_FOR_MS + 1_000)
    assert bench.store.trim(bench.load(), second) == ()
    assert not bench.client.hexists(bench.keys.consumers, "dead")
    assert bench.client.hget(bench.keys.consumer("dead"), "cursor") == first.encode()
    clock_ms = OPEN_MS + 4 * MINUTE_MS
    assert bench.events() == [
        (f"{clock_ms - MINUTE_MS}-0", "tick"),
        (f"{clock_ms}-0", "tick"),
        (f"{clock_ms}-1", "consumer-dropped"),
    ]
    assert bench.state()["noted"] == f"{clock_ms}-1"


def test_a_consumer_that_was_left_behind_and_shows_life_again_is_not_waited_for(bench: Bench) -> None:
    bench.open()
    bench.advance(4)
    first, second, third = (f"{OPEN_MS + at * MINUTE_MS}-0" for at in (1, 2, 3))
    consumer(bench, "asleep", first, silent_ms=WAITED_FOR_MS + 1_000)
    assert bench.store.trim(bench.load(), second) == ()
    consumer(bench, "asleep", first)  # what it would have to read next is gone
    assert bench.store.trim(bench.load(), third) == ()
    assert bench.client.hexists(bench.keys.consumers, "asleep")


def test_who_has_shown_life_since_it_was_looked_for_is_not_dropped(bench: Bench) -> None:
    bench.open()
    for name, silent_ms in (("alive", 0), ("dead", WAITED_FOR_MS * 2)):
        consumer(bench, name, f"{OPEN_MS}-1", silent_ms)
    dead_ms = bench.operations.server_ms() - WAITED_FOR_MS
    assert Consumers(bench.store).drop(["alive", "dead"], dead_ms) == ("dead",)
    assert bench.client.hkeys(bench.keys.consumers) == [b"alive"]
    assert [kind for _, kind in bench.events()] == ["day-opened", "consumer-dropped"]
