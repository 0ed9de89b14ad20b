"""The script that removes symbols: all at once or nothing, and each command once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import pytest

from coordinator.operation import feed_name
from coordinator.removal import Removals
from coordinator.state import State
from coordinator.store import USER_HOLD, Effect
from playhead.commands import Reply
from playhead.errors import Fenced
from playhead.symbols import decode as decode_record
from tests.support.bench import ENTRY, OPENED, OPERATION, Bench
from tests.support.tape import DAY, MINUTE_MS, OPEN_MS

LATER: Final = "6-1"
FEED: Final = feed_name(OPERATION, 0)


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    bench.open()
    yield bench
    bench.tape.close()


@pytest.fixture
def added(bench: Bench) -> Bench:
    """RIVN was added, with a feed of its own, and three minutes have passed."""
    assert bench.begin() == "ok"
    bench.stage()
    assert bench.commit(bench.operation()) == "ok"
    assert bench.advance(3) == "ok"
    return bench


def remove(bench: Bench, *symbols: str, entry: str = LATER, id: str = "r1", state: State | None = None) -> str:
    reply = Reply(id, entry, "ok", None, {symbol: {"status": "removed"} for symbol in symbols})
    return Removals(bench.store).remove(
        bench.load() if state is None else state, symbols, reply, {"op": "remove-symbol", "id": id}
    )


def test_a_removal_does_everything_in_one_step(added: Bench) -> None:
    keys, clock_ms = added.keys, OPEN_MS + 3 * MINUTE_MS
    before = added.dump()
    assert remove(added, "RIVN", "AAPL") == "ok"
    after = added.dump()
    assert added.client.hkeys(keys.symbols) == [b"MSFT"]
    assert added.events()[-1] == (f"{clock_ms}-1", "symbol-removed")
    (fields,) = (fields for _, fields in added.entries(keys.notifications) if fields[b"type"] == b"symbol-removed")
    assert (fields[b"symbols"], fields[b"command"]) == (b"AAPL,RIVN", b"r1")
    for symbol, since in (("AAPL", "0-0"), ("RIVN", f"{OPEN_MS}-2")):
        record = decode_record(added.client.hget(keys.removed, f"{symbol} {since}") or b"")
        assert (record.since, record.removed_entry) == (since, f"{clock_ms}-1")
        assert record.there_at(f"{clock_ms}-0")
        assert not record.there_at(f"{clock_ms}-1")
        live, aside = keys.bars(symbol, "1m", DAY), keys.removed_bars(since, symbol, "1m", DAY)
        assert after[aside] == before[live]
        assert live not in after
    assert keys.feed(FEED) in before
    assert keys.feed(FEED) not in after
    state = added.state()
    assert (state["commands_at"], state["status"], state["clock_ms"]) == (LATER, "running", str(clock_ms))
    assert state["run_hash"] != f"hash-{clock_ms}"
    assert added.replies()[-1]["id"] == "r1"
    assert added.entries(keys.journal)[-1][1][b"op"] == b"remove-symbol"
    assert [key for key, (_, expires) in after.items() if expires] == sorted(map(keys.lease, added.leases))


def test_a_feed_that_carries_somebody_else_stays(added: Bench) -> None:
    keys = added.keys
    record = added.client.hget(keys.symbols, "RIVN")
    assert record is not None
    added.client.hset(keys.symbols, "TSLA", record)
    assert remove(added, "RIVN") == "ok"
    assert added.client.exists(keys.feed(FEED))
    assert remove(added, "TSLA", entry="7-1", id="r2") == "ok"
    assert not added.client.exists(keys.feed(FEED))


def test_a_removal_that_is_repeated_changes_nothing_more(added: Bench) -> None:
    state = added.load()
    assert remove(added, "RIVN", state=state) == "ok"
    before = added.dump()
    assert remove(added, "RIVN", state=state) == "ok"
    assert added.dump() == before


def test_a_repeated_id_is_answered_with_the_first_reply(added: Bench) -> None:
    assert remove(added, "RIVN") == "ok"
    notified, symbols = added.events(), added.client.hgetall(added.keys.symbols)
    assert remove(added, "AAPL", entry="7-1") == "repeated"
    assert (added.events(), added.client.hgetall(added.keys.symbols)) == (notified, symbols)
    assert [reply["entry"] for reply in added.replies()] == [ENTRY, LATER, LATER]
    assert added.state()["commands_at"] == "7-1"


Spoil = Callable[[Bench], object]

# What has happened before the script is called, and what it answers.
SPOILED: Final[dict[str, tuple[Spoil, str]]] = {
    "the clock was moved by hand": (lambda bench: bench.tape.set(clock_ms=OPEN_MS + 9 * MINUTE_MS), "clock"),
    "the symbol was taken out by hand": (lambda bench: bench.client.hdel(bench.keys.symbols, "RIVN"), "clock"),
    "another command was answered": (
        lambda bench: bench.store.answer(ENTRY, Reply("p", "5-9", "ok"), Effect(place=USER_HOLD), {"op": "pause"}),
        "position",
    ),
    "the producer has ended the session": (lambda bench: bench.feed.fail("no bars"), "ended"),
    "a person has ended the session": (lambda bench: bench.tape.set(status="stopped"), "ended"),
}


@pytest.mark.parametrize(("spoil", "outcome"), SPOILED.values(), ids=SPOILED)
def test_a_removal_that_cannot_be_right_changes_nothing(added: Bench, spoil: Spoil, outcome: str) -> None:
    state = added.load()
    spoil(added)
    before = added.dump()
    assert remove(added, "AAPL", "RIVN", state=state) == outcome
    assert added.dump() == before


def test_a_removal_under_a_lease_that_was_lost_changes_nothing(added: Bench) -> None:
    state = added.load()
    added.take_over()
    before = added.dump()
    with pytest.raises(Fenced):
        remove(added, "RIVN", state=state)
    assert added.dump() == before


def test_a_scheduled_removal_is_carried_out_once(added: Bench) -> None:
    reply = Reply("later", "6-0", "scheduled")
    effect = Effect(at_ms=OPEN_MS + 3 * MINUTE_MS, scheduled='{"op":"remove-symbol","symbol":"RIVN"}')
    assert added.store.answer(ENTRY, reply, effect, {}) == "ok"
    state = added.load()
    assert state.due == ("@1", OPEN_MS + 3 * MINUTE_MS)
    assert remove(added, "RIVN", entry="@1", id="later") == "ok"
    before = added.dump()
    assert remove(added, "RIVN", entry="@1", id="later", state=state) == "ok"
    assert added.dump() == before
    assert added.load().due is None


def test_what_was_removed_goes_once_the_removal_is_trimmed(added: Bench) -> None:
    clock_ms = OPEN_MS + 3 * MINUTE_MS
    assert remove(added, "AAPL") == "ok"
    aside = added.keys.removed_bars("0-0", "AAPL", "1m", DAY)
    assert added.store.trim(added.load(), f"{clock_ms}-0") == ()
    assert added.client.exists(aside, added.keys.removed) == 2
    state = added.load()
    assert added.store.trim(state, f"{clock_ms}-1") == ()
    assert added.client.exists(aside, added.keys.removed) == 0
    assert state.removed == {}


def test_what_a_living_consumer_may_still_read_of_a_removed_symbol_stays(added: Bench) -> None:
    clock_ms = OPEN_MS + 3 * MINUTE_MS
    assert remove(added, "AAPL") == "ok"
    added.client.hset(added.keys.consumers, "slow", added.operations.server_ms())
    added.client.hset(added.keys.consumer("slow"), mapping={"cursor": OPENED[0], "holder": "me", "history": "h"})
    before = added.dump()
    state = added.load()
    assert added.store.trim(state, f"{clock_ms}-1") == ("slow",)
    assert added.dump() == before
    assert list(state.removed) == ["AAPL 0-0"]


def test_a_removal_names_the_event_that_comes_after_others_of_the_same_clock(added: Bench) -> None:
    assert remove(added, "AAPL") == "ok"
    assert remove(added, "MSFT", entry="7-1", id="r2") == "ok"
    record = decode_record(added.client.hget(added.keys.removed, "MSFT 0-0") or b"")
    assert record == replace(record, removed_entry=f"{OPEN_MS + 3 * MINUTE_MS}-2")
