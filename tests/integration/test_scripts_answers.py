"""The script that carries out a command: effect, position and reply in one step, each id once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from coordinator.store import USER_HOLD, Effect
from playhead.commands import Reply
from playhead.connection import text
from tests.support.bench import OPENED, Bench
from tests.support.tape import MINUTE_MS, OPEN_MS

REPLIES_KEPT: Final = 10_000
PLACE, REMOVE, NONE = Effect(place=USER_HOLD), Effect(remove=USER_HOLD), Effect()


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    bench.open()
    yield bench
    bench.tape.close()


def answer(bench: Bench, before: str, entry: str, id: str, effect: Effect = NONE, status: str = "ok") -> str:
    done = {"op": "pause", "id": id} if effect != NONE else {}
    return bench.store.answer(before, Reply(id, entry, status, None, {"of": entry}), effect, done)


def test_effect_position_reply_and_journal_come_in_one_step(bench: Bench) -> None:
    effect = Effect(place="user", set={"stop_ticks": "3"}, delete=["stop_ms"])
    bench.tape.set(stop_ms=OPEN_MS + MINUTE_MS)
    assert answer(bench, "0-0", "5-1", "c1", effect) == "ok"
    state = bench.state()
    assert (state["commands_at"], state["stop_ticks"], state["status"]) == ("5-1", "3", "paused")
    assert "stop_ms" not in state
    assert bench.holds() == {"user"}
    assert bench.replies() == [{"id": "c1", "entry": "5-1", "status": "ok", "error": "", "result": '{"of":"5-1"}'}]
    ((_, done),) = bench.entries(bench.keys.journal)
    at = {b"clock_ms": str(OPEN_MS).encode(), b"run_hash": state["run_hash"].encode()}
    assert done == {**at, b"op": b"pause", b"id": b"c1"}
    assert state["run_hash"]


def test_a_command_that_was_refused_stands_in_no_journal(bench: Bench) -> None:
    assert answer(bench, "0-0", "5-1", "c1", NONE, "rejected") == "ok"
    assert not bench.client.exists(bench.keys.journal)
    assert bench.replies()[0]["status"] == "rejected"


def test_stopping_ends_the_session_with_an_event(bench: Bench) -> None:
    assert answer(bench, "0-0", "5-1", "c1", Effect(status="stopped", event="session-stopped")) == "ok"
    assert bench.state()["status"] == "stopped"
    assert bench.events() == [OPENED, (f"{OPEN_MS}-2", "session-stopped")]


def test_a_repeated_id_is_answered_with_the_first_reply_and_does_nothing_else(bench: Bench) -> None:
    assert answer(bench, "0-0", "5-1", "c1", PLACE) == "ok"
    assert answer(bench, "5-1", "6-1", "c2", REMOVE) == "ok"
    assert answer(bench, "6-1", "7-1", "c1", PLACE) == "repeated"
    assert bench.holds() == set()
    assert bench.replies()[2] == bench.replies()[0]
    assert bench.state()["commands_at"] == "7-1"
    assert bench.client.xlen(bench.keys.journal) == 2


AT_MS: Final = OPEN_MS + 5 * MINUTE_MS
WAITING: Final = '{"id":"c1","op":"pause"}'
LATER: Final = Effect(at_ms=AT_MS, scheduled=WAITING)


def scheduled(bench: Bench) -> tuple[list[str], list[tuple[str, int]]]:
    """The commands that wait, and when each is due."""
    due: Any = bench.client.zrange(bench.keys.schedule, 0, -1, withscores=True)
    waiting = sorted(text(number) for number in bench.client.hkeys(bench.keys.scheduled))
    return waiting, [(text(number), int(at)) for number, at in due]


def test_a_scheduled_command_is_answered_and_waits(bench: Bench) -> None:
    assert answer(bench, "0-0", "5-1", "c1", LATER, "scheduled") == "ok"
    assert scheduled(bench) == (["@1"], [("000000000001", AT_MS)])
    assert bench.store.scheduled("@1") == {"id": "c1", "op": "pause"}
    assert bench.load().due == ("@1", AT_MS)
    assert (bench.holds(), bench.state()["commands_at"]) == (set(), "5-1")
    assert [(reply["entry"], reply["status"]) for reply in bench.replies()] == [("5-1", "scheduled")]


def test_of_scheduled_commands_the_earliest_is_due_and_then_the_one_that_was_given_first(bench: Bench) -> None:
    before = "0-0"
    for number, at_ms in enumerate([AT_MS + 1, *[AT_MS] * 11]):  # numbers of two digits among them
        entry = f"{number + 5}-1"
        assert answer(bench, before, entry, f"c{number}", Effect(at_ms=at_ms, scheduled=WAITING)) == "ok"
        before = entry
    for number in (*range(2, 13), 1):
        due = bench.load().due
        assert due == (f"@{number}", AT_MS if number > 1 else AT_MS + 1)
        assert answer(bench, before, due[0], "x", NONE, "rejected") == "ok"
    assert bench.load().due is None


def test_a_scheduled_command_is_carried_out_once_and_leaves_the_place_in_the_stream(bench: Bench) -> None:
    assert answer(bench, "0-0", "5-1", "c1", LATER, "scheduled") == "ok"
    assert answer(bench, "5-1", "@1", "c1", PLACE) == "ok"
    assert bench.holds() == {"user"}
    assert scheduled(bench) == ([], [])
    assert bench.state()["commands_at"] == "5-1"
    assert [(reply["entry"], reply["status"]) for reply in bench.replies()] == [("5-1", "scheduled"), ("@1", "ok")]
    after = bench.dump()
    assert answer(bench, "5-1", "@1", "c1", REMOVE) == "ok"  # it has been answered
    assert bench.dump() == after


def test_a_repeated_id_of_a_scheduled_command_is_answered_and_not_scheduled_again(bench: Bench) -> None:
    assert answer(bench, "0-0", "5-1", "c1", LATER, "scheduled") == "ok"
    assert answer(bench, "5-1", "6-1", "c1", LATER, "scheduled") == "repeated"
    assert scheduled(bench)[0] == ["@1"]
    assert answer(bench, "6-1", "@1", "c1", PLACE) == "ok"
    assert answer(bench, "6-1", "7-1", "c1", LATER, "scheduled") == "repeated"
    assert scheduled(bench) == ([], [])
    first, second, done, last = bench.replies()
    assert first == second
    assert done == last  # once it was carried out it is known by that


@pytest.mark.parametrize(
    "effect", [LATER, PLACE, REMOVE, Effect(set={"speed": "2"}), Effect(status="stopped", event="session-stopped")]
)
def test_a_session_that_failed_meanwhile_is_changed_by_no_command(bench: Bench, effect: Effect) -> None:
    """The producer ends it while the coordinator, which does not know yet, carries out a command."""
    bench.feed.fail("no bars")
    before = bench.dump()
    assert answer(bench, "0-0", "5-1", "c1", effect) == "ended"
    assert bench.dump() == before
    assert answer(bench, "0-0", "5-1", "c1", NONE, "rejected") == "ok"


def test_one_hold_is_released_and_the_others_stay(bench: Bench) -> None:
    bench.client.sadd(bench.keys.holds, "user", "lunch")
    assert answer(bench, "0-0", "5-1", "c1", REMOVE) == "ok"
    assert bench.holds() == {"lunch"}
    assert bench.state()["status"] == "paused"


def test_a_command_out_of_its_turn_is_refused_and_changes_nothing(bench: Bench) -> None:
    assert answer(bench, "0-0", "5-1", "c1", PLACE) == "ok"
    before = bench.dump()
    assert answer(bench, "0-0", "6-1", "c2", REMOVE) == "position"
    assert bench.dump() == before


def test_replies_and_the_ids_that_were_answered_are_forgotten_together(bench: Bench) -> None:
    """Ten more than are kept; the first command comes once more among them."""
    store, before = bench.store, "0-0"
    for number in range(REPLIES_KEPT + 10):
        id = "c0" if number == 5 else f"c{number}"
        outcome = store.answer(before, Reply(id, f"{number}-1", "ok", None, {}), NONE, {})
        assert outcome == ("repeated" if number == 5 else "ok")
        before = f"{number}-1"
    replies = bench.replies()
    assert len(replies) == REPLIES_KEPT
    assert replies[0]["id"] == "c10"
    answered = {text(id) for id in bench.client.hkeys(bench.keys.answered)}
    assert answered == {reply["id"] for reply in replies}
