"""Reads: a snapshot for who follows nothing, as of its position for a consumer, however far behind it is."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from typing import TypeVar

import numpy as np
import pytest

from playhead.bars import Bars
from playhead.errors import InvalidInput, Malformed, SessionNotFound, UnknownSymbol
from playhead.messages import DayOpened, Message, SymbolAdded, Tick
from playhead.session import Session
from playhead.sessions import sessions
from playhead.view import View
from shared.redis_server import RedisServer
from tests.support.tape import MINUTE_MS, OPEN_MS, ZONE, Tape, bars_for

Written = TypeVar("Written")
COUNT_HGETALL = "cmdstat_hgetall"


@pytest.fixture
def tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    """A running session of AAPL and MSFT at 09:30."""
    tape = Tape(redis_url, session_name).create().begin()
    yield tape
    tape.close()


@pytest.fixture
def session(tape: Tape, redis_url: str) -> Iterator[Session]:
    with Session(tape.keys.session, redis_url) as session:
        yield session


@pytest.fixture
def long_tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    """The same over three trading days, with two of history before them."""
    tape = Tape(redis_url, session_name, last=date(2025, 7, 7), history=2).create().begin()
    yield tape
    tape.close()


@pytest.fixture
def long_session(long_tape: Tape, redis_url: str) -> Iterator[Session]:
    with Session(long_tape.keys.session, redis_url) as session:
        yield session


def minutes(*which: int) -> list[int]:
    return [OPEN_MS + minute * MINUTE_MS for minute in which]


def hgetalls(tape: Tape) -> int:
    stats = tape.client.info("commandstats")
    return int(stats.get(COUNT_HGETALL, {}).get("calls", 0))


# Opening


def test_a_session_that_is_not_there_is_an_error_that_lists_those_there_are(tape: Tape, redis_url: str) -> None:
    with pytest.raises(SessionNotFound) as caught:
        Session("no-such-session", redis_url)
    assert tape.keys.session in str(caught.value)
    assert "playhead session start --id no-such-session" in str(caught.value)


def test_a_bad_session_name_is_refused(redis_url: str) -> None:
    with pytest.raises(InvalidInput, match="session name"):
        Session("two words", redis_url)


def test_without_a_name_the_environment_names_the_session(
    tape: Tape, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_SESSION", tape.keys.session)
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    with Session() as session:
        assert session.name == tape.keys.session
        assert session.url == redis_url


def test_without_any_name_it_is_the_only_session_there_is(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLAYHEAD_SESSION", raising=False)
    with pytest.raises(SessionNotFound, match="playhead session start"):
        Session(url=own_server.url)
    one = Tape(own_server.url, "one").create()
    one.client.sadd("playhead:sessions", "left-over")  # a name without a state is no session
    with Session(url=own_server.url) as session:
        assert session.name == "one"
    two = Tape(own_server.url, "two").create()
    with pytest.raises(InvalidInput, match=r"several sessions .*: one, two"):
        Session(url=own_server.url)
    assert sessions(own_server.url) == ["one", "two"]
    one.close()
    two.close()


def test_opening_and_commanding_a_session_does_not_load_numpy(tape: Tape, redis_url: str) -> None:
    script = (
        "import sys, playhead; from playhead import Session; s = Session(*sys.argv[1:]); s.info(); s.symbols(); "
        "s.close(); sys.exit('numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, tape.keys.session, redis_url], check=True)


# Snapshots


def test_a_snapshot_has_the_bars_so_far_in_order_and_read_only(tape: Tape, session: Session) -> None:
    tape.ticks(3)
    tape.tick("MSFT")
    tape.tick("AAPL")
    bars = session.bars("aapl")
    assert bars == bars_for("AAPL", minutes(0, 1, 2, 4))
    with pytest.raises(ValueError, match="read-only"):
        bars.values[0, 0] = 1.0


def test_a_snapshot_answers_none_while_symbols_are_added(tape: Tape, session: Session) -> None:
    tape.tick()
    tape.set(active=0)
    assert session.bars("AAPL") is None
    assert session.symbols() is None
    tape.set(active=1)
    assert len(session.bars("AAPL") or ()) == 1
    assert session.symbols() == ("AAPL", "MSFT")


def test_a_symbol_that_is_not_there_is_an_error_that_lists_those_there_are(tape: Tape, session: Session) -> None:
    with pytest.raises(UnknownSymbol, match=r"^TSLA is not in session .*; there are AAPL, MSFT$"):
        session.bars("TSLA")


def test_a_symbol_without_a_bar_so_far_has_empty_columns(tape: Tape, session: Session) -> None:
    assert session.bars("AAPL") == Bars.empty("AAPL", "1m")


@pytest.mark.parametrize("interval", ["5m", "nonsense", ""])
def test_an_interval_that_the_session_has_not_is_refused(tape: Tape, session: Session, interval: str) -> None:
    with pytest.raises(InvalidInput, match="it has 1m"):
        session.bars("AAPL", interval)


def test_the_interval_of_the_session_is_the_default(redis_url: str, session_name: str) -> None:
    tape = Tape(redis_url, session_name, interval="5m").create().begin()
    tape.ticks(2)
    starts = [OPEN_MS, OPEN_MS + 5 * MINUTE_MS]
    with Session(session_name, redis_url) as session:
        assert session.bars("AAPL") == session.bars("AAPL", "5m") == bars_for("AAPL", starts, "5m")
    tape.close()


def test_the_clock_is_none_before_the_session_has_begun(redis_url: str, session_name: str) -> None:
    tape = Tape(redis_url, session_name).create()
    with Session(session_name, redis_url) as session:
        assert session.clock() is None
        assert session.symbols() == ()
        tape.begin()
        assert session.clock() == OPEN_MS
    tape.close()


def test_reads_of_a_deleted_session_say_that_it_is_gone(tape: Tape, session: Session) -> None:
    session.delete()
    for read in (session.clock, session.symbols, lambda: session.bars("AAPL")):
        with pytest.raises(SessionNotFound):
            read()
    assert session.info() is None


def test_runs_that_overlap_are_malformed(tape: Tape, session: Session) -> None:
    tape.ticks(2)
    runs = tape.client.hgetall(tape.bars_key("AAPL"))
    tape.client.hset(tape.bars_key("AAPL"), str(OPEN_MS), b"".join(map(bytes, runs.values())))  # type: ignore[arg-type]
    with pytest.raises(Malformed, match="overlap"):
        session.bars("AAPL")


# Trading days

JUNE_30, JULY_1, JULY_3, JULY_7 = (
    round(datetime.fromisoformat(f"2025-{day}T13:30Z").timestamp() * 1000)
    for day in ("06-30", "07-01", "07-03", "07-07")
)


def test_a_snapshot_begins_anew_when_a_trading_day_opens(long_tape: Tape, long_session: Session) -> None:
    long_tape.ticks(2)
    assert long_session.bars("AAPL") == bars_for("AAPL", minutes(0, 1))
    long_tape.set(clock_ms=JULY_3 - 1)  # the night is of the day before
    assert long_session.bars("AAPL") == bars_for("AAPL", minutes(0, 1))
    long_tape.open_day()
    assert long_session.bars("AAPL") == Bars.empty("AAPL", "1m")
    long_tape.ticks(3)
    assert long_session.bars("AAPL") == bars_for("AAPL", [JULY_3 + at * MINUTE_MS for at in range(3)])


def test_history_has_the_trading_days_before_the_current_one(long_tape: Tape, long_session: Session) -> None:
    long_tape.write_history("AAPL", JUNE_30, JULY_1, JULY_1 + MINUTE_MS)
    first = [JULY_1, JULY_1 + MINUTE_MS]
    assert long_session.history("aapl") == bars_for("AAPL", [JUNE_30, *first])
    assert long_session.history("AAPL", days=1) == bars_for("AAPL", first)
    assert long_session.history("AAPL", days=0) == Bars.empty("AAPL", "1m")
    assert long_session.history("MSFT") == Bars.empty("MSFT", "1m")
    long_tape.ticks(2)
    long_tape.open_day()
    long_tape.tick()
    assert long_session.history("AAPL") == bars_for("AAPL", [*first, *minutes(0, 1)])
    long_tape.open_day()
    found = long_session.history("AAPL", "1m", 2)
    assert found == bars_for("AAPL", [*minutes(0, 1), JULY_3])
    with pytest.raises(ValueError, match="read-only"):
        found.values[0, 0] = 1.0


def test_more_history_than_the_session_keeps_is_refused(long_session: Session) -> None:
    with pytest.raises(InvalidInput, match="keeps 2 days of history, not 3; start it with --history 3d"):
        long_session.history("AAPL", days=3)


def test_less_than_no_history_is_refused(long_session: Session) -> None:
    with pytest.raises(InvalidInput, match="-1 days of history are less than none"):
        long_session.history("AAPL", days=-1)


def test_a_session_without_history_has_none(tape: Tape, session: Session) -> None:
    tape.ticks(2)
    assert session.history("AAPL") == Bars.empty("AAPL", "1m")
    with pytest.raises(InvalidInput, match="keeps 0 days of history"):
        session.history("AAPL", days=1)


def test_history_answers_none_while_symbols_are_added_and_knows_the_symbols(
    long_tape: Tape, long_session: Session
) -> None:
    with pytest.raises(UnknownSymbol, match="there are AAPL, MSFT"):
        long_session.history("TSLA")
    long_tape.set(active=0)
    assert long_session.history("AAPL") is None


def test_a_session_without_the_trading_days_of_a_calendar_is_malformed(tape: Tape, session: Session) -> None:
    tape.client.delete(tape.keys.calendars)
    with pytest.raises(Malformed, match="no trading days of calendar 'XNYS'"):
        session.bars("AAPL")
    tape.client.hset(tape.keys.calendars, "XNYS", "[]")
    with pytest.raises(Malformed, match="trading days of a calendar"):
        session.bars("AAPL")


def test_a_consumer_on_the_day_before_sees_that_day_however_far_the_clock_is(
    long_tape: Tape, long_session: Session
) -> None:
    long_tape.write_history("AAPL", JUNE_30, JULY_1)
    long_tape.ticks(3)
    long_tape.open_day()
    long_tape.ticks(2)
    long_tape.open_day()
    following = [JULY_3, JULY_3 + MINUTE_MS]
    with long_session.subscribe(from_start=True) as items:
        for count in range(1, 4):
            next(items)
            assert long_session.bars("AAPL") == bars_for("AAPL", minutes(*range(count)))
            assert long_session.history("AAPL") == bars_for("AAPL", [JUNE_30, JULY_1])
        opened = next(items)
        assert isinstance(opened, DayOpened)
        assert (opened.calendar, opened.date, opened.clock_ms) == ("XNYS", "2025-07-03", JULY_3)
        assert long_session.bars("AAPL") == Bars.empty("AAPL", "1m")
        assert long_session.history("AAPL") == bars_for("AAPL", [JULY_1, *minutes(0, 1, 2)])
        next(items)
        assert long_session.bars("AAPL") == bars_for("AAPL", following[:1])
        assert long_session.history("MSFT", days=1) == bars_for("MSFT", minutes(0, 1, 2))
        next(items)
        assert next(items).type == "day-opened"
        assert long_session.bars("MSFT") == Bars.empty("MSFT", "1m")
        assert long_session.history("MSFT") == bars_for("MSFT", [*minutes(0, 1, 2), *following])


# Summaries


def test_a_summary_says_where_the_session_is_and_what_each_symbol_has(tape: Tape, session: Session) -> None:
    for _ in range(156):
        tape.tick("MSFT")
    tape.add_symbol("RIVN")
    info = session.info()
    assert info is not None
    assert (info.name, info.status, info.zone, info.active) == (session.name, "running", ZONE, True)
    assert (info.date, info.interval, info.speed, info.error) == (date(2025, 7, 2), "1m", "max", None)
    assert (info.clock_ms, info.end_ms) == (OPEN_MS + 156 * MINUTE_MS, OPEN_MS + 390 * MINUTE_MS)
    assert sorted(info.symbols) == ["AAPL", "MSFT", "RIVN"]
    rivn = info.symbols["RIVN"]
    assert rivn.record.dynamic
    assert rivn.record.added_ms == info.clock_ms
    assert not info.symbols["MSFT"].record.dynamic
    for symbol in ("RIVN", "MSFT"):  # one run, or a run a bar: the same bars
        has = info.symbols[symbol].intervals["1m"]
        assert (has.bars, has.start_ms, has.last_ms, has.span_min) == (156, OPEN_MS, info.clock_ms, 156)
    none = info.symbols["AAPL"].intervals["1m"]
    assert (none.bars, none.start_ms, none.last_ms, none.span_min) == (0, None, None, 0)


def test_a_summary_counts_the_bars_and_not_the_minutes(tape: Tape, session: Session) -> None:
    tape.tick()
    tape.tick("AAPL", minutes=5)
    info = session.info()
    assert info is not None
    has = info.symbols["AAPL"].intervals["1m"]
    assert (has.bars, has.span_min) == (2, 6)


def test_a_summary_counts_the_current_trading_day(long_tape: Tape, long_session: Session) -> None:
    long_tape.ticks(3)
    long_tape.open_day()
    long_tape.tick()
    info = long_session.info()
    assert info is not None
    has = info.symbols["AAPL"].intervals["1m"]
    assert (info.date, has.bars, has.start_ms) == (date(2025, 7, 3), 1, JULY_3)
    long_tape.open_day()
    info = long_session.info()
    assert info is not None
    assert (info.date, info.symbols["AAPL"].intervals["1m"].bars) == (date(2025, 7, 7), 0)


def test_a_summary_of_an_inactive_session_counts_nothing(tape: Tape, session: Session) -> None:
    tape.tick()
    tape.set(active=0)
    tape.client.sadd(tape.keys.holds, "user", "add:c1")
    info = session.info()
    assert info is not None
    assert not info.active
    assert (info.status, info.holds) == ("paused", ("add:c1", "user"))
    assert [symbol.intervals for symbol in info.symbols.values()] == [{}, {}]


# As of a position


def test_before_the_first_item_reads_are_snapshots(tape: Tape, session: Session) -> None:
    tape.ticks(3)
    with session.subscribe(from_start=True) as items:
        assert len(session.bars("AAPL") or ()) == 3
        next(items)
        assert len(session.bars("AAPL") or ()) == 1
    assert len(session.bars("AAPL") or ()) == 3


def test_a_consumer_that_is_behind_sees_no_later_bar(tape: Tape, session: Session) -> None:
    tape.ticks(20)
    with session.subscribe(from_start=True) as items:
        for count, item in zip(range(1, 21), items, strict=False):
            assert session.bars("AAPL") == bars_for("AAPL", minutes(*range(count)))
            assert session.clock() == item.clock_ms == OPEN_MS + count * MINUTE_MS


def test_a_consumer_sees_a_symbol_from_its_event_on_complete_and_no_further(tape: Tape, session: Session) -> None:
    tape.ticks(5)
    tape.add_symbol("RIVN")
    for _ in range(5):
        tape.tick("AAPL", "MSFT", "RIVN")
    with session.subscribe(from_start=True) as items:
        for item in items:
            if isinstance(item, SymbolAdded):
                break
            assert session.symbols() == ("AAPL", "MSFT")
            with pytest.raises(UnknownSymbol, match=r"there are AAPL, MSFT$"):
                session.bars("RIVN")
        assert session.symbols() == ("AAPL", "MSFT", "RIVN")
        assert session.bars("RIVN") == bars_for("RIVN", minutes(*range(5)))
        next(items)
        assert session.bars("RIVN") == bars_for("RIVN", minutes(*range(6)))


def test_an_event_of_the_same_millisecond_counts_by_its_number(tape: Tape, session: Session) -> None:
    tape.tick()
    for n in range(10):
        tape.event("consumer-dropped", consumer=f"c{n}")
    added = tape.add_symbol("RIVN")  # number 11: before 2 as text, after it as a number
    assert added.endswith("-11")
    with session.subscribe(from_start=True) as items:
        for item in items:
            assert ("RIVN" in (session.symbols() or ())) == (item.entry == added)
            if item.entry == added:
                break


def test_a_consumer_is_answered_while_symbols_are_added(tape: Tape, session: Session) -> None:
    tape.ticks(2)
    with session.subscribe(from_start=True) as items:
        next(items)
        tape.set(active=0)
        assert session.bars("AAPL") == bars_for("AAPL", minutes(0))
        assert session.bars("MSFT") == bars_for("MSFT", minutes(0))
        assert session.symbols() == ("AAPL", "MSFT")
        next(items)
        assert session.bars("AAPL") == bars_for("AAPL", minutes(0, 1))


def test_a_resumed_consumer_reads_as_of_its_saved_position_at_once(tape: Tape, session: Session) -> None:
    tape.ticks(5)
    tape.add_symbol("RIVN")
    with session.subscribe("c") as items:
        next(items)
        next(items)
    with session.subscribe("c"):
        assert session.bars("AAPL") == bars_for("AAPL", minutes(0))
        assert session.symbols() == ("AAPL", "MSFT")


def test_a_tick_that_is_handed_out_again_is_not_counted_twice(tape: Tape, session: Session) -> None:
    tape.ticks(3)
    for _ in range(3):
        with session.subscribe("c") as items:
            first = next(items)
            assert first.clock_ms == OPEN_MS + MINUTE_MS
            assert session.bars("AAPL") == bars_for("AAPL", minutes(0))


def test_reading_the_day_at_every_tick_asks_redis_once_a_symbol(tape: Tape, session: Session) -> None:
    tape.tick()
    with session.subscribe(from_start=True) as items:
        next(items)
        session.bars("AAPL"), session.bars("MSFT")
        before = hgetalls(tape)
        tape.ticks(50)
        for count in range(2, 52):
            next(items)
            assert len(session.bars("AAPL") or ()) == len(session.bars("MSFT") or ()) == count
        assert hgetalls(tape) == before


def test_bars_that_were_read_stay_as_they_were_and_cannot_be_written(tape: Tape, session: Session) -> None:
    tape.ticks(30)
    seen: list[Bars] = []
    with session.subscribe(from_start=True) as items:
        for _ in range(30):
            next(items)
            bars = session.bars("AAPL")
            assert bars is not None
            with pytest.raises(ValueError, match="read-only"):
                bars.close[-1] = 0.0
            seen.append(bars)
    assert seen == [bars_for("AAPL", minutes(*range(n))) for n in range(1, 31)]
    assert np.shares_memory(seen[-1].values, seen[-2].values)


@pytest.mark.parametrize("seed", range(12))
def test_what_was_read_and_extended_is_what_a_first_read_at_the_position_gives(
    tape: Tape, session: Session, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr("playhead.view.MAX_WAITING_BARS", chance.choice([0, 3, 1 << 16]))
    had: dict[str, list[int]] = {"AAPL": [], "MSFT": []}
    written: list[tuple[str, dict[str, list[int]]]] = []

    def write() -> None:
        if chance.random() < 0.15 and len(had) < 6:
            symbol = f"S{len(had)}"
            entry = tape.add_symbol(symbol)
            had[symbol] = list(range(OPEN_MS, tape.clock_ms, MINUTE_MS))
        else:
            names = chance.sample(sorted(had), chance.randint(1, len(had)))
            entry = tape.tick(*names, minutes=chance.randint(1, 3))
            for name in names:
                had[name].append(tape.clock_ms - MINUTE_MS)
        written.append((entry, {name: list(starts) for name, starts in had.items()}))

    with session.subscribe(from_start=True) as items:
        for entry, expected in handed(items, write, written, chance):
            assert items.position == entry
            assert session.symbols() == tuple(sorted(expected))
            for name in chance.sample(sorted(expected), chance.randint(0, len(expected))):
                assert session.bars(name) == bars_for(name, expected[name]), (seed, entry, name)
            fresh = View(tape.client, tape.keys, items._place, entry, items._patience)
            for name, starts in expected.items():
                assert fresh.bars(name, "1m") == bars_for(name, starts)


@pytest.mark.parametrize("seed", range(12))
def test_so_it_is_over_several_trading_days(
    long_tape: Tape, long_session: Session, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr("playhead.view.MAX_WAITING_BARS", chance.choice([0, 3, 1 << 16]))
    tape, session = long_tape, long_session
    # For each symbol the bars of each trading day, the current one last.
    had: dict[str, list[list[int]]] = {"AAPL": [[], [], []], "MSFT": [[], [], []]}
    for symbol, past in had.items():
        past[0], past[1] = [JUNE_30], [JULY_1, JULY_1 + chance.randint(1, 389) * MINUTE_MS]
        tape.write_history(symbol, *past[0], *past[1])
    written: list[tuple[str, dict[str, list[list[int]]]]] = []

    def write() -> None:
        if chance.random() < 0.05 and tape.clock_ms < JULY_7:
            entry = tape.open_day()
            for past in had.values():
                past.append([])
        elif chance.random() < 0.15 and len(had) < 6:
            symbol = f"S{len(had)}"
            entry = tape.add_symbol(symbol)
            open_ms = tape.days.day(tape.clock_ms).open_ms
            had[symbol] = [[], [], list(range(open_ms, tape.clock_ms, MINUTE_MS))]
        else:
            names = chance.sample(sorted(had), chance.randint(1, len(had)))
            entry = tape.tick(*names, minutes=chance.randint(1, 3))
            for name in names:
                had[name][-1].append(tape.clock_ms - MINUTE_MS)
        written.append((entry, {name: [list(starts) for starts in past] for name, past in had.items()}))

    with session.subscribe(from_start=True) as items:
        for entry, expected in handed(items, write, written, chance):
            for name in chance.sample(sorted(expected), chance.randint(0, len(expected))):
                assert session.bars(name) == bars_for(name, expected[name][-1]), (seed, entry, name)
                before = [at for starts in expected[name][-3:-1] for at in starts]
                assert session.history(name) == bars_for(name, before), (seed, entry, name)
            fresh = View(tape.client, tape.keys, items._place, entry, items._patience)
            for name, days in expected.items():
                assert fresh.bars(name, "1m") == bars_for(name, days[-1])
                assert fresh.history(name, "1m", 1) == bars_for(name, days[-2])


def handed(
    items: Iterator[Message],
    write: object,
    written: list[tuple[str, Written]],
    chance: random.Random,
) -> Iterator[tuple[str, Written]]:
    """Hands out 60 items while the session is written further, sometimes far ahead."""
    assert callable(write)
    at = 0
    while at < 60:
        for _ in range(chance.choice([0, 0, 1, 1, 2, 15])):
            write()
        while at < len(written) and chance.random() < 0.8:
            next(items)
            yield written[at]
            at += 1


def test_a_tick_has_its_own_bars(tape: Tape, session: Session) -> None:
    tape.tick("MSFT", "AAPL")
    with session.subscribe(from_start=True) as items:
        tick = next(items)
        assert isinstance(tick, Tick)
        assert tick.symbols == ("AAPL", "MSFT")
        assert tick.bar("TSLA") is None
        expected = bars_for("MSFT", minutes(0))[0]
        assert tick.bar("MSFT") == expected
        assert ("MSFT", "1m", expected) in list(tick.bars())
