"""A clock that waits for its consumers: a coordinator in the test's own thread, step by step, on a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from coordinator.store import Store
from playhead.cli.summary import show_json, show_lines
from playhead.commands import AddSymbol, Pause, Resume, RunUntil, Speed, Step, decode_reply, encode
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.consumer import CONSUMER_DEAD_MS
from playhead.info import SessionInfo
from playhead.messages import ConsumerDropped, DayOpened, Message, SessionFinished, SymbolAdded, Tick
from playhead.session import Session
from tests.support.in_process import InProcess
from tests.support.tape import MINUTE_MS, OPEN_MS

DAY = date(2025, 7, 2)
CONFIG = SessionConfig((SymbolConfig("AAPL"),), DAY, DAY, lead=1)
MANY = 25
"""Steps of the coordinator in which a tick that may go out has gone out."""
SILENCE_MS = 300

Start = Callable[..., InProcess]


class Follower:
    """A registered consumer in the test's thread. What it was handed is acknowledged when the test says so."""

    def __init__(self, session: InProcess, url: str, name: str, from_start: bool = False) -> None:
        self.session = Session(session.keys.session, url)
        self.items = self.session.subscribe(name, from_start)

    def take(self) -> Message:
        """The next item, which must have gone out already."""
        return next(self.items)

    def take_tick(self) -> Tick:
        """The next tick; what comes before it is acknowledged."""
        while not isinstance(item := self.take(), Tick):
            self.done()
        return item

    def done(self) -> None:
        """Acknowledges what it has in hand."""
        self.items.acknowledge()

    def close(self) -> None:
        """Leaves."""
        self.session.close()


@pytest.fixture
def start(redis_url: str, session_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Makes sessions; they end with the test."""
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    monkeypatch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
    with ExitStack() as stack:

        def started(config: SessionConfig = CONFIG, name: str = session_name, **limits: int) -> InProcess:
            return stack.enter_context(closing(InProcess(redis_url, name, config, **limits)))

        yield started


@pytest.fixture
def follow(redis_url: str) -> Iterator[Callable[..., Follower]]:
    """Registers consumers; they leave with the test."""
    with ExitStack() as stack:

        def following(session: InProcess, name: str, from_start: bool = False) -> Follower:
            return stack.enter_context(closing(Follower(session, redis_url, name, from_start)))

        yield following


def ticks(session: InProcess) -> list[int]:
    """The minutes since the open at which ticks have gone out."""
    return [(each.clock_ms - OPEN_MS) // MINUTE_MS for each in session.notifications() if isinstance(each, Tick)]


def wait_for_ticks(session: InProcess, count: int) -> None:
    """Runs until so many ticks have gone out, and on for long enough that another one would have."""
    session.run(lambda: len(ticks(session)) >= count, f"{count} ticks")
    session.poll(MANY)
    assert len(ticks(session)) == count


def info(session: InProcess, url: str) -> SessionInfo:
    with Session(session.keys.session, url) as reader:
        found = reader.info()
    assert found is not None
    return found


def state(session: InProcess, field: str) -> str | None:
    value = session.client.hget(session.keys.state, field)
    return None if value is None else text(value)


def silent(session: InProcess, name: str, silent_ms: int = 1_000_000) -> None:
    """Registers a consumer that has shown no life for so long: its process is dead."""
    seconds, _ = session.client.time()
    session.client.hset(session.keys.consumers, name, int(seconds) * 1000 - silent_ms)
    held = {"cursor": "0-0", "holder": "dead", "history": state(session, "history") or ""}
    session.client.hset(session.keys.consumer(name), mapping=held)  # type: ignore[arg-type]
    session.client.hincrby(session.keys.state, "joined", 1)


def test_after_each_acknowledgement_of_all_exactly_one_more_tick_goes_out(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start()
    first, second = follow(session, "first"), follow(session, "second")
    wait_for_ticks(session, 1)
    for count in range(1, 31):
        quick, slow = (first, second) if count % 2 else (second, first)
        assert quick.take_tick().clock_ms == slow.take_tick().clock_ms == OPEN_MS + count * MINUTE_MS
        quick.done()
        session.poll(MANY)
        assert len(ticks(session)) == count, "the clock went on before the slow one had acknowledged"
        slow.done()
        wait_for_ticks(session, count + 1)


def test_with_a_lead_of_five_the_sixth_tick_waits_for_the_first_acknowledgement(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start(replace(CONFIG, lead=5))
    quick, slow = follow(session, "quick"), follow(session, "slow")
    wait_for_ticks(session, 5)
    for _ in range(5):
        quick.take_tick()
        quick.done()
    session.poll(MANY)
    assert len(ticks(session)) == 5
    for count in (6, 7):
        slow.take_tick()
        slow.done()
        wait_for_ticks(session, count)


def test_lockstep_changes_nothing_of_what_comes(
    start: Start, follow: Callable[..., Follower], session_name: str
) -> None:
    free = start(replace(CONFIG, lead=None))
    free.finish()
    session = start(replace(CONFIG, lead=3), f"{session_name}-2")
    consumer = follow(session, "c")

    def ended() -> bool:
        if state(session, "noted") != consumer.items.position:
            consumer.take()
            consumer.done()
        return consumer.items.position == state(free, "noted")

    session.run(ended, "the end")
    assert state(session, "run_hash") == state(free, "run_hash")
    assert session.client.xrange(session.keys.notifications) == free.client.xrange(free.keys.notifications)


def test_where_nobody_is_registered_the_clock_waits_for_nobody(start: Start) -> None:
    session = start()
    session.run(lambda: state(session, "status") == "finished", "the end")
    assert len(ticks(session)) == 390


def test_an_item_is_acknowledged_when_the_next_one_is_asked_for(start: Start, follow: Callable[..., Follower]) -> None:
    session = start(replace(CONFIG, lead=5))
    consumer = follow(session, "c")
    wait_for_ticks(session, 5)
    opened, first, second = consumer.take(), consumer.take(), consumer.take()
    assert [type(each) for each in (opened, first, second)] == [DayOpened, Tick, Tick]
    assert session.client.hget(session.keys.consumer("c"), "cursor") == first.entry.encode()
    wait_for_ticks(session, 6)


def test_a_transaction_acknowledges_what_it_saves_exactly_once(start: Start, follow: Callable[..., Follower]) -> None:
    session = start()
    consumer = follow(session, "c")
    out = f"{session.keys.state}:out"
    for count in range(1, 11):
        wait_for_ticks(session, count)
        item = consumer.take_tick()
        with consumer.items.transaction() as output:
            output.rpush(out, item.entry)
    wait_for_ticks(session, 11)
    saved = [text(entry) for entry in session.client.lrange(out, 0, -1)]
    assert saved == [f"{OPEN_MS + minute * MINUTE_MS}-0" for minute in range(1, 11)]


def test_who_comes_late_joins_after_the_last_tick_and_holds_nobody_up(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start()
    first = follow(session, "first")
    for count in range(1, 11):
        wait_for_ticks(session, count)
        first.take_tick()
        first.done()
    wait_for_ticks(session, 11)
    late = follow(session, "late")
    assert late.session.clock() == OPEN_MS + 11 * MINUTE_MS
    assert len(late.session.bars("AAPL") or ()) == 11
    first.take_tick()
    first.done()
    wait_for_ticks(session, 12)
    first.take_tick()
    first.done()
    session.poll(MANY)
    assert len(ticks(session)) == 12, "from now on it is waited for"
    assert late.take_tick().clock_ms == OPEN_MS + 12 * MINUTE_MS
    late.done()
    wait_for_ticks(session, 13)


def test_who_comes_before_the_clock_has_moved_is_handed_the_opening_too(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start(replace(CONFIG, expect=("a",)))
    session.run(lambda: state(session, "ready") == "1", "the first bars")
    assert isinstance(follow(session, "a").take(), DayOpened)


def test_who_comes_late_and_wants_everything_is_waited_for_until_it_has_caught_up(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start(replace(CONFIG, run_until="09:50"))
    session.run(lambda: len(ticks(session)) == 20, "09:50")
    late = follow(session, "late", from_start=True)
    session.client.xadd(session.keys.commands, encode(Resume()))  # type: ignore[arg-type]
    for minute in range(1, 21):
        session.poll(MANY)
        assert len(ticks(session)) == 20
        assert late.take_tick().clock_ms == OPEN_MS + minute * MINUTE_MS
        late.done()
    wait_for_ticks(session, 21)


def test_a_registration_in_the_last_moment_is_seen_before_the_clock_moves(
    start: Start, follow: Callable[..., Follower], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start(replace(CONFIG, run_until="09:50"))
    session.run(lambda: len(ticks(session)) == 20, "09:50")
    outcomes: list[str] = []

    def registering(advance: Callable[..., Any]) -> Callable[..., Any]:
        def advancing(*args: Any) -> Any:
            if not outcomes:
                follow(session, "late", from_start=True)
            found = advance(*args)
            outcomes.append(found if isinstance(found, str) else found[0])
            return found

        return advancing

    for name in ("advance", "advance_and_read"):
        monkeypatch.setattr(Store, name, registering(getattr(Store, name)))
    session.send(Resume())
    session.run(lambda: bool(outcomes), "a move of the clock")
    session.poll(MANY)
    assert outcomes == ["others"]
    assert len(ticks(session)) == 20


def test_who_leaves_is_not_waited_for(start: Start, follow: Callable[..., Follower]) -> None:
    session = start()
    stays, leaves = follow(session, "stays"), follow(session, "leaves")
    wait_for_ticks(session, 1)
    stays.take_tick()
    stays.done()
    leaves.close()
    wait_for_ticks(session, 2)
    assert not [each for each in session.notifications() if isinstance(each, ConsumerDropped)]


def test_who_comes_back_is_waited_for_until_it_has_caught_up(start: Start, follow: Callable[..., Follower]) -> None:
    session = start(replace(CONFIG, lead=2))
    stays, leaves = follow(session, "stays"), follow(session, "leaves")
    wait_for_ticks(session, 2)
    leaves.take_tick()
    leaves.close()  # with the tick in hand: that is not done
    for count in range(3, 10):
        stays.take_tick()
        stays.done()
        wait_for_ticks(session, count)
    back = follow(session, "leaves")
    stays.take_tick()
    stays.done()
    for minute in range(1, 9):
        session.poll(MANY)
        assert len(ticks(session)) == 9
        assert back.take_tick().clock_ms == OPEN_MS + minute * MINUTE_MS
        back.done()
    wait_for_ticks(session, 10)


def test_who_is_dead_is_dropped_with_an_event_and_is_waited_for_again_once_it_lives(
    start: Start, follow: Callable[..., Follower], caplog: pytest.LogCaptureFixture
) -> None:
    session = start(consumer_silence_ms=SILENCE_MS)
    session.run(lambda: state(session, "clock_ms") is not None, "the opening")
    lives = follow(session, "lives")
    silent(session, "dead")
    wait_for_ticks(session, 1)
    lives.take_tick()
    lives.done()
    wait_for_ticks(session, 2)
    dropped = [each for each in session.notifications() if isinstance(each, ConsumerDropped)]
    assert [(each.consumer, each.clock_ms) for each in dropped] == [("dead", OPEN_MS + MINUTE_MS)]
    assert "consumer dead has shown no life for 0.3 s and is dropped" in caplog.text

    with closing(Session(session.keys.session, lives.session.url)) as other:
        awake = other.subscribe("dead")  # it goes on where it was
        lives.take_tick()
        lives.done()
        session.poll(MANY)
        assert len(ticks(session)) == 2
        assert [type(next(awake)) for _ in range(4)] == [DayOpened, Tick, ConsumerDropped, Tick]
        awake.acknowledge()
        wait_for_ticks(session, 3)


def test_nobody_is_dropped_before_there_was_time_for_a_heartbeat(start: Start, redis_url: str) -> None:
    session = start(consumer_silence_ms=CONSUMER_DEAD_MS * 100)
    session.run(lambda: state(session, "clock_ms") is not None, "the opening")
    silent(session, "asleep")  # as all are when the server was away for long
    wait_for_ticks(session, 1)
    begun_s = time.monotonic()
    session.run(lambda: time.monotonic() - begun_s > 1, "a second")
    assert len(ticks(session)) == 1
    assert info(session, redis_url).waiting_for == ("asleep",)


def test_who_needs_what_is_not_kept_any_more_is_not_waited_for(start: Start, follow: Callable[..., Follower]) -> None:
    session = start(replace(CONFIG, run_until="10:30"), retained_ticks=16, batch_ticks=8)
    session.run(lambda: len(session.notifications()) < 30 and state(session, "status") == "paused", "10:30")
    assert state(session, "trimmed") != "0-0"
    silent(session, "lost", silent_ms=0)
    session.send(Resume())
    session.run(lambda: state(session, "status") == "finished", "the end")


def test_a_cursor_that_is_written_without_an_acknowledgement_is_noticed_as_well(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start()
    consumer = follow(session, "c")
    wait_for_ticks(session, 1)
    session.client.hset(session.keys.consumer("c"), "cursor", consumer.take_tick().entry)
    wait_for_ticks(session, 2)


def test_nonsense_written_by_hand_holds_nothing_up(start: Start, follow: Callable[..., Follower]) -> None:
    session = start()
    consumer = follow(session, "c")
    wait_for_ticks(session, 1)
    silent(session, "odd", silent_ms=0)
    session.client.hset(session.keys.consumer("odd"), "cursor", "the beginning")
    session.client.hset(session.keys.consumers, mapping={"no consumer's name!": "1", "odd2": "yesterday"})
    session.client.xadd(session.keys.acks, {"consumer": "c", "cursor": "all of it"})
    session.client.xadd(session.keys.acks, {b"\xff": b"\xff"})
    session.poll(MANY)
    assert len(ticks(session)) == 1
    consumer.take_tick()
    consumer.done()
    wait_for_ticks(session, 2)


def test_another_coordinator_lets_no_more_ticks_go_than_the_first_would_have(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start(replace(CONFIG, lead=4))
    consumer = follow(session, "c")
    wait_for_ticks(session, 4)
    session.take_over()
    session.poll(MANY)
    assert len(ticks(session)) == 4
    consumer.take_tick()
    consumer.done()
    session.take_over()
    wait_for_ticks(session, 5)
    for count in range(6, 15):
        consumer.take_tick()
        session.take_over()
        consumer.done()
        wait_for_ticks(session, count)


def test_what_a_consumer_asks_for_before_it_acknowledges_happens_at_that_tick(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start()
    first, second = follow(session, "first"), follow(session, "second")
    for count in range(1, 6):
        wait_for_ticks(session, count)
        first.take_tick()
        second.take_tick()
        if count < 5:
            first.done()
            second.done()
    reply = session.send(AddSymbol(("MSFT",)))
    assert reply.status == "ok"
    at_ms = OPEN_MS + 5 * MINUTE_MS
    assert reply.result["MSFT"]["clock_ms"] == at_ms
    session.poll(MANY)
    assert len(ticks(session)) == 5
    for consumer in (first, second):
        item = consumer.take()
        assert isinstance(item, SymbolAdded)
        assert item.clock_ms == at_ms
        assert len(consumer.session.bars("MSFT") or ()) == 5
        consumer.done()
    wait_for_ticks(session, 6)
    assert first.take_tick().symbols == ("AAPL", "MSFT")


def test_steps_stops_pauses_and_a_pace_work_as_without_a_lead(start: Start, follow: Callable[..., Follower]) -> None:
    session = start(replace(CONFIG, run_until="09:32", lead=2))
    consumer = follow(session, "c")

    def acknowledge(count: int) -> None:
        for _ in range(count):
            consumer.take_tick()
            consumer.done()

    session.run(lambda: state(session, "status") == "paused", "09:32")
    assert len(ticks(session)) == 2
    assert session.send(Step(3)).status == "ok"
    session.poll(MANY)
    assert len(ticks(session)) == 2
    acknowledge(2)
    wait_for_ticks(session, 4)
    acknowledge(2)
    wait_for_ticks(session, 5)
    assert state(session, "status") == "paused"
    acknowledge(1)
    session.send(Speed(3_000))  # a minute in 20 ms
    session.send(RunUntil("09:38"))
    wait_for_ticks(session, 7)
    assert session.send(Pause()).result["holds"] == ["user"]
    acknowledge(2)
    session.poll(MANY)
    assert len(ticks(session)) == 7
    session.send(Resume())
    session.run(lambda: len(ticks(session)) == 8, "09:38")
    assert state(session, "status") == "paused"


def test_a_scheduled_command_is_carried_out_at_its_time(start: Start, follow: Callable[..., Follower]) -> None:
    session = start()
    consumer = follow(session, "c")
    session.run(lambda: state(session, "clock_ms") is not None, "the opening")
    fields = encode(AddSymbol(("MSFT",))) | {"at": "09:32"}
    session.client.xadd(session.keys.commands, fields)  # type: ignore[arg-type]
    for minute in (1, 2):
        wait_for_ticks(session, minute)
        assert consumer.take_tick().clock_ms == OPEN_MS + minute * MINUTE_MS
        if minute == 1:
            consumer.done()

    def replies() -> list[Any]:
        found: Any = session.client.xrange(session.keys.replies)
        return [decode_reply(fields) for _, fields in found]

    session.run(lambda: replies()[-1].status == "ok", "the addition, although the tick is not acknowledged")
    assert len(ticks(session)) == 2
    added = consumer.take()
    assert isinstance(added, SymbolAdded)
    assert added.clock_ms == OPEN_MS + 2 * MINUTE_MS


def test_a_session_ends_after_all_have_acknowledged_its_last_tick(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start(replace(CONFIG, run_until="15:59"))
    session.run(lambda: len(ticks(session)) == 389, "15:59")
    consumer = follow(session, "c")
    session.send(Resume())
    wait_for_ticks(session, 390)
    assert state(session, "status") == "running"
    consumer.take_tick()
    consumer.done()
    session.run(lambda: state(session, "status") == "finished", "the end")
    assert isinstance(consumer.take(), SessionFinished)


def test_a_session_shows_for_whom_it_waits(
    start: Start, follow: Callable[..., Follower], redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    session = start()
    quick, slow = follow(session, "quick"), follow(session, "slow")
    wait_for_ticks(session, 1)
    quick.take_tick()
    quick.done()
    assert info(session, redis_url).waiting_for == ()
    session.run(lambda: state(session, "waiting_for") == "slow", "the session to say for whom it waits")
    found = info(session, redis_url)
    assert found.waiting_for == ("slow",)
    assert show_json(found)["waiting_for"] == ["slow"]
    assert show_json(found)["lead"] == 1
    assert {"Lead: 1", "Waiting for: slow"} <= set(show_lines(found))
    assert "waiting for consumer slow" in caplog.text
    session.take_over()  # it is still true
    session.send(Pause())
    session.poll(MANY)
    assert state(session, "waiting_for") is None  # nobody is waited for while there is a hold
    session.send(Resume())
    slow.take_tick()
    slow.done()
    wait_for_ticks(session, 2)
    assert info(session, redis_url).waiting_for == ()


def test_the_first_tick_waits_for_those_who_are_expected(
    start: Start, follow: Callable[..., Follower], redis_url: str
) -> None:
    session = start(replace(CONFIG, lead=None, expect=("vwap", "cross")))
    session.run(lambda: state(session, "ready") == "1", "the first bars")
    assert (state(session, "status"), session.clock_ms()) == ("paused", OPEN_MS)
    assert info(session, redis_url).holds == ("expect:cross", "expect:vwap")
    assert info(session, redis_url).expected == ("cross", "vwap")
    follow(session, "vwap")
    session.run(lambda: info(session, redis_url).expected == ("cross",), "vwap to be there")
    assert session.send(Resume()).result["holds"] == ["expect:cross"]
    assert session.send(Step(1)).result["holds"] == ["expect:cross"]
    session.poll(MANY)
    assert ticks(session) == []
    assert session.clock_ms() == OPEN_MS
    follow(session, "cross")
    session.run(lambda: len(ticks(session)) == 1, "the step")


def test_another_coordinator_goes_on_waiting_for_those_who_are_expected(
    start: Start, follow: Callable[..., Follower]
) -> None:
    session = start(replace(CONFIG, expect=("a", "b")))
    session.run(lambda: session.client.scard(session.keys.holds) == 2, "the opening")
    session.take_over()
    follow(session, "a")
    session.run(lambda: session.client.smembers(session.keys.holds) == {b"expect:b"}, "a to be there")
    session.take_over()
    session.poll(MANY)
    assert ticks(session) == []
    follow(session, "b")
    wait_for_ticks(session, 1)


def test_who_has_left_or_is_dead_is_not_there(start: Start, follow: Callable[..., Follower]) -> None:
    session = start(replace(CONFIG, expect=("left", "dead")))
    session.run(lambda: session.client.scard(session.keys.holds) == 2, "the opening")
    silent(session, "dead", CONSUMER_DEAD_MS * 2)
    follow(session, "left").close()
    session.poll(MANY)
    assert session.client.smembers(session.keys.holds) == {b"expect:left", b"expect:dead"}


def test_somebody_who_never_comes_is_let_go_by_hand(start: Start) -> None:
    session = start(replace(CONFIG, expect=("ghost",)))
    session.run(lambda: session.client.scard(session.keys.holds) == 1, "the opening")
    session.poll(MANY)
    assert ticks(session) == []
    session.client.srem(session.keys.holds, "expect:ghost")
    session.run(lambda: state(session, "status") == "finished", "the end")


def test_a_symbol_can_be_added_while_somebody_is_expected(start: Start, follow: Callable[..., Follower]) -> None:
    session = start(replace(CONFIG, expect=("a",)))
    session.run(lambda: state(session, "ready") == "1", "the first bars")
    assert session.send(AddSymbol(("MSFT",))).status == "ok"
    assert session.client.smembers(session.keys.holds) == {b"expect:a"}
    consumer = follow(session, "a")
    wait_for_ticks(session, 1)
    assert consumer.take_tick().symbols == ("AAPL", "MSFT")


def test_history_is_read_while_somebody_is_expected(start: Start, follow: Callable[..., Follower]) -> None:
    session = start(replace(CONFIG, expect=("a",), history=2))
    session.run(lambda: session.client.smembers(session.keys.holds) == {b"expect:a"}, "the history")
    consumer = follow(session, "a")
    wait_for_ticks(session, 1)
    consumer.take_tick()
    assert len(consumer.session.history("AAPL") or ()) == 2 * 390
