"""The scripts of an addition: all at once or not at all, whatever has changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from coordinator.operation import NOTHING, Commit, Operation
from coordinator.store import USER_HOLD, Effect
from playhead import days as trading_days
from playhead.commands import Reply
from playhead.connection import text
from playhead.symbols import decode as decode_record
from shared.request import AdditionRequest, Manifest, StagedSymbol, SymbolRequest
from shared.ticks import window_end
from tests.support.bench import ATTEMPT, COMMAND, END_MS, ENTRY, HOLD, MANIFEST, OPENED, OPERATION, Bench
from tests.support.tape import CALENDAR, DAY, MINUTE_MS, OPEN_MS

FEED: Final = f"add-{OPERATION}-0"


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    bench.open()
    yield bench
    bench.tape.close()


@pytest.fixture
def staged(bench: Bench) -> Bench:
    """An addition of which everything is staged and nothing is committed."""
    assert bench.begin() == "ok"
    bench.stage()
    return bench


def test_from_the_beginning_of_an_addition_the_clock_stands_and_snapshots_are_refused(bench: Bench) -> None:
    assert bench.begin() == "ok"
    assert bench.holds() == {HOLD}
    assert (bench.state()["active"], bench.state()["status"]) == ("0", "paused")
    assert bench.advance() == "held"
    operation = bench.operation()
    assert (operation.command, operation.entry, operation.clock_ms) == (COMMAND, ENTRY, OPEN_MS)
    assert operation.attempts == {0: ATTEMPT}


def test_a_worker_says_that_it_has_begun_and_is_told_what_is_to_be_done(bench: Bench) -> None:
    assert bench.begin() == "ok"
    bench.client.script_flush()  # a server that does not know the script is asked twice
    task, again = bench.staging().task(), bench.staging().task()
    assert task == again
    assert (task.command, task.clock_ms, [each.symbol for each in task.symbols]) == (COMMAND, OPEN_MS, ["RIVN"])
    reports: Any = bench.client.xrange(bench.keys.reports(OPERATION))
    assert [(fields[b"attempt"].decode(), fields[b"report"]) for _, fields in reports] == [(ATTEMPT, b"alive")] * 2


def test_an_addition_begins_at_the_expected_clock_and_before_the_end_only(bench: Bench) -> None:
    before = bench.dump()
    assert bench.begin(clock_ms=OPEN_MS + MINUTE_MS) == "clock"
    assert bench.dump() == before
    bench.tape.set(status="finished")
    before = bench.dump()
    assert bench.begin() == "ended"
    assert bench.dump() == before


def test_no_addition_begins_while_another_is_in_progress(bench: Bench) -> None:
    assert bench.begin() == "ok"
    before = bench.dump()
    assert bench.begin(entry="6-1", command="c2") == "busy"
    assert bench.dump() == before


def test_no_addition_begins_for_a_command_that_was_answered(staged: Bench) -> None:
    assert staged.commit(staged.operation()) == "ok"
    before = staged.dump()
    assert staged.begin(entry="6-1") == "repeated"
    assert staged.dump() == before


def test_everything_that_is_staged_has_a_lifetime_and_what_is_committed_has_none(staged: Bench) -> None:
    before = staged.dump()
    of_workers = [key for key in before if ":staged:" in key]
    assert len(of_workers) == 4  # manifest, reports, feed, bars
    assert all(before[key][1] for key in of_workers)
    assert staged.commit(staged.operation()) == "ok"
    after = staged.dump()
    assert not [key for key in after if ":staged:" in key]
    for live, was in (
        (staged.keys.bars("RIVN", "1m", DAY), staged.keys.staged_bars(ATTEMPT, "RIVN", "1m", DAY)),
        (staged.keys.feed(FEED), staged.keys.staged_feed(ATTEMPT)),
    ):
        assert after[live] == (before[was][0], False)
    assert [key for key in after if after[key][1]] == sorted(map(staged.keys.lease, ("coordinator", "producer")))


def test_a_commit_does_everything_in_one_step(staged: Bench) -> None:
    assert staged.commit(staged.operation()) == "ok"
    assert staged.holds() == set()
    state = staged.state()
    assert (state["active"], state["status"], state["commands_at"]) == ("1", "running", ENTRY)
    assert state["run_hash"] == "hash-added"
    assert staged.events() == [OPENED, (f"{OPEN_MS}-2", "symbol-added")]
    record = decode_record(staged.client.hget(staged.keys.symbols, "RIVN") or b"")
    assert (record.added_entry, record.feed) == (f"{OPEN_MS}-2", FEED)
    assert [reply["status"] for reply in staged.replies()] == ["ok"]
    assert staged.client.xlen(staged.keys.journal) == 1
    assert not staged.load().operation


def test_the_hold_of_a_person_outlives_an_addition(bench: Bench) -> None:
    assert bench.begin() == "ok"
    bench.client.sadd(bench.keys.holds, USER_HOLD)
    bench.stage()
    assert bench.commit(bench.operation()) == "ok"
    assert bench.holds() == {USER_HOLD}
    assert (bench.state()["active"], bench.state()["status"]) == ("1", "paused")


def test_a_commit_brings_the_trading_days_of_its_calendars(staged: Bench) -> None:
    staged.client.delete(staged.keys.calendars)
    assert staged.commit(staged.operation()) == "ok"
    assert trading_days.decode(staged.client.hget(staged.keys.calendars, CALENDAR) or b"") == staged.tape.days


def test_an_addition_of_a_scheduled_command_is_answered_under_its_number(bench: Bench) -> None:
    later = Effect(at_ms=OPEN_MS, scheduled='{"id":"c1","op":"add-symbol","symbol":"RIVN"}')
    assert bench.store.answer("0-0", Reply(COMMAND, "5-1", "scheduled", None, {}), later, {}) == "ok"
    assert bench.begin(entry="@1") == "ok"  # though its id was answered
    bench.stage()
    operation = bench.operation()
    assert bench.commit(operation) == "ok"
    assert bench.load().due is None
    assert bench.state()["commands_at"] == "5-1"
    assert [(reply["entry"], reply["status"]) for reply in bench.replies()] == [("5-1", "scheduled"), ("@1", "ok")]
    after = bench.dump()
    assert bench.commit(operation) == "ok"
    assert bench.dump() == after


YESTERDAY: Final = "2025-07-01"


@pytest.fixture
def warming(redis_url: str, session_name: str) -> Iterator[Bench]:
    """A session with a day of history, which is staged and not committed."""
    bench = Bench(redis_url, session_name, history=1)
    bench.open()
    request = AdditionRequest(((SymbolRequest("AAPL", CALENDAR),),), warm_up=True)
    assert bench.operations.begin(OPEN_MS, "warm-up", "", OPERATION, request, "warm-up") == "ok"
    assert bench.operations.begin(OPEN_MS, "warm-up", "", "another", request, "warm-up") == "ok"  # it has begun
    manifest = Manifest({"AAPL": StagedSymbol(0, 0, 0, {}, 0, (("1m", YESTERDAY),))}, {}, OPEN_MS)
    run = ("AAPL", "1m", YESTERDAY, OPEN_MS - 24 * 60 * MINUTE_MS, bytes(46))
    bench.staging().write([run], [(f"{OPEN_MS}-1", window_end(OPEN_MS, final=True))], manifest)
    yield bench
    bench.tape.close()


def warm_up(bench: Bench, operation: Operation) -> str:
    data = [(ATTEMPT, "AAPL", "1m", YESTERDAY)]
    commit = Commit({0: ATTEMPT}, {}, data, {}, END_MS, "not this one", opening=[(CALENDAR, DAY)])
    return bench.operations.end(operation, commit, Reply("", "", "ok"), {})


def test_the_first_history_comes_with_the_first_day_and_without_symbols_or_reply(warming: Bench) -> None:
    before = warming.dump()
    operation = warming.operation()
    assert (operation.hold, operation.entry, operation.request.warm_up) == ("warm-up", "", True)
    assert warm_up(warming, operation) == "ok"
    assert warming.holds() == set()
    state, was = warming.state(), before[warming.keys.state][0]
    assert isinstance(was, dict)
    assert (state["status"], state["active"]) == ("running", "1")
    assert "warming" not in state
    assert warming.keys.notifications not in before
    assert state["run_hash"] == text(was[b"run_hash"])
    live = warming.keys.bars("AAPL", "1m", YESTERDAY)
    assert warming.dump()[live] == (before[warming.keys.staged_bars(ATTEMPT, "AAPL", "1m", YESTERDAY)][0], False)
    assert warming.events() == [OPENED]
    assert not warming.client.exists(warming.keys.replies, warming.keys.journal, warming.keys.answered)
    kept = {warming.keys.holds, warming.keys.operation}
    left = {key for key in before if ":staged:" not in key} - kept | {live, warming.keys.notifications}
    assert set(warming.dump()) == left  # no feed, and nothing that is staged
    after = warming.dump()
    assert warm_up(warming, operation) == "gone"
    assert warming.dump() == after


def test_history_is_not_committed_after_its_hold_was_removed_by_hand(warming: Bench) -> None:
    warming.client.srem(warming.keys.holds, "warm-up")
    before = warming.dump()
    assert warm_up(warming, warming.operation()) == "clock"
    assert warming.dump() == before


Spoil = Callable[[Bench], object]


def delete(*names: str) -> Spoil:
    """What happens where the lifetime of some staged keys has run out."""
    return lambda bench: bench.client.delete(*(f"{bench.keys.state}:staged:{name}" for name in names))


# What has happened before the commit, and what it answers.
SPOILED: Final[dict[str, tuple[Spoil, str]]] = {
    "the clock was moved by hand": (lambda bench: bench.tape.set(clock_ms=OPEN_MS + MINUTE_MS), "clock"),
    "the hold was removed by hand": (lambda bench: bench.client.srem(bench.keys.holds, HOLD), "clock"),
    "the job went to another attempt": (
        lambda bench: bench.operations.attempt(OPERATION, 0, ATTEMPT, "op-0-2"),
        "attempt",
    ),
    "the manifest is not complete": (
        lambda bench: bench.client.hdel(bench.keys.manifest(ATTEMPT), "complete"),
        "staged",
    ),
    "the manifest has expired": (delete(f"{ATTEMPT}:manifest"), "staged"),
    "the staged feed has expired": (delete(f"{ATTEMPT}:feed"), "staged"),
    "the staged bars have expired": (delete(f"{ATTEMPT}:bars:RIVN:1m:{DAY}"), "staged"),
    "the producer has ended the session": (lambda bench: bench.feed.fail("no bars"), "ended"),
    "another addition is in progress": (
        lambda bench: bench.client.hset(bench.keys.operation, "operation", "op2"),
        "gone",
    ),
    "the addition is over": (lambda bench: bench.client.delete(bench.keys.operation), "gone"),
}


@pytest.mark.parametrize(("spoil", "outcome"), SPOILED.values(), ids=SPOILED)
def test_a_commit_that_cannot_be_right_changes_nothing(staged: Bench, spoil: Spoil, outcome: str) -> None:
    operation = staged.operation()
    spoil(staged)
    before = staged.dump()
    assert staged.commit(operation) == outcome
    assert staged.dump() == before


def test_what_really_expires_is_not_committed(bench: Bench) -> None:
    assert bench.begin() == "ok"
    bench.stage()
    for key in [key for key, (_, expires) in bench.dump().items() if expires and ":staged:" in key]:
        bench.client.pexpire(key, 0)
    before = bench.dump()
    assert bench.commit(bench.operation()) == "staged"
    assert bench.dump() == before


def call_off(bench: Bench, operation: Operation) -> str:
    reply = Reply(operation.command, operation.entry, "rejected", "no bars", {})
    return bench.operations.end(operation, NOTHING, reply, {"op": "add-symbol", "id": operation.command})


def test_an_addition_that_is_called_off_leaves_nothing_but_its_answer(bench: Bench) -> None:
    before = bench.dump()
    assert bench.begin() == "ok"
    bench.stage()
    operation = bench.operation()
    assert call_off(bench, operation) == "ok"
    after = bench.dump()
    answered = [bench.keys.replies, bench.keys.answered, bench.keys.journal]
    assert all(after.pop(key, None) for key in answered)
    state, was = (after.pop(bench.keys.state), before.pop(bench.keys.state))
    assert isinstance(state[0], dict)
    assert isinstance(was[0], dict)
    assert state[0] | {b"commands_at": b"0-0"} == was[0]
    left = {key: content for key, content in after.items() if ":staged:" not in key}
    assert left == before
    assert all(expires for key, (_, expires) in after.items() if ":staged:" in key)


def test_an_addition_can_be_called_off_after_its_hold_was_removed_by_hand(staged: Bench) -> None:
    staged.client.srem(staged.keys.holds, HOLD)
    operation = staged.operation()
    assert call_off(staged, operation) == "ok"
    assert staged.state()["active"] == "1"
    after = staged.dump()
    assert call_off(staged, operation) == "ok"
    assert staged.commit(operation) == "ok"  # it is answered, with what it was answered first
    assert staged.dump() == after


def test_only_the_present_attempt_is_given_to_a_new_one(bench: Bench) -> None:
    assert bench.begin() == "ok"
    assert bench.operations.attempt(OPERATION, 0, ATTEMPT, "op-0-2")
    before = bench.dump()
    assert not bench.operations.attempt(OPERATION, 0, ATTEMPT, "op-0-3")
    assert not bench.operations.attempt("op2", 0, "op-0-2", "op-0-3")
    assert bench.dump() == before
    bench.stage("op-0-2")
    assert bench.commit(bench.operation(), "op-0-2") == "ok"


def test_parts_are_staged_in_order_and_each_once(bench: Bench) -> None:
    assert bench.begin() == "ok"
    staging = bench.staging()
    runs = [("RIVN", "1m", DAY, OPEN_MS - at * MINUTE_MS, bytes(600_000)) for at in range(4)]
    staging.write(runs, [], MANIFEST)
    manifest = bench.keys.manifest(ATTEMPT)
    assert bench.client.hget(manifest, "parts") == b"3"
    before = bench.dump()
    staging.write(runs, [], MANIFEST)
    assert bench.dump() == before


def test_a_part_is_refused_where_those_before_it_have_expired(bench: Bench) -> None:
    assert bench.begin() == "ok"
    staging = bench.staging()
    before = bench.dump()
    with pytest.raises(Exception, match="refused: parts"):
        staging._write_part(2, [("RIVN", "1m", DAY, OPEN_MS, b"")], [], "")
    assert bench.dump() == before


def test_an_answered_command_is_not_committed_again_under_another_operation(staged: Bench) -> None:
    operation = staged.operation()
    assert staged.commit(operation) == "ok"
    reply = Reply("p1", "6-1", "ok", None, {})
    assert staged.store.answer(ENTRY, reply, Effect(place=USER_HOLD), {"op": "pause"}) == "ok"
    before = staged.dump()
    assert staged.commit(replace(operation, id="op2")) == "gone"
    assert staged.dump() == before
