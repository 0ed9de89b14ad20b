"""A session can be repeated from its journal, and the run hash tells whether the second run was the first one again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.commands import AddSymbol, Command, Pause, RemoveSymbol, Resume, RunUntil, Speed, Step, Stop
from playhead.config import SessionConfig, SymbolConfig
from playhead.intervals import MINUTE_MS
from playhead.journal import Journal, lines, parse, read_journal
from playhead.repetition import differences, repeated
from shared.calendars import calendar_name_for
from shared.hours import Hours
from shared.sources import registry
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource

EXAMPLES = int(os.environ.get("PLAYHEAD_REPETITION_EXAMPLES", "60"))
"""How many random sessions one run of the tests repeats."""
FIRST, LAST = date(2025, 7, 2), date(2025, 7, 3)  # an ordinary day and an early close
INITIAL = ("AAPL", "AZN.L")
OTHERS = ("MSFT", "7203.T", "ABSENT")
SYMBOLS = (*INITIAL, *OTHERS)
_numbers = count()

Act = tuple[int, Command]


@dataclass(frozen=True)
class Plan:
    """A random session: how it is driven, and what is done at which market time."""

    acts: tuple[Act, ...]
    history: int
    batch_ticks: int
    crash: bool


def config_of(history: int) -> SessionConfig:
    given = tuple(SymbolConfig(symbol) for symbol in INITIAL)
    return SessionConfig(given, FIRST, LAST, "memory:", derive=("5m", "1h"), history=history)


HOURS = {symbol: Hours.in_session(calendar_name_for(symbol, {}, "XNYS"), config_of(1)) for symbol in SYMBOLS}
BEGIN_MS = min(HOURS[symbol].open_ms for symbol in INITIAL)
END_MS = max(HOURS[symbol].close_ms for symbol in INITIAL)
STARTS = {
    # Every seventh minute, so that most clocks are without a tick.
    symbol: tuple(
        at
        for day in HOURS[symbol].days
        for first, last in day.ranges
        for at in range(first, last, 7 * MINUTE_MS if symbol != "MSFT" else 11 * MINUTE_MS)
    )
    for symbol in SYMBOLS
    if symbol != "ABSENT"
}
EDGES = sorted({edge for hours in HOURS.values() for day in hours.days for each in day.ranges for edge in each})


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    telling = [at for edge in EDGES for at in (edge - MINUTE_MS, edge, edge + MINUTE_MS) if BEGIN_MS <= at <= END_MS]
    times = (
        st.sampled_from([BEGIN_MS, END_MS])
        | st.sampled_from(telling)
        | st.integers(BEGIN_MS // 1000, END_MS // 1000).map(lambda second: second * 1000)
    )
    some = st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3, unique=True).map(tuple)
    commands: st.SearchStrategy[Command] = (
        st.builds(AddSymbol, some)
        | st.builds(RemoveSymbol, some)
        | st.sampled_from([Pause(), Speed(1e9), Speed(None), Step(3)])
    )
    acts = sorted(draw(st.lists(st.tuples(times, commands), max_size=6)), key=lambda act: act[0])
    if draw(st.booleans()):
        last_ms = acts[-1][0] if acts else BEGIN_MS
        acts.append((draw(st.integers(last_ms // 1000, END_MS // 1000)) * 1000, Stop()))
    return Plan(tuple(acts), draw(st.sampled_from([0, 1])), draw(st.sampled_from([1, 3, 32, 500])), draw(st.booleans()))


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> Iterator[None]:
    monkeypatch.setitem(registry._BUILT_IN, "memory", "tests.support.memory_source:MemorySource")
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    monkeypatch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
    MemorySource.hold(STARTS, "1m")
    yield
    MemorySource.held = {}


def play(session: InProcess, plan: Plan) -> Journal:
    """Gives each command by hand when the clock reads its time, and plays to the end."""
    session.client.sadd(session.keys.holds, "user")
    stands(session)
    for at_ms, command in plan.acts:
        if ended(session):
            break
        if session.clock_ms() < at_ms:
            session.send(RunUntil(datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()))
            stands(session)
            assert session.clock_ms() == at_ms
        before_ms = session.clock_ms()
        session.send(command)
        if plan.crash:
            session.take_over()
        stands(session)
        assert isinstance(command, Step | Stop) or session.clock_ms() == before_ms, "the clock moved under a hold"
    return to_the_end(session)


def ended(session: InProcess) -> bool:
    return session.client.hget(session.keys.state, "status") in (b"stopped", b"finished")


def stands(session: InProcess) -> None:
    """Waits until a person's pause is all that holds the clock, or the session has ended."""
    holds = session.keys.holds
    session.run(lambda: ended(session) or session.client.smembers(holds) == {b"user"}, "the pause")
    session.run(lambda: session.clock_ms() > 0, "the opening")


def to_the_end(session: InProcess) -> Journal:
    if not ended(session):
        session.send(Resume())
    return at_the_end(session)


def at_the_end(session: InProcess) -> Journal:
    """The journal once the session has ended of itself, by way of a file."""
    session.run(lambda: bool(session.client.hexists(session.keys.digests, "clock_ms")), "the end and the digests")
    written = "\n".join(lines(read_journal(session.client, session.keys)))
    return parse(written.split("\n"), "test.jsonl")


def changed(start_ms: int, symbol: str) -> None:
    """Another close in one bar of the source."""
    values = MemorySource.held[symbol].values.copy()
    values[list(STARTS[symbol]).index(start_ms), 3] += 0.01
    MemorySource.held = MemorySource.held | {symbol: replace(MemorySource.held[symbol], values=values)}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=plans(), batch_ticks=st.sampled_from([1, 32]))
@pytest.mark.timeout(0)
def test_a_session_that_is_repeated_from_its_journal_has_the_same_run_hash(
    session_name: str, redis_url: str, plan: Plan, batch_ticks: int
) -> None:
    number = next(_numbers)
    name = f"{session_name}-{number}"
    first = InProcess(redis_url, f"{name}a", config_of(plan.history), batch_ticks=plan.batch_ticks)
    try:
        journal = play(first, plan)
    finally:
        first.close()
    again = InProcess(redis_url, f"{name}b", repeated(journal), batch_ticks=batch_ticks)
    try:
        second = at_the_end(again)
    finally:
        again.close()
    assert differences(journal, second) == []
    assert (second.run_hash, second.clock_ms) == (journal.run_hash, journal.clock_ms)
    third = InProcess(redis_url, f"{name}c", repeated(second))
    try:
        assert differences(journal, at_the_end(third)) == [], "a repetition can be repeated"
    finally:
        third.close()


@pytest.mark.parametrize(("symbol", "day"), [("AAPL", 0), ("AAPL", 1), ("MSFT", 0), ("MSFT", 1)])
def test_one_other_bar_in_the_source_is_noticed_with_its_symbol_and_day(
    session_name: str, redis_url: str, symbol: str, day: int
) -> None:
    days = [each for each in HOURS[symbol].days if each.label in ("2025-07-02", "2025-07-03")]
    added_ms = days[0].open_ms + 30 * MINUTE_MS
    first = InProcess(redis_url, f"{session_name}-a", config_of(0))
    try:
        journal = play(first, Plan(((added_ms, AddSymbol(("MSFT", "ABSENT"))),), 0, 32, crash=False))
    finally:
        first.close()
    changed(next(at for at in STARTS[symbol] if at > days[day].open_ms + 60 * MINUTE_MS), symbol)
    again = InProcess(redis_url, f"{session_name}-b", repeated(journal))
    try:
        second = at_the_end(again)
    finally:
        again.close()
    found = differences(journal, second)
    assert found[0] == f"the run hash is {second.run_hash}, and was {journal.run_hash}"
    assert any("the runs part between" in each for each in found)
    assert found[-1] == f"the first bars that differ are those of {symbol} (1m) on {days[day].label} of XNYS"


def test_a_symbol_that_is_there_no_more_and_one_that_is_there_now_are_another_outcome_and_the_same(
    session_name: str, redis_url: str
) -> None:
    noon_ms = HOURS["AAPL"].days.days[1].open_ms + 156 * MINUTE_MS
    first = InProcess(redis_url, f"{session_name}-a", config_of(0))
    try:
        journal = play(first, Plan(((noon_ms, AddSymbol(("MSFT", "ABSENT"))),), 0, 32, crash=False))
    finally:
        first.close()
    MemorySource.held = MemorySource.held | {"ABSENT": MemorySource.held["AAPL"]}
    again = InProcess(redis_url, f"{session_name}-b", repeated(journal))
    try:
        assert differences(journal, at_the_end(again)) == [], "what failed is repeated as failed, and nobody is asked"
    finally:
        again.close()
    MemorySource.held = {symbol: bars for symbol, bars in MemorySource.held.items() if symbol != "MSFT"}
    third = InProcess(redis_url, f"{session_name}-c", repeated(journal))
    try:
        found = differences(journal, at_the_end(third))
    finally:
        third.close()
    (outcome,) = [each for each in found if each.startswith("MSFT of add-symbol at ")]
    assert "is rejected (memory: has nothing under MSFT), and was added" in outcome


@pytest.mark.parametrize(("speed", "batch_ticks"), [(None, 1), (None, 7), (1_000_000.0, 32)])
def test_the_run_hash_does_not_depend_on_how_the_session_was_driven(
    session_name: str, redis_url: str, speed: float | None, batch_ticks: int
) -> None:
    plain = InProcess(redis_url, f"{session_name}-a", config_of(1))
    try:
        expected = at_the_end(plain).run_hash
    finally:
        plain.close()
    driven = InProcess(redis_url, f"{session_name}-b", replace(config_of(1), speed=speed), batch_ticks=batch_ticks)
    try:
        acts: list[Act] = [(at_ms, each) for at_ms in EDGES[3:9] for each in (Step(2), Pause(), Speed(speed))]
        assert play(driven, Plan(tuple(acts), 1, batch_ticks, crash=True)).run_hash == expected
    finally:
        driven.close()
