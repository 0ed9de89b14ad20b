"""A symbol that was added is, from then on, as if it had been there from the open: invariant 5 of the design."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from playhead.bars import Bar
from playhead.config import SessionConfig, SymbolConfig
from playhead.intervals import interval_ms
from playhead.messages import Tick
from shared.calendars import calendar_name_for
from shared.hours import Hours
from shared.sources import registry
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource, made_bars

EXAMPLES = int(os.environ.get("PLAYHEAD_EQUIVALENCE_EXAMPLES", "200"))
"""How many random sessions one run of the tests compares."""
DAYS = (date(2022, 6, 1), date(2025, 7, 3), date(2024, 3, 11))  # an ordinary day, an early close, clocks changed
NAMES = ("MSFT", "ZM", "AZN.L", "9988.HK", "7203.T", "BHP.AX")
_numbers = count()

Transcript = list[tuple[int, tuple[tuple[str, str, Bar], ...]]]


@dataclass(frozen=True)
class Plan:
    """A random session: which symbols it begins with, which bars there are, and what is added when."""

    day: date
    interval: str
    initial: tuple[str, ...]
    starts: dict[str, tuple[int, ...]]
    additions: tuple[tuple[int, tuple[str, ...]], ...]

    def hours(self, symbol: str) -> Hours:
        return Hours.of(calendar_name_for(symbol, {}, "XNYS"), self.day, self.day)

    def regular(self, symbol: str) -> tuple[int, ...]:
        hours = self.hours(symbol)
        return tuple(at for at in self.starts[symbol] if _is_regular(hours, at))


def _is_regular(hours: Hours, at_ms: int) -> bool:
    """By the table of one session, without the classification that is tested."""
    return any(first <= at_ms < last for first, last in hours.sessions[0].open_ranges())


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    day = draw(st.sampled_from(DAYS))
    interval = draw(st.sampled_from(["1m", "5m", "15m", "30s"]))
    step_ms = interval_ms(interval)
    symbols = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
    split = draw(st.integers(1, len(symbols) - 1))
    initial, later = tuple(symbols[:split]), symbols[split:]
    hours = {symbol: Hours.of(calendar_name_for(symbol, {}, "XNYS"), day, day) for symbol in symbols}
    starts = {symbol: draw(_starts(hours[symbol], step_ms)) for symbol in symbols}
    if not any(_is_regular(hours[symbol], at) for symbol in initial for at in starts[symbol]):
        # A session without any bar is refused.
        starts[initial[0]] = tuple(sorted({*starts[initial[0]], hours[initial[0]].open_ms}))
    first = min(hours[symbol].open_ms for symbol in initial)
    last = max(hours[symbol].close_ms for symbol in initial)
    telling = {first, last - step_ms}
    for symbol in symbols:
        session = hours[symbol].sessions[0]
        edges = [edge for each in session.open_ranges() for edge in each]
        near = [edge + shift for edge in edges for shift in (-step_ms, 0, step_ms)]
        telling.update([*near, *starts[symbol], *(at + step_ms for at in starts[symbol])])
    times = st.sampled_from(sorted(at for at in telling if first <= at < last)) | st.integers(
        first // 1000, last // 1000 - 1
    ).map(lambda second: second * 1000)
    additions: list[tuple[int, tuple[str, ...]]] = []
    while later:
        size = draw(st.integers(1, len(later)))
        additions.append((draw(times), tuple(later[:size])))
        later = later[size:]
    additions.sort()
    return Plan(day, interval, initial, starts, tuple(additions))


@st.composite
def _starts(draw: st.DrawFn, hours: Hours, step_ms: int) -> tuple[int, ...]:
    """Starts on the grid around regular hours: whole stretches with gaps, pre- and post-market and break included."""
    session = hours.sessions[0]
    first, last = session.open_ms - 3 * step_ms, session.close_ms + 3 * step_ms
    grid = range(first, last, step_ms)
    picked: set[int] = set()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(grid) - 1))
        picked.update(grid[at : at + draw(st.integers(1, 40))])
    edges = {session.open_ms, session.close_ms - step_ms, first}
    picked.update(draw(st.sets(st.sampled_from(sorted(edges)))))
    picked.difference_update(draw(st.sets(st.sampled_from(grid), max_size=5)))
    return tuple(sorted(picked)) or (session.open_ms,)


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> Iterator[None]:
    monkeypatch.setitem(registry._BUILT_IN, "memory", "tests.support.memory_source:MemorySource")
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    monkeypatch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
    yield
    MemorySource.held = {}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(plan=plans(), crash=st.booleans())
@pytest.mark.timeout(0)
def test_a_session_with_additions_equals_one_that_had_all_symbols_from_the_start(
    session_name: str, redis_url: str, plan: Plan, crash: bool
) -> None:
    MemorySource.hold(plan.starts, plan.interval)
    step_ms = interval_ms(plan.interval)
    number = next(_numbers)
    added = InProcess(redis_url, f"{session_name}-{number}a", _config(plan, plan.initial))
    everyone = (*plan.initial, *(symbol for _, symbols in plan.additions for symbol in symbols))
    whole = InProcess(redis_url, f"{session_name}-{number}b", _config(plan, everyone))
    try:
        whole.finish()
        full = {symbol: whole.data(symbol, plan.interval) for symbol in everyone}
        present = list(plan.initial)
        changes = [(0, tuple(plan.initial))]
        added.run(lambda: added.clock_ms() > 0, "the opening")
        for at_ms, symbols in plan.additions:
            if at_ms > added.clock_ms():
                added.run_until(datetime.fromtimestamp(at_ms / 1000, UTC).isoformat())
            assert added.clock_ms() == at_ms
            reply = added.add(symbols)
            assert reply.status == "ok", reply
            assert added.clock_ms() == at_ms, "the clock moved during the addition"
            present += symbols
            changes.append((at_ms, symbols))
            for symbol in present:
                expected = full[symbol].where(full[symbol].start_ms + step_ms <= at_ms)
                assert added.data(symbol, plan.interval) == expected
            if crash:
                added.take_over()
        added.finish()

        for symbol in everyone:
            assert full[symbol] == made_bars(symbol, plan.interval, plan.regular(symbol))
            assert added.data(symbol, plan.interval) == full[symbol]
        theirs, ours = _transcript(whole), _transcript(added)
        for place, (since_ms, _) in enumerate(changes):
            until_ms = changes[place + 1][0] if place + 1 < len(changes) else 1 << 60
            known = {symbol for _, symbols in changes[: place + 1] for symbol in symbols}
            assert _part(ours, since_ms, until_ms, set(everyone)) == _part(theirs, since_ms, until_ms, known)
    finally:
        added.close()
        whole.close()


def _config(plan: Plan, symbols: tuple[str, ...]) -> SessionConfig:
    return SessionConfig(
        tuple(SymbolConfig(symbol) for symbol in symbols), plan.day, plan.day, "memory:", "XNYS", plan.interval
    )


def _transcript(session: InProcess) -> Transcript:
    """Every tick with its bars, as a consumer gets them; strictly in order of time."""
    ticks = [message for message in session.notifications() if isinstance(message, Tick)]
    assert (np.diff([tick.clock_ms for tick in ticks]) > 0).all()
    return [(tick.clock_ms, tuple(tick.bars())) for tick in ticks]


def _part(transcript: Transcript, since_ms: int, until_ms: int, symbols: set[str]) -> Transcript:
    """The ticks after one time and up to another, with the bars of these symbols."""
    part = [
        (clock_ms, tuple(bar for bar in bars if bar[0] in symbols))
        for clock_ms, bars in transcript
        if since_ms < clock_ms <= until_ms
    ]
    return [tick for tick in part if tick[1]]
