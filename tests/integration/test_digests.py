"""The digests that a coordinator keeps: of every day that is over, of what stands in Redis, whoever takes over when."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from coordinator import digests
from coordinator.store import Store
from playhead.bars import Bars
from playhead.commands import AddSymbol, Pause, RemoveSymbol, Resume, RunUntil, Stop, encode
from playhead.config import SessionConfig, SymbolConfig
from playhead.digest import CLOCK_FIELD, UNREADABLE, digest_of, parse_field
from playhead.errors import Fenced
from playhead.speed import parse_speed
from shared.derive import derive
from shared.hours import Hours
from shared.scripts import script
from shared.sources import registry
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource

SYMBOLS = {"MSFT": "XNYS", "ZM": "XNYS", "AZN.L": "XLON", "7203.T": "XTKS"}
FIRST, LAST = date(2025, 7, 1), date(2025, 7, 3)
CONFIG = SessionConfig(
    tuple(SymbolConfig(symbol) for symbol in ("MSFT", "AZN.L")), FIRST, LAST, "memory:", derive=("15m",), history=1
)
NOON = "2025-07-02T12:06-04:00"
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> Iterator[None]:
    """A source that has every other minute of a week."""
    monkeypatch.setitem(registry._BUILT_IN, "memory", "tests.support.memory_source:MemorySource")
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    monkeypatch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
    starts: dict[str, list[int]] = {}
    for symbol, calendar in SYMBOLS.items():
        hours = Hours.of(calendar, date(2025, 6, 27), LAST)
        ranges = [each for day in hours.days for each in day.ranges]
        starts[symbol] = [at for first, last in ranges for at in range(first, last, 120_000)]
    MemorySource.hold(starts, "1m")
    yield
    MemorySource.held = {}


@pytest.fixture
def session(redis_url: str, session_name: str) -> Iterator[InProcess]:
    session = InProcess(redis_url, session_name, CONFIG)
    yield session
    session.close()


def kept(session: InProcess) -> dict[str, dict[str, str]]:
    """All digests."""
    found: Any = session.client.hgetall(session.keys.digests)
    return {name.decode(): json.loads(value) for name, value in found.items() if name.decode() != CLOCK_FIELD}


def clock_field(session: InProcess) -> int | None:
    found = session.client.hget(session.keys.digests, CLOCK_FIELD)
    return None if found is None else int(found)


def right(symbol: str, interval: str, day: str, until_ms: int = 1 << 60) -> str:
    """The digest of what the source has of a day, as far as it has closed by a time."""
    hours = Hours.of(SYMBOLS[symbol], FIRST, LAST)
    (of,) = [each for each in hours.days if each.label == day]
    bars: Bars = MemorySource.held[symbol].between(of.open_ms, of.close_ms)
    if interval != "1m":
        bars = derive(bars, interval, hours.days)
    step_ms = 60_000 if interval == "1m" else 900_000
    return digest_of(bars.where(bars.start_ms + step_ms <= until_ms))


def new_york_open_ms(day: str) -> int:
    """When a day begins in New York."""
    return next(each.open_ms for each in Hours.of("XNYS", FIRST, LAST).days if each.label == day)


def end(session: InProcess) -> None:
    session.run(lambda: clock_field(session) is not None, "the last digests")


def test_every_day_of_every_symbol_is_digested_from_the_day_it_was_added_on(session: InProcess) -> None:
    session.run(lambda: session.clock_ms() > 0 and session.client.scard(session.keys.holds) == 0, "the history")
    session.run_until(NOON)
    assert session.add(["ZM", "7203.T"]).status == "ok"
    session.finish()
    end(session)
    found = kept(session)
    later = {symbol: {"2025-07-02", "2025-07-03"} for symbol in ("ZM", "7203.T")}
    days = {"MSFT": {"2025-07-01", "2025-07-02", "2025-07-03"}, "AZN.L": {"2025-07-01", "2025-07-02", "2025-07-03"}}
    expected = {
        (symbol, interval, day) for symbol, of in (days | later).items() for day in of for interval in ("1m", "15m")
    }
    flat = {(symbol, *parse_field(name)[:0:-1]): each for name, of in found.items() for symbol, each in of.items()}
    assert flat.keys() == expected
    assert flat == {(symbol, interval, day): right(symbol, interval, day) for symbol, interval, day in expected}
    assert clock_field(session) == session.clock_ms()


def test_a_symbol_that_is_added_after_the_close_is_digested_then(session: InProcess) -> None:
    session.run_until("2025-07-01T16:30-04:00")
    session.run(lambda: "XNYS:2025-07-01:15m" in kept(session), "the digests of the day that is over")
    assert set(kept(session)["XNYS:2025-07-01:1m"]) == {"MSFT"}
    assert session.add(["ZM"]).status == "ok"
    session.send(Pause())
    session.run(lambda: "ZM" in kept(session)["XNYS:2025-07-01:15m"], "its digests")
    assert kept(session)["XNYS:2025-07-01:1m"] == {each: right(each, "1m", "2025-07-01") for each in ("MSFT", "ZM")}


@pytest.mark.parametrize("crash", [False, True])
def test_a_symbol_that_is_added_again_after_the_close_is_digested_again(session: InProcess, crash: bool) -> None:
    session.run_until(NOON)
    assert session.add(["ZM"]).status == "ok"
    session.run_until("2025-07-02T16:30-04:00")
    session.run(lambda: "ZM" in kept(session).get("XNYS:2025-07-02:15m", {}), "the digests of the day that is over")
    before = kept(session)["XNYS:2025-07-02:1m"]
    assert session.send(RemoveSymbol(("ZM",))).status == "ok"
    assert kept(session)["XNYS:2025-07-02:1m"] == before, "what was there is compared"
    held = MemorySource.held["ZM"]
    MemorySource.held = MemorySource.held | {"ZM": replace(held, values=held.values + 1)}
    assert session.add(["ZM"]).status == "ok"
    if crash:
        session.take_over()
    session.finish()
    end(session)
    assert kept(session)["XNYS:2025-07-02:1m"] == {each: right(each, "1m", "2025-07-02") for each in ("MSFT", "ZM")}
    assert kept(session)["XNYS:2025-07-02:15m"]["ZM"] == right("ZM", "15m", "2025-07-02")
    assert kept(session)["XNYS:2025-07-02:1m"]["ZM"] != before["ZM"]


def test_what_is_under_way_at_a_stop_is_digested_as_far_as_it_is(session: InProcess) -> None:
    session.run_until(NOON)
    session.send(Stop())
    end(session)
    clock_ms = session.clock_ms()
    assert clock_field(session) == clock_ms
    assert kept(session)["XNYS:2025-07-02:1m"] == {"MSFT": right("MSFT", "1m", "2025-07-02", clock_ms)}
    assert kept(session)["XNYS:2025-07-02:15m"] == {"MSFT": right("MSFT", "15m", "2025-07-02", clock_ms)}
    assert "XNYS:2025-07-03:1m" not in kept(session)


def test_a_session_that_the_producer_ends_while_it_is_waited_for_is_digested_too(session: InProcess) -> None:
    session.run_until(NOON)
    clock_ms = session.clock_ms()
    session._publisher._feed.fail("the disk is gone")
    end(session)
    assert session.client.hget(session.keys.state, "status") == b"failed"
    assert clock_field(session) == clock_ms
    assert kept(session)["XNYS:2025-07-02:1m"] == {"MSFT": right("MSFT", "1m", "2025-07-02", clock_ms)}


def test_the_clock_goes_on_while_a_day_is_digested_and_an_addition_waits_for_that(
    redis_url: str, session_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_read = threading.Event()
    read = digests.Digests._read

    def late(self: digests.Digests, work: digests._Work) -> dict[str, str]:
        assert may_read.wait(60)
        return read(self, work)

    monkeypatch.setattr(digests.Digests, "_read", late)
    session = InProcess(redis_url, session_name, replace(CONFIG, symbols=(SymbolConfig("MSFT"),)))
    try:
        session.client.xadd(session.keys.commands, encode(RunUntil(NOON)))  # type: ignore[arg-type]  # redis-py's is invariant
        session.run(
            lambda: "MSFT" in session.symbols() and session.clock_ms() > new_york_open_ms("2025-07-02"), "a new day"
        )
        assert kept(session) == {}
        session.client.xadd(session.keys.commands, encode(AddSymbol(("ZM",))))  # type: ignore[arg-type]
        session.poll(5)
        assert not session.client.exists(session.keys.operation)
        may_read.set()
        session.run(lambda: "ZM" in session.symbols(), "the addition")
        assert kept(session)["XNYS:2025-07-01:1m"] == {"MSFT": right("MSFT", "1m", "2025-07-01")}
    finally:
        may_read.set()
        session.close()


def test_what_is_not_digested_yet_is_not_deleted_and_what_was_need_not_wait(
    redis_url: str, session_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few ticks that are kept those of the day before go as soon as the next day has some."""
    may_read = {day: threading.Event() for day in ("2025-07-01", "2025-07-02", "2025-07-03")}
    read = digests.Digests._read

    def late(self: digests.Digests, work: digests._Work) -> dict[str, str]:
        assert may_read[work.day].wait(60)
        return read(self, work)

    monkeypatch.setattr(digests.Digests, "_read", late)
    config = replace(CONFIG, symbols=(SymbolConfig("MSFT"),), derive=(), history=0)
    session = InProcess(redis_url, session_name, config, retained_ticks=32, batch_ticks=8)
    try:
        first, second = (session.keys.bars("MSFT", "1m", day) for day in ("2025-07-01", "2025-07-02"))
        session.run(lambda: session.clock_ms() > new_york_open_ms("2025-07-02"), "the second day")
        session.poll(200)
        assert session.client.exists(first)
        may_read["2025-07-01"].set()
        session.run(lambda: not session.client.exists(first), "the first day to be forgotten")
        session.run(lambda: session.clock_ms() > new_york_open_ms("2025-07-03"), "the third day")
        assert session.client.exists(second)
        assert kept(session) == {"XNYS:2025-07-01:1m": {"MSFT": right("MSFT", "1m", "2025-07-01")}}
        for each in may_read.values():
            each.set()
        end(session)
        assert kept(session)["XNYS:2025-07-02:1m"] == {"MSFT": right("MSFT", "1m", "2025-07-02")}
    finally:
        for each in may_read.values():
            each.set()
        session.close()


def at_once(call: Callable[[], dict[str, str]], name: str) -> Future[dict[str, str]]:
    """Reads where it is asked for, in place of a thread."""
    read: Future[dict[str, str]] = Future()
    read.set_result(call())
    return read


@pytest.mark.parametrize("how", [{}, {"lead": 1}, {"speed": parse_speed("10000000")}], ids=["free", "lead", "paced"])
def test_a_day_that_is_over_is_digested_before_the_next_one_has_gone_far(
    redis_url: str, session_name: str, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    """Whatever the clock waits for, or does not: who verifies a session that runs, waits for that."""
    monkeypatch.setattr(digests, "in_background", at_once)
    config = replace(CONFIG, symbols=(SymbolConfig("MSFT"),), derive=(), history=0, **how)
    session = InProcess(redis_url, session_name, config, batch_ticks=8)
    try:
        session.run(lambda: session.clock_ms() > new_york_open_ms("2025-07-02") + HOUR_MS, "the first hour")
        assert session.clock_ms() < new_york_open_ms("2025-07-02") + 2 * HOUR_MS
        assert kept(session) == {"XNYS:2025-07-01:1m": {"MSFT": right("MSFT", "1m", "2025-07-01")}}
    finally:
        session.close()


@pytest.mark.parametrize("is_known", [True, False])
def test_a_digest_goes_along_with_a_move_where_the_server_knows_its_script(
    redis_url: str, session_name: str, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    alone: list[str] = []
    write = Store.digest

    def by_itself(self: Store, fields: Mapping[str, str]) -> None:
        alone.extend(fields)
        write(self, fields)

    monkeypatch.setattr(Store, "digest", by_itself)
    monkeypatch.setattr(digests, "in_background", at_once)
    config = replace(CONFIG, symbols=(SymbolConfig("MSFT"),), derive=(), history=0)
    session = InProcess(redis_url, session_name, config, batch_ticks=64)
    try:
        session.client.script_flush()
        if is_known:
            session.client.script_load(script("digest")._text)
        end(session)
        days = {f"XNYS:{day}:1m": day for day in ("2025-07-01", "2025-07-02", "2025-07-03")}
        assert kept(session) == {name: {"MSFT": right("MSFT", "1m", day)} for name, day in days.items()}
        first, *_, third = days
        # A script that the server does not know is known once it was sent by itself.
        assert alone == [third, CLOCK_FIELD] if is_known else [first, third, CLOCK_FIELD]
    finally:
        session.close()


def test_whoever_takes_over_in_the_middle_of_it_does_what_is_missing(
    session: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "CHUNK", 1)
    session.run_until(NOON)
    assert session.add(["ZM"]).status == "ok"
    session.client.xadd(session.keys.commands, encode(Resume()))  # type: ignore[arg-type]  # redis-py's is invariant
    while clock_field(session) is None:
        for _ in range(7):
            session._publisher.poll()
            session._replay.poll()
        session.take_over()
    found = kept(session)
    assert found["XNYS:2025-07-02:15m"] == {each: right(each, "15m", "2025-07-02") for each in ("MSFT", "ZM")}
    assert found["XNYS:2025-07-03:1m"] == {each: right(each, "1m", "2025-07-03") for each in ("MSFT", "ZM")}
    assert found["XNYS:2025-07-01:1m"] == {"MSFT": right("MSFT", "1m", "2025-07-01")}


def test_what_is_digested_is_what_stands_in_redis(session: InProcess) -> None:
    session.run_until(NOON)
    key = session.keys.bars("MSFT", "1m", "2025-07-02")
    gone = sorted(session.client.hkeys(key))[0]
    session.client.hdel(key, gone)
    session.client.set(session.keys.bars("MSFT", "15m", "2025-07-02"), "a hand has been here")
    session.send(Stop())
    end(session)
    left = session.days_data("MSFT", "1m", "2025-07-02")
    assert kept(session)["XNYS:2025-07-02:1m"] == {"MSFT": digest_of(left)}
    assert kept(session)["XNYS:2025-07-02:15m"] == {"MSFT": UNREADABLE}


def test_a_coordinator_that_was_replaced_writes_no_digests(redis_url: str, session_name: str) -> None:
    old = InProcess(redis_url, session_name, replace(CONFIG, history=0))
    try:
        old.run_until(NOON)
        before = old._replay
        old.take_over()
        old.client.delete(old.keys.digests)
        with pytest.raises(Fenced, match="another coordinator"):
            before._store.digest({"XNYS:2025-07-01:1m": "{}"})
        assert not old.client.exists(old.keys.digests)
    finally:
        old.close()
