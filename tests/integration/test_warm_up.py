"""The history that a session begins with: it is there from the first moment, or the session does not begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import pytest

from coordinator.replay import WARM_UP
from playhead.bars import Bars
from playhead.commands import Stop
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.session import Session
from shared.hours import Hours
from shared.sources import registry
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource, made_bars
from workers.stage import stage

MINUTE_MS = 60_000
FIRST, LAST = date(2025, 7, 3), date(2025, 7, 7)
SYMBOLS = ("AAPL", "MSFT")
Make = Callable[..., InProcess]


class Later:
    """Keeps the jobs until a test runs them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, str]] = []

    def send(self, session: str, attempts: Mapping[int, str]) -> None:
        self.sent += [(session, job, attempt) for job, attempt in attempts.items()]

    def waits(self, session: str, attempt: str) -> bool:
        return any(attempt == waiting for _, _, waiting in self.sent)

    def close(self) -> None:
        return None

    def run(self) -> None:
        for job in self.sent:
            stage(*job)
        self.sent.clear()


def ms(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}Z").timestamp() * 1000)


def minutes(first: str, count: int) -> list[int]:
    return [ms(first) + at * MINUTE_MS for at in range(count)]


YESTERDAY = minutes("2025-07-02T19:50", 10)
ALL_PAST = [*minutes("2025-06-30T13:30", 3), *YESTERDAY]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Later:
    """The one of every coordinator of this test."""
    later = Later()
    monkeypatch.setattr("coordinator.replay.Dispatcher", lambda *_: later)
    return later


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, queue: Later, redis_url: str, session_name: str) -> Iterator[Make]:
    """Begins sessions over the 3rd and the 7th, with three days of history; no job is run by itself."""
    monkeypatch.setitem(registry._BUILT_IN, "memory", "tests.support.memory_source:MemorySource")
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    monkeypatch.setattr(MemorySource, "held", {})
    replayed = minutes("2025-07-03T13:30", 5) + minutes("2025-07-07T13:30", 5)
    outside = [ms("2025-07-02T20:00"), ms("2025-06-27T13:30")]
    MemorySource.hold({each: [*ALL_PAST, *outside, *replayed] for each in SYMBOLS}, "1m")
    made: list[InProcess] = []

    def one(symbols: tuple[str, ...] = SYMBOLS, history: int = 3, derive: tuple[str, ...] = ()) -> InProcess:
        given = tuple(SymbolConfig(symbol) for symbol in symbols)
        config = SessionConfig(given, FIRST, LAST, "memory:", history=history, derive=derive)
        session = InProcess(redis_url, f"{session_name}-{len(made)}", config)
        made.append(session)
        session._replay._dispatcher = queue  # type: ignore[assignment]
        return session

    yield one
    for session in made:
        session.close()


def status(session: InProcess) -> str:
    return text(session.client.hget(session.keys.state, "status") or b"")


def ask(session: InProcess, queue: Later) -> None:
    """Runs until the session has asked for its history."""
    session.run(lambda: bool(queue.sent), "a job")


def warm(session: InProcess, queue: Later) -> None:
    """Runs until the session has its history."""
    ask(session, queue)
    queue.run()
    session.run(lambda: not session.client.hexists(session.keys.state, "warming"), "the history")


def test_until_the_history_is_there_the_clock_stands_and_reads_answer_nothing(
    make: Make, queue: Later, redis_url: str
) -> None:
    session = make()
    ask(session, queue)
    session.poll(20)
    open_ms = ms("2025-07-03T13:30")
    assert (status(session), session.clock_ms()) == ("paused", open_ms)
    assert session.client.smembers(session.keys.holds) == {WARM_UP.encode()}
    with Session(session.keys.session, redis_url) as reader:
        assert reader.bars("AAPL") is None
        assert reader.history("AAPL") is None
        warm(session, queue)
        expected = made_bars("AAPL", "1m", ALL_PAST)
        assert reader.history("AAPL") == expected
        assert reader.history("AAPL", days=1) == made_bars("AAPL", "1m", YESTERDAY)
    assert session.client.smembers(session.keys.holds) == set()


def test_no_consumer_is_told_of_the_first_day_before_the_history_is_there(
    make: Make, queue: Later, redis_url: str
) -> None:
    session = make()
    ask(session, queue)
    assert session.notifications() == []
    warm(session, queue)
    with Session(session.keys.session, redis_url) as reader, reader.subscribe("c") as items:
        first = next(items)
        assert (first.type, first.clock_ms) == ("day-opened", ms("2025-07-03T13:30"))
        assert reader.history("AAPL") == made_bars("AAPL", "1m", ALL_PAST)


def test_history_comes_without_a_tick_and_with_the_derived_bars(make: Make, queue: Later, redis_url: str) -> None:
    session = make(derive=("5m",))
    warm(session, queue)
    session.finish()
    assert [each.type for each in session.notifications()] == [
        "day-opened", *["tick"] * 5, "day-opened", *["tick"] * 5, "session-finished",
    ]  # fmt: skip
    days = [day.label for day in Hours.in_session("XNYS", SessionConfig((), FIRST, LAST, history=3)).days]
    assert days == ["2025-06-30", "2025-07-01", "2025-07-02", "2025-07-03", "2025-07-07"]
    assert [len(session.days_data("AAPL", "1m", day)) for day in days] == [3, 0, 10, 5, 5]
    assert [len(session.days_data("MSFT", "5m", day)) for day in days] == [1, 0, 2, 1, 1]
    with Session(session.keys.session, redis_url) as reader:
        found = reader.history("AAPL", "5m")
        assert found is not None
        assert found.start_ms.tolist() == [*YESTERDAY[::5], ms("2025-07-03T13:30")]


def test_a_symbol_without_history_is_no_error(make: Make, queue: Later, redis_url: str) -> None:
    MemorySource.held["MSFT"] = made_bars("MSFT", "1m", minutes("2025-07-03T13:30", 5))
    session = make()
    warm(session, queue)
    with Session(session.keys.session, redis_url) as reader:
        assert reader.history("MSFT") == Bars.empty("MSFT", "1m")
        assert len(reader.history("AAPL") or ()) == 13


def failed(session: InProcess, queue: Later) -> str:
    """Why the session failed; nothing goes on in it, and nothing is left of its history."""
    session.run(lambda: status(session) == "failed", "the failure")
    session.run(lambda: not session.client.exists(session.keys.operation), "the end of the operation")
    session.poll(3)
    assert session._replay._addition is None
    assert session.notifications()[-1].type == "session-failed"
    assert [each.type for each in session.notifications()].count("session-failed") == 1
    assert not queue.sent
    # Its coordinator rests: it has nothing to do before something comes.
    assert session._replay.poll() > 0
    return text(session.client.hget(session.keys.state, "error") or b"")


def test_a_session_whose_history_cannot_be_read_fails_and_its_coordinator_rests(make: Make, queue: Later) -> None:
    session = make(("AAPL", "TSLA"))
    ask(session, queue)
    queue.run()
    assert failed(session, queue) == "memory: has nothing under TSLA"


def test_so_it_does_when_another_coordinator_takes_it_over(make: Make, queue: Later) -> None:
    session = make(("AAPL", "TSLA"))
    ask(session, queue)
    queue.run()
    session.run(lambda: status(session) == "failed", "the failure")
    session.take_over()
    queue.run()
    assert failed(session, queue) == "memory: has nothing under TSLA"


SPOILED: dict[str, tuple[Callable[[InProcess], Any], str]] = {
    "its hold was removed by hand": (
        lambda session: session.client.srem(session.keys.holds, WARM_UP),
        "the hold of the addition was removed by another hand",
    ),
    "what was staged has run out": (
        lambda session: session.client.delete(
            *(key for key in session.client.scan_iter(f"{session.keys.state}:staged:*") if b":bars:" in key)
        ),
        "what the worker had staged has run out",
    ),
}


@pytest.mark.parametrize(("spoil", "reason"), SPOILED.values(), ids=SPOILED)
def test_a_session_does_not_begin_without_the_history_that_it_was_to_have(
    make: Make, queue: Later, spoil: Callable[[InProcess], Any], reason: str
) -> None:
    session = make()
    ask(session, queue)
    queue.run()
    spoil(session)
    assert failed(session, queue) == f"the history cannot be put in: {reason}"


def test_who_takes_the_session_over_asks_again_and_what_the_old_attempt_stages_is_not_taken(
    make: Make, queue: Later, redis_url: str
) -> None:
    session = make()
    ask(session, queue)
    (old,) = queue.sent
    session.take_over()
    first, again = queue.sent
    assert first == old
    assert again[2] != old[2]
    warm(session, queue)
    with Session(session.keys.session, redis_url) as reader:
        assert len(reader.history("AAPL") or ()) == 13
    session.finish()


def test_a_session_can_be_stopped_as_soon_as_its_history_is_there(make: Make, queue: Later) -> None:
    session = make()
    warm(session, queue)
    session.send(Stop())
    assert status(session) == "stopped"


def test_history_moves_on_with_the_trading_day(make: Make, queue: Later, redis_url: str) -> None:
    session = make(history=1)
    warm(session, queue)
    session.finish()
    with Session(session.keys.session, redis_url) as reader:
        assert reader.history("AAPL") == made_bars("AAPL", "1m", minutes("2025-07-03T13:30", 5))


def test_without_history_nothing_is_waited_for(make: Make, queue: Later) -> None:
    session = make(history=0)
    session.finish()
    assert not queue.sent
    assert session.clock_ms() == ms("2025-07-07T20:00")
