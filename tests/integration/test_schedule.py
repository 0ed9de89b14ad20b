"""Commands for a market time: each acts at its time, once, in order, whatever the clock does meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from itertools import cycle
from typing import Any

import pytest

from playhead.commands import Reply, decode_reply
from playhead.config import ScriptedCommand, SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.journal import Entry, read_journal
from playhead.messages import SymbolAdded, Tick
from playhead.session import Session
from tests.support.dump import lasting
from tests.support.in_process import InProcess
from tests.support.tape import MINUTE_MS, OPEN_MS

DAY = date(2025, 7, 2)
NOON_MS = OPEN_MS + 156 * MINUTE_MS
CLOSE_MS = OPEN_MS + 390 * MINUTE_MS
Make = Callable[..., InProcess]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, redis_url: str, session_name: str) -> Iterator[Make]:
    """Makes the session of a test: AAPL on one day, or what is said."""
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    monkeypatch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
    made: list[InProcess] = []

    def one(speed: float | None = None, last: date = DAY, script: tuple[Any, ...] = (), **limits: int) -> InProcess:
        config = SessionConfig((SymbolConfig("AAPL"),), DAY, last, speed=speed, script=script)
        made.append(InProcess(redis_url, session_name, config, **limits))
        return made[-1]

    yield one
    for each in made:
        each.close()


def begin(session: InProcess) -> InProcess:
    """Holds the clock where it begins."""
    session.client.sadd(session.keys.holds, "test")
    session.run(lambda: session.clock_ms() > 0, "the opening")
    return session


def let_go(session: InProcess) -> None:
    session.client.srem(session.keys.holds, "test")


def given(session: InProcess, **fields: str) -> Reply:
    """The first reply to a command given by hand; of one whose id was given before, what it is answered with."""
    entry: Any = session.client.xadd(session.keys.commands, fields)  # type: ignore[arg-type]
    session.run(lambda: session.client.hget(session.keys.state, "commands_at") == entry, f"a reply to {fields}")
    return next((each for each in replies(session) if each.entry == entry.decode()), replies(session)[-1])


def replies(session: InProcess) -> list[Reply]:
    found: Any = session.client.xrange(session.keys.replies)
    return [decode_reply(fields) for _, fields in found]


def to_the_end(session: InProcess, status: str = "finished") -> None:
    session.run(lambda: session.client.hget(session.keys.state, "status") == status.encode(), status)


def done(session: InProcess) -> list[Entry]:
    """What the journal says that was done."""
    return list(read_journal(session.client, session.keys, wait_s=0).entries)


@pytest.mark.parametrize("time", ["12:06", "2025-07-02 12:06", "2025-07-02T16:06:00Z"])
@pytest.mark.parametrize(("speed", "batch_ticks"), [(None, 1), (None, 7), (None, 500), (36_000.0, 32)])
def test_an_addition_comes_after_the_tick_of_its_time_and_before_the_next(
    make: Make, time: str, speed: float | None, batch_ticks: int
) -> None:
    session = begin(make(speed, batch_ticks=batch_ticks))
    scheduled = given(session, op="add-symbol", symbol="RIVN", at=time, id="late")
    assert (scheduled.status, scheduled.result) == ("scheduled", {"at_ms": NOON_MS})
    let_go(session)
    to_the_end(session)
    messages = session.notifications()
    (at,) = [place for place, each in enumerate(messages) if isinstance(each, SymbolAdded)]
    before, added, after = messages[at - 1], messages[at], messages[at + 1]
    assert (added.clock_ms, added.entry) == (NOON_MS, f"{NOON_MS}-1")
    assert isinstance(before, Tick)
    assert (before.clock_ms, before.symbols) == (NOON_MS, ("AAPL",))
    assert isinstance(after, Tick)
    assert after.clock_ms == NOON_MS + MINUTE_MS
    assert "RIVN" in after.symbols


def test_a_time_without_a_tick_is_kept_to_the_second(make: Make) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN", at="12:06:31")
    let_go(session)
    to_the_end(session)
    (added,) = [each for each in session.notifications() if isinstance(each, SymbolAdded)]
    assert added.clock_ms == NOON_MS + 31_000


def test_the_final_reply_has_the_id_of_the_command_and_its_number_in_place_of_an_entry(make: Make) -> None:
    session = begin(make())
    first = given(session, op="add-symbol", symbol="RIVN", at="12:06", id="late")
    assert given(session, op="add-symbol", symbol="RIVN", at="12:06", id="late").status == "scheduled"
    assert session.client.zcard(session.keys.schedule) == 1, "a repeated id is not scheduled twice"
    let_go(session)
    session.run(lambda: any(each.entry == "@1" for each in replies(session)), "the final reply")
    (final,) = [each for each in replies(session) if each.entry == "@1"]
    assert (final.id, final.status) == (first.id, "ok")
    assert final.result["RIVN"]["clock_ms"] == NOON_MS
    again = given(session, op="add-symbol", symbol="RIVN", at="12:06", id="late")
    assert (again.status, again.result) == ("ok", final.result), "later it is answered with the final reply"


def test_commands_for_one_time_keep_their_order(make: Make) -> None:
    session = begin(make())
    for number, at in enumerate(["12:06", "11:00", "12:06", "12:06", "11:00"]):
        given(session, op="speed", speed=str(10_000_000 + number), at=at)
    let_go(session)
    to_the_end(session)
    speeds = [(each.clock_ms, each.fields["speed"][-1]) for each in done(session) if each.op == "speed"]
    eleven_ms = OPEN_MS + 90 * MINUTE_MS
    assert speeds == [(eleven_ms, "1"), (eleven_ms, "4"), (NOON_MS, "0"), (NOON_MS, "2"), (NOON_MS, "3")]


def test_the_clock_that_stands_for_another_reason_at_its_time_does_not_keep_a_command_back(make: Make) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN", at="12:06")
    let_go(session)
    session.run_until("12:06")
    assert session.clock_ms() == NOON_MS
    session.run(lambda: "RIVN" in session.symbols(), "the addition")
    assert (session.clock_ms(), session.client.smembers(session.keys.holds)) == (NOON_MS, {b"user"})


def test_while_a_hold_keeps_the_clock_before_its_time_a_command_waits(make: Make) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN", at="09:31")
    session.poll(20)
    assert session.symbols() == {"AAPL"}
    let_go(session)
    session.run(lambda: "RIVN" in session.symbols(), "the addition")


def test_steps_come_to_a_command_on_their_way_and_go_on_after_it(make: Make) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN", at="09:35")
    given(session, op="step", ticks="10")
    let_go(session)
    session.run(lambda: session.clock_ms() == OPEN_MS + 10 * MINUTE_MS, "ten steps")
    (added,) = [each for each in session.notifications() if isinstance(each, SymbolAdded)]
    assert added.clock_ms == OPEN_MS + 5 * MINUTE_MS
    assert session.client.smembers(session.keys.holds) == {b"user"}


def test_the_clock_can_be_paused_resumed_and_stopped_by_the_clock(make: Make) -> None:
    session = begin(make())
    given(session, op="pause", at="12:00")
    given(session, op="stop", at="12:06")
    let_go(session)
    session.run(lambda: session.client.scard(session.keys.holds) == 1, "the pause")
    assert session.clock_ms() == NOON_MS - 6 * MINUTE_MS
    given(session, op="resume")
    to_the_end(session, "stopped")
    assert session.clock_ms() == NOON_MS
    assert session.notifications()[-1].type == "session-stopped"


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("09:30", "the clock reads 09:30:00 already"),
        ("09:00", "the clock reads 09:30:00 already"),
        ("2025-07-01 12:06", "the clock reads 09:30:00 already"),
        ("16:01", "the session ends at 2025-07-02 16:00"),
        ("2025-07-03 10:00", "the session ends at 2025-07-02 16:00"),
        ("noon", "neither a time of day"),
        ("2025-07-02T12:06", "has no time zone"),
        ("2025-02-30 12:06", "is not a date"),
        ("2025-03-09 02:30", "there is no 02:30:00 on 2025-03-09 in America/New_York"),
    ],
)
def test_a_time_that_cannot_be_is_refused_and_nothing_is_changed(make: Make, time: str, reason: str) -> None:
    session = begin(make())
    session.poll(20)
    before = lasting(session.client, session.keys)
    reply = given(session, op="add-symbol", symbol="RIVN", at=time)
    assert reply.status == "rejected"
    assert reason in (reply.error or "")
    assert lasting(session.client, session.keys) == before


def test_the_last_clock_is_a_time_at_which_a_command_still_acts(make: Make) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN", at="16:00")
    let_go(session)
    to_the_end(session)
    added, finished = session.notifications()[-2:]
    assert (added.type, added.clock_ms, finished.type) == ("symbol-added", CLOSE_MS, "session-finished")


def test_what_still_waits_when_a_session_ends_is_refused(make: Make) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN", at="15:00", id="late")
    given(session, op="pause", at="15:30", id="later")
    given(session, op="stop")
    session.run(lambda: len(replies(session)) == 5, "the last answers")
    assert [(each.id, each.status) for each in replies(session)[-2:]] == [("late", "rejected"), ("later", "rejected")]
    assert all("is stopped" in (each.error or "") for each in replies(session)[-2:])
    assert not session.client.exists(session.keys.schedule, session.keys.scheduled)


def test_a_number_without_its_command_does_not_stop_the_clock(make: Make) -> None:
    session = begin(make())
    given(session, op="pause", at="12:06")
    session.client.delete(session.keys.scheduled)
    let_go(session)
    to_the_end(session)


def test_each_is_carried_out_once_however_often_the_coordinator_is_another_one(make: Make) -> None:
    session = begin(make(batch_ticks=1))
    given(session, op="add-symbol", symbol="RIVN", at="09:32", id="first")
    given(session, op="remove-symbol", symbol="AAPL", at="09:33", id="second")
    given(session, op="add-symbol", symbol="UNKNOWN1", at="09:33", id="third")
    let_go(session)
    for polls in cycle(range(1, 9)):
        session.take_over()
        session.poll(polls)
        if session.clock_ms() > OPEN_MS + 3 * MINUTE_MS:
            break
    own = [each for each in replies(session) if each.entry.startswith("@")]
    assert [(each.id, each.status) for each in own] == [("first", "ok"), ("second", "ok"), ("third", "rejected")]
    acted = [(each.op, each.clock_ms) for each in done(session) if "symbol" in each.op]
    minute = [OPEN_MS + at * MINUTE_MS for at in (2, 3, 3)]
    assert acted == list(zip(["add-symbol", "remove-symbol", "add-symbol"], minute, strict=True))


def test_a_client_sees_what_waits_and_waits_for_it(make: Make, redis_url: str, session_name: str) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN", source="sample:", at="12:06", id="late")
    given(session, op="pause", at="10:00")
    with Session(session_name, redis_url) as client:
        info = client.info()
        assert info is not None
        assert info.run_hash is None
        shown = [(each.at_ms, each.command, each.fields) for each in info.scheduled]
        fields = {"op": "add-symbol", "symbol": "RIVN", "source": "sample:"}
        assert [each[0] for each in shown] == [OPEN_MS + 30 * MINUTE_MS, NOON_MS]
        assert shown[1] == (NOON_MS, "late", fields)
        let_go(session)
        session.run_until("09:45")
        given(session, op="resume")
        session.run(lambda: session.client.scard(session.keys.holds) == 1, "the pause")
        given(session, op="resume")
        to_the_end(session)
        assert client.outcome("late").result["RIVN"]["status"] == "added"
        info = client.info()
        assert info is not None
        assert info.scheduled == ()
        assert info.run_hash == session.client.hget(session.keys.state, "run_hash").decode()  # type: ignore[union-attr]


def test_a_script_acts_on_each_of_many_days(make: Make) -> None:
    lines = [
        ("12:06", {"op": "add-symbol", "symbol": "RIVN"}),
        ("2025-07-03 10:00", {"op": "add-symbol", "symbol": "MSFT"}),
        ("2025-07-03 10:00", {"op": "remove-symbol", "symbol": "RIVN"}),
        ("2025-07-03T14:30:00Z", {"op": "stop"}),
    ]
    script = tuple(ScriptedCommand(at, fields) for at, fields in lines)
    session = make(last=date(2025, 7, 3), script=script)
    to_the_end(session, "stopped")
    next_day_ms = OPEN_MS + 24 * 60 * MINUTE_MS
    acted = [(each.clock_ms, each.op) for each in done(session) if each.op != "day-opened"]
    at_ten = next_day_ms + 30 * MINUTE_MS
    assert acted[0] == (NOON_MS, "add-symbol")
    assert acted[1:] == [(at_ten, "add-symbol"), (at_ten, "remove-symbol"), (at_ten + 30 * MINUTE_MS, "stop")]


@pytest.mark.parametrize(
    ("at", "reason"), [("09:30", "reads 09:30:00 already"), ("17:00", "ends at"), ("2025-07-01 12:00", "already")]
)
def test_a_script_with_a_time_that_cannot_be_fails_the_session_with_the_text_of_its_line(
    make: Make, at: str, reason: str
) -> None:
    line = f"script plan.txt, line 3: {at} pause"
    session = make(script=(ScriptedCommand(at, {"op": "pause"}, line=line),))
    to_the_end(session, "failed")
    error = text(session.client.hget(session.keys.state, "error") or b"")
    assert error.startswith(f"{line}: ")
    assert reason in error
    assert not session.client.exists(session.keys.schedule, session.keys.symbols)


def test_the_journal_says_what_became_of_each_symbol_and_where_it_came_from(make: Make) -> None:
    session = begin(make())
    given(session, op="add-symbol", symbol="RIVN,UNKNOWN1,AZN.L", source="sample:", at="12:06", id="late")
    given(session, op="add-symbol", symbol="AAPL", id="again")
    let_go(session)
    to_the_end(session)
    again, late, finished = done(session)
    assert (again.op, again.id, again.status, again.clock_ms) == ("add-symbol", "again", "rejected", OPEN_MS)
    assert (late.id, late.status, late.clock_ms) == ("late", "partial", NOON_MS)
    assert late.fields == {"op": "add-symbol", "symbol": "RIVN,UNKNOWN1,AZN.L", "source": "sample:"}
    assert late.results is not None
    places = {symbol: (of.get("calendar"), of.get("source")) for symbol, of in late.results.items()}
    assert places == {"RIVN": ("XNYS", "sample:"), "AZN.L": ("XLON", "sample:"), "UNKNOWN1": (None, None)}
    assert "UNKNOWN1" in late.results["UNKNOWN1"]["error"]
    assert (finished.op, finished.clock_ms) == ("session-finished", CLOSE_MS)
    assert finished.run_hash == read_journal(session.client, session.keys, wait_s=0).run_hash
