"""The scripts that move the clock, end the session and fill the main feed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from coordinator.batch import regrouped
from coordinator.move import Move
from playhead import days as trading_days
from playhead import messages
from playhead.errors import Fenced, SessionNotFound
from playhead.runs import BAR_BYTES
from shared import run_hash
from shared.ticks import window_end
from tests.support.bench import END_MS, NEXT_OPEN_MS, OPENED, Bench, released
from tests.support.tape import CALENDAR, DATE, DAY, MINUTE_MS, OPEN_MS

DAY_MS = 86_400_000
MIDNIGHT_MS = OPEN_MS // DAY_MS * DAY_MS  # the midnight before the open
NEXT_MS = MIDNIGHT_MS + DAY_MS
NEXT_DATE = DATE + timedelta(days=1)


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    yield bench
    bench.tape.close()


def by_hand(bench: Bench, *words: str) -> None:
    """What somebody types into redis-cli."""
    bench.client.execute_command(*words)  # type: ignore[no-untyped-call]  # in redis-py


def sizes(bench: Bench, symbol: str) -> dict[int, int]:
    """Start of each run of a symbol in minutes after the open, and its number of bars."""
    runs = bench.client.hgetall(bench.keys.bars(symbol, "1m", DAY))
    return {(int(start) - OPEN_MS) // MINUTE_MS: len(run) // BAR_BYTES for start, run in runs.items()}


def test_one_call_moves_the_clock_and_releases_its_ticks_and_their_bars(bench: Bench) -> None:
    bench.open()
    assert bench.advance(3) == "ok"
    assert bench.advance(1) == "ok"
    assert bench.events() == [OPENED, *((f"{OPEN_MS + at * MINUTE_MS}-0", "tick") for at in (1, 2, 3, 4))]
    assert sizes(bench, "AAPL") == sizes(bench, "MSFT") == {0: 3, 3: 1}
    state = bench.state()
    assert (state["clock_ms"], state["noted"]) == (str(OPEN_MS + 4 * MINUTE_MS), f"{OPEN_MS + 4 * MINUTE_MS}-0")
    assert state["run_hash"] == f"hash-{OPEN_MS + 4 * MINUTE_MS}"


def test_an_opened_session_has_its_calendars_and_says_which_day_opens(bench: Bench) -> None:
    bench.open()
    assert trading_days.decode(bench.client.hget(bench.keys.calendars, CALENDAR) or b"") == bench.tape.days
    state = bench.state()
    assert (state["status"], state["active"], state["clock_ms"]) == ("running", "1", str(OPEN_MS))
    assert (state["noted"], state["run_hash"]) == (OPENED[0], opening_hash(OPEN_MS, CALENDAR, DAY))
    assert "warming" not in state
    ((entry, fields),) = bench.entries(bench.keys.notifications)
    assert messages.decode(entry.encode(), fields) == messages.DayOpened(OPENED[0], OPEN_MS, CALENDAR, DAY)


def test_a_session_that_begins_with_another_exchange_opens_no_day_of_this_one(bench: Bench) -> None:
    bench.open(clock_ms=OPEN_MS - MINUTE_MS)
    assert bench.events() == []
    assert (bench.state()["noted"], bench.state()["run_hash"]) == ("0-0", "")


def opening_hash(clock_ms: int, calendar: str, label: str) -> str:
    return run_hash.after_event("", clock_ms, "day-opened", calendar, label)


@pytest.fixture
def long_bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    """Two trading days, with one of history."""
    bench = Bench(redis_url, session_name, history=1, last=NEXT_DATE)
    yield bench
    bench.tape.close()


def test_a_session_with_history_begins_with_the_clock_held_and_inactive(long_bench: Bench) -> None:
    long_bench.open()
    state = long_bench.state()
    assert (state["status"], state["active"], state["warming"]) == ("paused", "0", "1")
    assert long_bench.holds() == {"warm-up"}
    assert long_bench.load().warming
    assert long_bench.advance() == "held"
    assert long_bench.events() == []


def test_the_days_that_open_with_a_move_are_said_after_its_ticks(bench: Bench) -> None:
    bench.open()
    bench.advance(1)
    tick = released(NEXT_OPEN_MS - MINUTE_MS, "AAPL")
    runs = regrouped([tick])
    opening = [("XNYS", "2025-07-03"), ("XTSE", "2025-07-03")]
    move = Move(OPEN_MS + MINUTE_MS, NEXT_OPEN_MS, [tick], runs, {"AAPL": DAY}, {}, opening, None, "h")
    assert bench.store.advance(move) == "ok"
    assert bench.events()[2:] == [
        (f"{NEXT_OPEN_MS}-0", "tick"),
        (f"{NEXT_OPEN_MS}-1", "day-opened"),
        (f"{NEXT_OPEN_MS}-2", "day-opened"),
    ]
    (_, first), (_, second) = bench.entries(bench.keys.notifications)[3:]
    assert (first[b"calendar"], first[b"date"]) == (b"XNYS", b"2025-07-03")
    assert (second[b"calendar"], second[b"date"]) == (b"XTSE", b"2025-07-03")
    assert (bench.state()["noted"], bench.state()["run_hash"]) == (f"{NEXT_OPEN_MS}-2", "h")
    noted = [fields for _, fields in bench.entries(bench.keys.journal)][-2:]
    at = {b"clock_ms": str(NEXT_OPEN_MS).encode(), b"run_hash": b"h", b"op": b"day-opened", b"date": b"2025-07-03"}
    assert noted == [{**at, b"calendar": b"XNYS"}, {**at, b"calendar": b"XTSE"}]
    # What the tick brought is of the day that was current before it.
    assert not bench.client.exists(bench.keys.bars("AAPL", "1m", "2025-07-03"))
    assert 1439 in sizes(bench, "AAPL")


def test_each_run_goes_to_the_trading_day_of_its_symbol(bench: Bench) -> None:
    bench.open()
    tick = released(OPEN_MS, "AAPL", "MSFT")
    runs = regrouped([tick])
    days = {"AAPL": DAY, "MSFT": "2025-07-03"}
    assert bench.store.advance(Move(OPEN_MS, OPEN_MS + MINUTE_MS, [tick], runs, days)) == "ok"
    assert sizes(bench, "AAPL") == {0: 1}
    assert sizes(bench, "MSFT") == {}
    assert bench.client.hkeys(bench.keys.bars("MSFT", "1m", "2025-07-03")) == [str(OPEN_MS).encode()]


def test_the_clock_does_not_pass_a_scheduled_command_and_may_reach_it(bench: Bench) -> None:
    """It reads the state before somebody schedules one."""
    bench.open(commands=[(OPEN_MS + 3 * MINUTE_MS, "{}"), (OPEN_MS + 2 * MINUTE_MS, "{}")])
    before = bench.dump()
    assert bench.advance(3) == "due"
    assert bench.dump() == before
    assert bench.load().due == ("@2", OPEN_MS + 2 * MINUTE_MS)
    assert bench.advance(2) == "ok"
    before = bench.dump()
    assert bench.advance(1) == "due"
    assert bench.dump() == before


def test_commands_that_a_session_begins_with_are_numbered_and_wait(bench: Bench) -> None:
    bench.open(commands=[(OPEN_MS + MINUTE_MS, '{"id":"a","op":"pause"}'), (OPEN_MS, '{"id":"b","op":"stop"}')])
    assert bench.client.hgetall(bench.keys.scheduled) == {
        b"@1": b'{"id":"a","op":"pause"}',
        b"@2": b'{"id":"b","op":"stop"}',
    }
    assert bench.client.zrange(bench.keys.schedule, 0, -1, withscores=True) == [
        [b"000000000002", OPEN_MS],
        [b"000000000001", OPEN_MS + MINUTE_MS],
    ]
    assert bench.store.scheduled("@1") == {"id": "a", "op": "pause"}
    assert bench.store.scheduled("@3") == {}


def test_a_hold_that_was_placed_by_hand_stops_the_clock_and_shows(bench: Bench) -> None:
    bench.open()
    by_hand(bench, "SADD", bench.keys.holds, "lunch")
    before = bench.dump()
    assert bench.advance() == "held"
    assert bench.state()["status"] == "paused"
    bench.tape.set(status="running")
    assert bench.dump() == before
    by_hand(bench, "SREM", bench.keys.holds, "lunch")
    assert bench.advance() == "ok"
    assert bench.state()["status"] == "running"


def test_the_clock_does_not_pass_a_stop_and_pauses_as_it_reaches_it(bench: Bench) -> None:
    bench.open(stop_ms=OPEN_MS + 2 * MINUTE_MS)
    before = bench.dump()
    assert bench.advance(3) == "stopped"
    assert bench.dump() == before
    assert bench.advance(1) == "ok"
    assert bench.holds() == set()
    assert bench.advance(1) == "ok"
    assert bench.holds() == {"user"}
    assert bench.state()["status"] == "paused"
    assert "stop_ms" not in bench.state()


def test_a_stop_is_reached_without_a_bar_too(bench: Bench) -> None:
    bench.open(stop_ms=OPEN_MS + 90_000)
    assert bench.store.advance(Move(OPEN_MS, OPEN_MS + 90_000)) == "ok"
    assert bench.holds() == {"user"}
    assert bench.events() == [OPENED]


def test_the_last_tick_of_a_step_places_the_hold_and_those_before_count_down(bench: Bench) -> None:
    bench.open()
    assert bench.advance(left=1) == "ok"
    assert (bench.holds(), bench.state()["stop_ticks"]) == (set(), "1")
    assert bench.advance(left=0) == "ok"
    assert bench.holds() == {"user"}
    assert "stop_ticks" not in bench.state()


@pytest.mark.parametrize(
    ("expected_ms", "clock_ms"), [(OPEN_MS + MINUTE_MS, OPEN_MS + 2 * MINUTE_MS), (OPEN_MS, OPEN_MS - MINUTE_MS)]
)
def test_a_clock_that_reads_something_else_or_would_move_back_stays(
    bench: Bench, expected_ms: int, clock_ms: int
) -> None:
    bench.open()
    before = bench.dump()
    assert bench.store.advance(Move(expected_ms, clock_ms)) == "clock"
    assert bench.dump() == before


@pytest.mark.parametrize("status", ["created", "finished", "stopped", "failed"])
def test_the_clock_of_a_session_that_does_not_run_stays(bench: Bench, status: str) -> None:
    bench.open()
    bench.tape.set(status=status)
    before = bench.dump()
    assert bench.advance() == "ended"
    assert bench.dump() == before


def test_released_entries_of_a_feed_go_and_the_mark_stays_until_the_clock_is_past_it(bench: Bench) -> None:
    bench.open()
    clock_ms = OPEN_MS + MINUTE_MS
    mark = window_end(clock_ms, final=False)
    bench.feed.publish("0-0", [(f"{clock_ms}-0", {"type": "tick"}), (f"{clock_ms}-1", mark)])
    bench.client.xadd(bench.keys.feed("add-1"), {"type": "tick"}, id=f"{clock_ms}-0")
    assert bench.advance(feeds={"main": False, "add-1": True}) == "ok"
    assert [entry for entry, _ in bench.entries(bench.keys.feed("main"))] == [f"{clock_ms}-1"]
    assert not bench.client.exists(bench.keys.feed("add-1"))
    bench.feed.publish(f"{clock_ms}-1", [(f"{clock_ms}-2", window_end(clock_ms, final=True))])
    assert bench.advance(feeds={"main": False}) == "ok"
    assert not bench.entries(bench.keys.feed("main"))
    assert bench.feed.last_entry() == f"{clock_ms}-2"


def test_a_session_ends_only_where_its_clock_has_reached_the_end(bench: Bench) -> None:
    bench.open()
    before = bench.dump()
    assert bench.finish() == "clock"
    assert bench.dump() == before
    bench.to_the_end()
    bench.tape.set(end_ms=END_MS + DAY_MS)  # an addition has moved it
    assert bench.finish() == "clock"
    bench.tape.set(end_ms=END_MS)
    by_hand(bench, "SADD", bench.keys.holds, "lunch")
    assert bench.finish() == "held"
    by_hand(bench, "SREM", bench.keys.holds, "lunch")
    assert bench.finish() == "ok"
    assert bench.events() == [OPENED, (f"{END_MS}-1", "session-finished")]
    assert (bench.state()["status"], bench.state()["run_hash"]) == ("finished", "hash-end")


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_a_session_that_was_ended_otherwise_does_not_finish(bench: Bench, status: str) -> None:
    bench.open()
    bench.to_the_end()
    bench.tape.set(status=status)
    before = bench.dump()
    assert bench.finish() == "ended"
    assert bench.dump() == before


def test_the_feeds_of_additions_go_with_the_end_of_the_session(bench: Bench) -> None:
    bench.open()
    bench.to_the_end()
    bench.client.xadd(bench.keys.feed("add-1"), {"type": "window-end"})
    bench.feed.publish("0-0", [("60-1", window_end(60, final=False))])
    assert bench.store.finish(END_MS, ["main", "add-1", "add-2"], "hash-end") == "ok"
    assert not bench.client.exists(bench.keys.feed("add-1"))
    assert (bench.entries(bench.keys.feed("main")), bench.feed.last_entry()) == ([], "60-1")


def test_a_session_fails_once(bench: Bench) -> None:
    bench.open()
    bench.feed.fail("no bars")
    bench.store.fail("something else")
    assert bench.events() == [OPENED, (f"{OPEN_MS}-2", "session-failed")]
    assert (bench.state()["status"], bench.state()["error"]) == ("failed", "no bars")


def test_no_window_is_opened_before_the_session_or_while_there_is_a_hold(bench: Bench) -> None:
    assert bench.feed.open_window(MIDNIGHT_MS, NEXT_MS, DAY_MS) == "wait"
    bench.open()
    by_hand(bench, "SADD", bench.keys.holds, "add:c1")
    assert bench.feed.open_window(MIDNIGHT_MS, NEXT_MS, DAY_MS) == "wait"
    assert bench.feed.through_ms() == 0
    by_hand(bench, "SREM", bench.keys.holds, "add:c1")
    assert set(bench.feed.open_window(MIDNIGHT_MS, NEXT_MS, DAY_MS)) == {"AAPL", "MSFT"}
    assert bench.feed.through_ms() == NEXT_MS


def test_a_window_that_lies_too_far_ahead_of_the_clock_has_to_wait(bench: Bench) -> None:
    bench.open()
    bench.tape.set(end_ms=END_MS + 7 * DAY_MS)
    assert bench.feed.open_window(OPEN_MS + DAY_MS + 1, OPEN_MS + 2 * DAY_MS, DAY_MS) == "wait"
    assert bench.feed.open_window(OPEN_MS + DAY_MS, OPEN_MS + 2 * DAY_MS, DAY_MS) != "wait"


def test_after_the_end_of_the_session_there_are_no_more_windows(bench: Bench) -> None:
    bench.open()
    assert bench.feed.open_window(END_MS, END_MS + DAY_MS, DAY_MS) == "final"
    bench.tape.set(end_ms=END_MS + 7 * DAY_MS)  # whoever was added meanwhile brings all its bars
    assert bench.feed.open_window(END_MS, END_MS + DAY_MS, DAY_MS) == "final"


def test_windows_that_the_clock_has_left_behind_are_forgotten_when_another_one_is_opened(bench: Bench) -> None:
    bench.open()
    bench.tape.set(end_ms=END_MS + 7 * DAY_MS)

    def opened(*days: int) -> set[int]:
        for day in days:
            start_ms = MIDNIGHT_MS + day * DAY_MS
            assert not isinstance(bench.feed.open_window(start_ms, start_ms + DAY_MS, DAY_MS), str)
        fields = bench.client.hkeys(bench.keys.windows)
        return {(int(field) - MIDNIGHT_MS) // DAY_MS for field in fields if field.isdigit()}

    assert opened(0, 1) == {0, 1}
    bench.tape.set(clock_ms=NEXT_MS - 1)
    assert opened(0, 1) == {0, 1}
    bench.tape.set(clock_ms=NEXT_MS)
    assert opened(1) == {0, 1}  # it was opened before
    assert opened(2) == {1, 2}
    bench.tape.set(clock_ms=NEXT_MS + 2 * DAY_MS)
    assert opened(3) == {3}
    assert bench.feed.through_ms() == MIDNIGHT_MS + 4 * DAY_MS


def test_an_open_window_keeps_its_symbols_whoever_is_added_later(bench: Bench) -> None:
    bench.open()
    first = bench.feed.open_window(MIDNIGHT_MS, NEXT_MS, DAY_MS)
    assert bench.begin() == "ok"
    assert bench.feed.open_window(MIDNIGHT_MS, NEXT_MS, DAY_MS) == first  # under the hold as well
    bench.stage()
    assert bench.commit(bench.operation()) == "ok"
    assert bench.feed.open_window(MIDNIGHT_MS, NEXT_MS, DAY_MS) == first
    assert set(bench.feed.open_window(NEXT_MS - DAY_MS // 2, NEXT_MS, DAY_MS)) == {"AAPL", "MSFT", "RIVN"}


def test_entries_go_to_the_main_feed_only_after_the_one_that_the_producer_knows(bench: Bench) -> None:
    bench.open()
    assert bench.feed.publish("0-0", [("60-0", {"type": "tick"}), ("120-0", {"type": "tick"})]) == OPEN_MS
    assert bench.state()["ready"] == "1"
    before = bench.dump()
    with pytest.raises(Fenced):
        bench.feed.publish("60-0", [("180-0", {"type": "tick"})])
    assert bench.dump() == before
    bench.client.delete(bench.keys.state)
    with pytest.raises(SessionNotFound):
        bench.feed.publish("120-0", [("180-0", {"type": "tick"})])
