"""A symbol that is removed: gone at once for who reads now, still there for who has not come so far, complete again
once it is added again. Producer, coordinator and workers run step by step in this process, on a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from coordinator.commands import named
from playhead.bars import Bars
from playhead.commands import AddSymbol, RemoveSymbol, Reply, Resume, RunUntil
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.entries import order
from playhead.errors import ConsumerFellBehind, UnknownSymbol
from playhead.messages import LAST, Message, SymbolAdded, SymbolRemoved, Tick
from playhead.session import Session
from playhead.subscription import Subscription
from playhead.symbols import decode as decode_record
from shared.calendars import calendar_name_for
from shared.hours import Hours
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource, made_bars
from tests.support.other_source import MEMORY, OTHER, OtherSource, other_bars, two_sources

FIRST, LAST_DAY = date(2025, 7, 1), date(2025, 7, 2)
NEXT = "2025-07-02T12:06:00-04:00"
NOON = "2025-07-01T12:06:00-04:00"
MINUTE_MS = 60_000
SYMBOLS = ("AAPL", "MSFT", "RIVN", "AZN.L")
Start = Callable[..., InProcess]


def starts_of(symbol: str) -> list[int]:
    """All minutes of regular hours of the replayed days and of one before them."""
    days = Hours.of(calendar_name_for(symbol, {}, "XNYS"), FIRST, LAST_DAY, 1).days
    return [at for day in days for first_ms, end_ms in day.ranges for at in range(first_ms, end_ms, MINUTE_MS)]


@pytest.fixture(autouse=True)
def sources(redis_url: str) -> Iterator[None]:
    with two_sources(redis_url):
        MemorySource.hold({symbol: starts_of(symbol) for symbol in SYMBOLS}, "1m")
        OtherSource.hold({symbol: starts_of(symbol) for symbol in SYMBOLS}, "1m")
        yield


@pytest.fixture
def start(redis_url: str, session_name: str) -> Iterator[Start]:
    begun: list[InProcess] = []

    def begin(*symbols: str, history: int = 1, end: date = LAST_DAY, run_until: str = NOON) -> InProcess:
        given = tuple(SymbolConfig(symbol) for symbol in symbols)
        config = SessionConfig(given, FIRST, end, MEMORY, derive=("5m",), history=history, run_until=run_until)
        session = InProcess(redis_url, f"{session_name}-{len(begun)}", config)
        begun.append(session)
        return session

    yield begin
    for session in begun:
        session.close()


def until_stopped(session: InProcess) -> None:
    session.run(lambda: session.client.smembers(session.keys.holds) == {b"user"}, "the stop")


def remove(session: InProcess, *symbols: str) -> Reply:
    reply: Reply = session.send(RemoveSymbol(symbols))
    return reply


@contextmanager
def reading(session: InProcess, url: str) -> Iterator[Session]:
    with Session(session.keys.session, url) as reader:
        yield reader


def there(bars: Bars | None) -> Bars:
    assert bars is not None
    return bars


def keys_of(session: InProcess, part: str) -> set[str]:
    """The keys of a session that have this in them."""
    return {text(key) for key in session.client.scan_iter(f"{session.keys.state}*", count=1000) if part in text(key)}


def follow(messages: Subscription, until: Callable[[Message], bool]) -> Message:
    """Takes messages up to one."""
    return next(message for message in messages if until(message))


def full(symbol: str, day: str, clock_ms: int | None = None, made: Callable[..., Bars] = made_bars) -> Bars:
    """The minutes of a trading day that had closed by a clock."""
    days = Hours.of(calendar_name_for(symbol, {}, "XNYS"), FIRST, LAST_DAY, 1).days
    (of,) = (each for each in days if each.label == day)
    inside = [at for at in starts_of(symbol) if of.open_ms <= at < of.close_ms]
    return made(symbol, "1m", [at for at in inside if clock_ms is None or at + MINUTE_MS <= clock_ms])


def test_a_removed_symbol_is_gone_from_snapshots_and_from_all_later_ticks(start: Start, redis_url: str) -> None:
    session = start("AAPL", "RIVN")
    until_stopped(session)
    clock_ms = session.clock_ms()
    reply = remove(session, "AAPL")
    assert (reply.status, reply.result) == ("ok", {"AAPL": {"status": "removed", "clock_ms": clock_ms}})
    with reading(session, redis_url) as reader:
        assert reader.symbols() == ("RIVN",)
        for read in (reader.bars, reader.history):
            with pytest.raises(UnknownSymbol, match=r"AAPL is not in session .*; there are RIVN"):
                read("AAPL")
        info = reader.info()
        assert info is not None
        assert list(info.symbols) == ["RIVN"]
    assert keys_of(session, "}:bars:AAPL") == set()
    assert session.clock_ms() == clock_ms, "the clock moved"
    session.finish()
    (event,) = (message for message in session.notifications() if isinstance(message, SymbolRemoved))
    assert (event.entry, event.symbols, event.command) == (f"{clock_ms}-1", ("AAPL",), reply.id)
    last = dict.fromkeys(("AAPL", "RIVN"), 0)
    for message in session.notifications():
        if isinstance(message, Tick):
            last |= dict.fromkeys(message.symbols, message.clock_ms)
    assert last["AAPL"] == clock_ms
    assert last["RIVN"] == session.clock_ms()
    assert keys_of(session, "}:bars:AAPL") == set()


def test_a_consumer_that_is_behind_sees_a_removed_symbol_until_it_is_handed_the_event(
    start: Start, redis_url: str
) -> None:
    session = start("AAPL", "RIVN")
    until_stopped(session)
    noon_ms = session.clock_ms()
    with reading(session, redis_url) as reader, reader.subscribe("behind") as messages:
        message = follow(messages, lambda each: each.clock_ms == noon_ms - 36 * MINUTE_MS)
        assert reader.symbols() == ("AAPL", "RIVN")  # as it was then; its bars are read after the removal
        remove(session, "AAPL")
        assert reader.bars("AAPL") == full("AAPL", "2025-07-01", message.clock_ms)
        assert there(reader.bars("AAPL", "5m")).start_ms[-1] == message.clock_ms - 5 * MINUTE_MS
        assert reader.history("AAPL") == full("AAPL", "2025-06-30")
        message = follow(messages, lambda each: each.clock_ms == noon_ms)
        assert isinstance(message, Tick)
        assert reader.symbols() == ("AAPL", "RIVN")
        assert reader.bars("AAPL") == full("AAPL", "2025-07-01", noon_ms)
        assert isinstance(next(messages), SymbolRemoved)
        assert reader.symbols() == ("RIVN",)
        for read in (reader.bars, reader.history):
            with pytest.raises(UnknownSymbol, match="AAPL is not in session"):
                read("AAPL")


@pytest.mark.parametrize("again", [NOON, "2025-07-01T13:01:00-04:00", NEXT])
def test_a_symbol_that_is_added_again_equals_one_that_was_always_there(
    start: Start, redis_url: str, again: str
) -> None:
    session, whole = start("AAPL", "RIVN"), start("AAPL", "RIVN")
    for each in (session, whole):
        until_stopped(each)
    remove(session, "AAPL")
    if again != NOON:
        session.run_until(again)
        whole.run_until(again)
    assert session.add(["AAPL"]).status == "ok"
    added_ms = session.clock_ms()
    with reading(session, redis_url) as mine, reading(whole, redis_url) as theirs:
        for end in (False, True):
            if end:
                session.finish()
                whole.finish()
            for interval in ("1m", "5m"):
                assert mine.bars("AAPL", interval) == theirs.bars("AAPL", interval)
                assert len(there(mine.bars("AAPL", interval)))
                assert mine.history("AAPL", interval) == theirs.history("AAPL", interval)
    ours, always = (
        {each.clock_ms: list(each.bars()) for each in of.notifications() if isinstance(each, Tick)}
        for of in (session, whole)
    )
    assert {at: bars for at, bars in ours.items() if at > added_ms} == {
        at: bars for at, bars in always.items() if at > added_ms
    }


def test_a_symbol_that_is_added_again_from_elsewhere_has_at_each_position_the_bars_that_were_there(
    start: Start, redis_url: str
) -> None:
    session = start("AAPL", "RIVN")
    until_stopped(session)
    noon_ms = session.clock_ms()
    with reading(session, redis_url) as reader, reader.subscribe("behind") as messages:
        message = follow(messages, lambda each: each.clock_ms == noon_ms - MINUTE_MS)
        assert reader.bars("AAPL") == full("AAPL", "2025-07-01", message.clock_ms)
        remove(session, "AAPL")
        assert session.send(AddSymbol(("AAPL",), OTHER)).status == "ok"
        session.run_until("2025-07-01T12:07:00-04:00")
        assert reader.bars("AAPL", "1m") == full("AAPL", "2025-07-01", message.clock_ms)
        assert there(reader.bars("AAPL", "5m"))[0].open == full("AAPL", "2025-07-01")[0].open
        assert isinstance(next(messages), Tick)
        assert reader.bars("AAPL") == full("AAPL", "2025-07-01", noon_ms)
        assert isinstance(next(messages), SymbolRemoved)
        assert reader.symbols() == ("RIVN",)
        assert isinstance(next(messages), SymbolAdded)
        assert reader.bars("AAPL") == full("AAPL", "2025-07-01", noon_ms, other_bars)
        assert reader.history("AAPL") == full("AAPL", "2025-06-30", made=other_bars)
        assert isinstance(next(messages), Tick)
        assert reader.bars("AAPL") == full("AAPL", "2025-07-01", noon_ms + MINUTE_MS, other_bars)
        assert keys_of(session, "}:removed:0-0:bars:AAPL:1m:2025-07-01")
    record = decode_record(session.client.hget(session.keys.removed, "AAPL 0-0") or b"")
    assert record.removed_entry == f"{noon_ms}-1"


def test_bars_of_the_first_source_that_were_published_already_do_not_come_after_those_of_the_second(
    start: Start,
) -> None:
    starts = {"AAPL": starts_of("AAPL")}
    open_ms = starts["AAPL"][390]
    OtherSource.hold({"AAPL": [at for at in starts["AAPL"] if at < open_ms + 240 * MINUTE_MS]}, "1m")
    session = start("AAPL", "RIVN", end=FIRST)
    until_stopped(session)
    assert session.send(RunUntil("2025-07-01T12:30:00-04:00")).status == "ok"
    while session.client.hget(session.keys.windows, "final") is None:
        session._publisher.poll()
    until_stopped(session)
    added_ms = session.clock_ms()
    remove(session, "AAPL")
    assert session.send(AddSymbol(("AAPL",), OTHER)).status == "ok"
    session.finish()
    ticks = [each for each in session.notifications() if isinstance(each, Tick) and each.clock_ms > added_ms]
    bars = [bar for tick in ticks if (bar := tick.bar("AAPL")) is not None]
    assert bars == list(other_bars("AAPL", "1m", [at for at in OtherSource.held["AAPL"].start_ms if at >= added_ms]))


def test_the_feed_of_a_removed_addition_is_dropped(start: Start) -> None:
    session = start("RIVN")
    until_stopped(session)
    session.add(["AAPL"])
    (feed,) = keys_of(session, ":feed:add-")
    assert session.client.xlen(feed) > 200
    remove(session, "AAPL")
    assert keys_of(session, ":feed:add-") == set()
    session.finish()
    assert not any("AAPL" in each.symbols for each in session.notifications() if isinstance(each, Tick))


def test_of_two_symbols_that_share_a_feed_the_other_one_goes_on(start: Start, redis_url: str) -> None:
    session = start("RIVN")
    until_stopped(session)
    session.add(["AAPL", "MSFT"])
    noon_ms = session.clock_ms()
    remove(session, "AAPL")
    assert len(keys_of(session, ":feed:add-")) == 1
    session.run_until("2025-07-01T12:10:00-04:00")
    session.add(["AAPL"])
    again_ms = session.clock_ms()
    session.finish()
    seen: dict[str, list[int]] = {"AAPL": [], "MSFT": []}
    for each in session.notifications():
        for symbol in seen.keys() & set(each.symbols if isinstance(each, Tick) else ()):
            if each.clock_ms % (5 * MINUTE_MS):
                seen[symbol].append(each.clock_ms)
    closes = {at + MINUTE_MS for at in starts_of("AAPL") if (at + MINUTE_MS) % (5 * MINUTE_MS)}
    assert seen["MSFT"] == sorted(at for at in closes if at > noon_ms)
    assert seen["AAPL"] == sorted(at for at in closes if at > again_ms)
    assert keys_of(session, ":feed:add-") == set()
    with reading(session, redis_url) as reader:
        for symbol in seen:
            assert reader.bars(symbol) == full(symbol, "2025-07-02")


@pytest.mark.parametrize("taken_over", [False, True])
def test_a_session_without_any_symbol_runs_on_to_its_end(start: Start, redis_url: str, taken_over: bool) -> None:
    session = start("AAPL", "RIVN", end=FIRST)
    until_stopped(session)
    end_ms = session.client.hget(session.keys.state, "end_ms")
    assert remove(session, "AAPL", "RIVN").status == "ok"
    assert remove(session, "AAPL").error == (
        f"AAPL: AAPL is not in session {session.keys.session}; there are no symbols"
    )
    if taken_over:
        session.take_over()
    with reading(session, redis_url) as reader:
        assert reader.symbols() == ()
        info = reader.info()
        assert info is not None
        assert (info.symbols, info.status) == ({}, "paused")
        session.finish()
        assert isinstance(session.notifications()[-1], LAST)
        assert str(reader.clock()).encode() == end_ms


@pytest.mark.parametrize("taken_over", [False, True])
def test_without_any_symbol_the_clock_keeps_its_pace(start: Start, taken_over: bool) -> None:
    session = start("RIVN", end=FIRST)
    until_stopped(session)
    remove(session, "RIVN")
    session.client.hset(session.keys.state, "speed", "600")
    session.take_over()
    if not taken_over:
        session.add(["RIVN"])
        remove(session, "RIVN")
    noon_ms, begun_s = session.clock_ms(), time.monotonic()
    session.run_until("2025-07-01T12:16:00-04:00")
    assert session.clock_ms() == noon_ms + 10 * MINUTE_MS
    assert time.monotonic() - begun_s >= 0.9


def test_at_a_pace_the_end_stays_where_the_exchange_of_a_removed_symbol_closes(start: Start) -> None:
    session = start("AZN.L", end=FIRST, run_until="2025-07-01T10:00:00-04:00")
    until_stopped(session)
    session.add(["AAPL"])
    assert remove(session, "AAPL").status == "ok"
    end_ms = int(session.client.hget(session.keys.state, "end_ms") or 0)
    assert end_ms == starts_of("AAPL")[779] + MINUTE_MS
    session.client.hset(session.keys.state, "speed", "1000000")
    session.take_over()
    session.finish()
    assert session.clock_ms() == end_ms


def test_a_session_whose_symbols_are_removed_before_anything_was_read_does_not_fail(start: Start) -> None:
    session = start("RIVN", end=FIRST, history=0)
    while session.client.hget(session.keys.state, "status") == b"created":
        session._replay.poll()  # without the producer: no window is opened yet
    entry = session.client.xadd(session.keys.commands, {"op": "remove-symbol", "symbol": "RIVN"})
    while session.client.hget(session.keys.state, "commands_at") != entry:
        session._replay.poll()
    until_stopped(session)
    assert session.add(["AAPL"]).status == "ok"
    session.finish()


def test_what_no_kept_position_sees_any_more_goes_with_the_notifications(start: Start, redis_url: str) -> None:
    session = start("AAPL", "RIVN")
    session._settings = replace(session._settings, retained_ticks=160)
    session.take_over()
    until_stopped(session)
    removed_ms = session.clock_ms()
    with reading(session, redis_url) as late, late.subscribe(from_start=True) as messages:
        follow(messages, lambda each: each.clock_ms == removed_ms - MINUTE_MS)
        remove(session, "AAPL")
        session.add(["AAPL"])
        session.run_until("2025-07-01T12:30:00-04:00")
        remove(session, "AAPL")
        again = order(session.notifications()[-1].entry)
        gone, kept = {"AAPL 0-0"}, {f"AAPL {removed_ms}-2"}
        assert {text(name) for name in session.client.hkeys(session.keys.removed)} == gone | kept

        def trimmed() -> tuple[int, int]:
            return order(text(session.client.hget(session.keys.state, "trimmed") or b""))

        session.send(Resume())
        session.run(lambda: trimmed() > (removed_ms, 1), "the first removal to be forgotten")
        assert trimmed() < again
        assert {text(name) for name in session.client.hkeys(session.keys.removed)} == kept
        assert keys_of(session, ":removed:0-0:") == set()
        assert len(keys_of(session, f":removed:{removed_ms}-2:")) == 4  # two intervals, today and a day of history
        with pytest.raises(ConsumerFellBehind):
            late.bars("AAPL", "5m")
    session.finish()
    assert trimmed() > again
    assert keys_of(session, ":removed") == set()


def test_whoever_takes_over_during_an_addition_after_a_removal_ends_it_well(start: Start, redis_url: str) -> None:
    session = start("AAPL", "RIVN")
    until_stopped(session)
    remove(session, "AAPL")
    entry = session.client.xadd(session.keys.commands, {"op": "add-symbol", "symbol": "AAPL", "source": OTHER})
    while not any(b"complete" in session.client.hkeys(key) for key in keys_of(session, ":manifest")):
        session._replay.poll()
    assert session.client.hget(session.keys.state, "commands_at") != entry
    session.take_over()
    session.run(lambda: session.client.hget(session.keys.state, "commands_at") == entry, "the end of the addition")
    with reading(session, redis_url) as reader:
        assert reader.symbols() == ("AAPL", "RIVN")
        assert reader.bars("AAPL") == full("AAPL", "2025-07-01", session.clock_ms(), other_bars)
        session.take_over()
        session.finish()
        assert reader.bars("AAPL") == full("AAPL", "2025-07-02", made=other_bars)


def test_a_removal_can_be_given_for_a_market_time(start: Start) -> None:
    session = start("AAPL", "RIVN")
    until_stopped(session)
    session.client.xadd(session.keys.commands, {"op": "remove-symbol", "symbol": "AAPL", "at": "12:10", "id": "later"})
    session.run_until("2025-07-01T12:20:00-04:00")
    (event,) = (each for each in session.notifications() if isinstance(each, SymbolRemoved))
    assert (event.clock_ms, event.command) == (session.clock_ms() - 10 * MINUTE_MS, "later")
    last = max(each.clock_ms for each in session.notifications() if isinstance(each, Tick) and "AAPL" in each.symbols)
    assert last == event.clock_ms


def test_each_symbol_of_a_removal_is_judged_by_itself(start: Start) -> None:
    session = start("AAPL", "MSFT", "RIVN")
    until_stopped(session)
    reply = remove(session, "aapl", "TSLA", "RIVN")
    assert reply.status == "partial"
    assert {symbol: each["status"] for symbol, each in reply.result.items()} == {
        "AAPL": "removed",
        "RIVN": "removed",
        "TSLA": "rejected",
    }
    assert reply.result["TSLA"]["error"] == (
        f"TSLA is not in session {session.keys.session}; there are AAPL, MSFT, RIVN"
    )
    assert session.symbols() == {"MSFT"}
    (event,) = (each for each in session.notifications() if isinstance(each, SymbolRemoved))
    assert event.symbols == ("AAPL", "RIVN")


def test_the_same_removals_give_the_same_run_hash_and_others_another(start: Start) -> None:
    hashes = []
    for removed in (["AAPL"], ["AAPL"], ["RIVN"]):
        session = start("AAPL", "RIVN", end=FIRST, history=0)
        until_stopped(session)
        remove(session, *removed)
        session.finish()
        hashes.append(session.client.hget(session.keys.state, "run_hash"))
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
    assert np.unique([each or b"" for each in hashes]).size == 2


def test_an_error_names_some_of_very_many_symbols() -> None:
    assert named(["B", "A"]) == "A, B"
    assert named([]) == "no symbols"
    assert named([f"S{n:05}" for n in range(10_000)]).endswith("S00048, S00049 and 9950 more")
