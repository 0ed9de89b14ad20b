"""A symbol that was added is, from then on, as if it had been there from the open: invariant 5 of the design.

Over several days, several exchanges and intervals, with history, whatever bars there are and whenever it is added.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.bars import Bar, Bars
from playhead.commands import AddSymbol
from playhead.config import ALL_HOURS, REGULAR_HOURS, SessionConfig, SymbolConfig
from playhead.days import TradingDay
from playhead.intervals import interval_ms
from playhead.messages import DayOpened, Tick
from playhead.session import Session
from shared.calendars import TradingSession, calendar_name_for
from shared.hours import Hours
from shared.sources import registry
from tests.support.in_process import InProcess
from tests.support.memory_source import MemorySource, made_bars

EXAMPLES = int(os.environ.get("PLAYHEAD_EQUIVALENCE_EXAMPLES", "200"))
"""How many random sessions one run of the tests compares."""
SPANS = (
    (date(2022, 6, 1), date(2022, 6, 1)),
    (date(2022, 6, 1), date(2022, 6, 6)),  # holidays of London and of Hong Kong, and a weekend
    (date(2025, 7, 2), date(2025, 7, 7)),  # an early close and a holiday of New York
    (date(2024, 3, 8), date(2024, 3, 11)),  # clocks changed in New York
    (date(2025, 1, 6), date(2025, 1, 7)),  # Sydney opens on the day before in UTC
)
NAMES = ("MSFT", "ZM", "AZN.L", "9988.HK", "7203.T", "BHP.AX", "BTC")
GIVEN = {"BTC": "24/7"}
DERIVED = {"1m": ("5m", "15m", "1h"), "5m": ("15m", "1h"), "15m": ("1h", "4h"), "30s": ("1m", "7m"), "1h": ("2h",)}
LIMITS = {"windows_ahead": 2}
"""So few that the clock has to wait for the next day now and then."""
_numbers = count()

Transcript = list[tuple[int, tuple[tuple[str, str, Bar], ...]]]


@dataclass(frozen=True)
class Plan:
    """A random session: which symbols it begins with, which bars there are, and what is added when."""

    first: date
    last: date
    interval: str
    derive: tuple[str, ...]
    history: int
    kept: str
    initial: tuple[str, ...]
    starts: dict[str, tuple[int, ...]]
    additions: tuple[tuple[int, tuple[str, ...]], ...]

    def config(self, symbols: tuple[str, ...]) -> SessionConfig:
        return SessionConfig(
            tuple(SymbolConfig(symbol, calendar=GIVEN.get(symbol)) for symbol in symbols),
            self.first,
            self.last,
            "memory:",
            "XNYS",
            self.interval,
            self.derive,
            self.history,
            self.kept,
        )

    @property
    def intervals(self) -> tuple[str, ...]:
        return (self.interval, *self.derive)

    def hours(self, symbol: str) -> Hours:
        return Hours.in_session(calendar_name_for(symbol, GIVEN, "XNYS"), self.config((symbol,)))

    def expected(self, symbol: str, interval: str, day: TradingDay) -> dict[int, tuple[int, Bar]]:
        """The bars of one trading day by start, with their closes; reckoned one by one."""
        step_ms = interval_ms(interval)
        found: dict[int, tuple[int, Bar]] = {}
        for first_ms, end_ms in day.ranges:
            inside = [at for at in self.starts[symbol] if first_ms <= at < end_ms]
            for bar in made_bars(symbol, self.interval, inside):
                start_ms = bar.start_ms
                if interval != self.interval:  # that in which it closes
                    closed_ms = min(bar.start_ms + interval_ms(self.interval), end_ms)
                    start_ms = first_ms + (closed_ms - 1 - first_ms) // step_ms * step_ms
                close_ms = min(start_ms + step_ms, end_ms)
                known = found.get(start_ms)
                found[start_ms] = close_ms, bar._replace(start_ms=start_ms) if known is None else both(known[1], bar)
        return found


def both(longer: Bar, bar: Bar) -> Bar:
    """A longer bar with one more bar in it."""
    high, low = max(longer.high, bar.high), min(longer.low, bar.low)
    return Bar(longer.start_ms, longer.open, high, low, bar.close, longer.volume + bar.volume)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    first, last = draw(st.sampled_from(SPANS))
    interval = draw(st.sampled_from(sorted(DERIVED)))
    step_ms = interval_ms(interval)
    derive = draw(st.sampled_from([(), DERIVED[interval], DERIVED[interval][:1]]))
    history = draw(st.sampled_from([0, 0, 1, 3]))
    kept = draw(st.sampled_from([REGULAR_HOURS, REGULAR_HOURS, ALL_HOURS]))
    symbols = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
    split = draw(st.integers(1, len(symbols) - 1))
    initial, later = tuple(symbols[:split]), symbols[split:]
    bare = Plan(first, last, interval, derive, history, kept, initial, {}, ())
    hours = {symbol: bare.hours(symbol) for symbol in symbols}
    before = {symbol: hours[symbol].market.before(first, history) for symbol in symbols}
    starts = {symbol: draw(_starts((*before[symbol], *hours[symbol].sessions), step_ms)) for symbol in symbols}
    for symbol in symbols:
        # A symbol without any bar on the day on which it is added is refused.
        opens = {session.open_ms for session in hours[symbol].sessions}
        starts[symbol] = tuple(sorted({*starts[symbol], *opens}))
    begins = min(hours[symbol].open_ms for symbol in initial)
    ends = max(hours[symbol].close_ms for symbol in initial)
    telling = {begins, ends - step_ms}
    for symbol in symbols:
        edges = [edge for session in hours[symbol].sessions for each in session.open_ranges() for edge in each]
        near = [edge + shift for edge in edges for shift in (-step_ms, 0, step_ms)]
        telling.update([*near, *starts[symbol], *(at + step_ms for at in starts[symbol])])
    times = st.sampled_from(sorted(at for at in telling if begins <= at < ends)) | st.integers(
        begins // 1000, ends // 1000 - 1
    ).map(lambda second: second * 1000)
    additions: list[tuple[int, tuple[str, ...]]] = []
    while later:
        size = draw(st.integers(1, len(later)))
        additions.append((draw(times), tuple(later[:size])))
        later = later[size:]
    additions.sort()
    return Plan(first, last, interval, derive, history, kept, initial, starts, tuple(additions))


@st.composite
def _starts(draw: st.DrawFn, sessions: tuple[TradingSession, ...], step_ms: int) -> tuple[int, ...]:
    """Starts on the grid around regular hours: whole stretches with gaps, pre- and post-market and break included."""
    picked: set[int] = set()
    for session in draw(st.lists(st.sampled_from(sessions), min_size=1, max_size=3)):
        edges = session.open_ms - 3 * step_ms, session.close_ms + 3 * step_ms
        grid = range(*edges, step_ms)
        at = draw(st.integers(0, len(grid) - 1))
        picked.update(grid[at : at + draw(st.integers(1, 40))])
        picked.update(draw(st.sets(st.sampled_from([session.close_ms - step_ms, edges[0]]))))
        picked.difference_update(draw(st.sets(st.sampled_from(grid), max_size=5)))
    return tuple(sorted(picked))


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
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(plan=plans(), crash=st.booleans())
@pytest.mark.timeout(0)
def test_a_session_with_additions_equals_one_that_had_all_symbols_from_the_start(
    session_name: str, redis_url: str, plan: Plan, crash: bool
) -> None:
    MemorySource.hold(plan.starts, plan.interval)
    number = next(_numbers)
    everyone = (*plan.initial, *(symbol for _, symbols in plan.additions for symbol in symbols))
    added = InProcess(redis_url, f"{session_name}-{number}a", plan.config(plan.initial), **LIMITS)
    whole = InProcess(redis_url, f"{session_name}-{number}b", plan.config(everyone), **LIMITS)
    try:
        whole.finish()
        present = list(plan.initial)
        changes = [(0, tuple(plan.initial))]
        added.run(lambda: added.clock_ms() > 0, "the opening")
        for at_ms, symbols in plan.additions:
            if at_ms > added.clock_ms():
                added.run_until(datetime.fromtimestamp(at_ms / 1000, UTC).isoformat())
            assert added.clock_ms() == at_ms
            for symbol in symbols:
                reply = added.send(AddSymbol((symbol,), calendar=GIVEN.get(symbol)))
                assert reply.status == "ok", reply
            assert added.clock_ms() == at_ms, "the clock moved during the addition"
            present += symbols
            changes.append((at_ms, symbols))
            for symbol in present:
                check_reads(plan, added, redis_url, symbol)
            if crash:
                added.take_over()
        added.finish()

        assert added.expiring() == []
        for symbol in everyone:
            check_reads(plan, added, redis_url, symbol)
            check_reads(plan, whole, redis_url, symbol)
        theirs, ours = _transcript(whole), _transcript(added)
        for place, (since_ms, _) in enumerate(changes):
            until_ms = changes[place + 1][0] if place + 1 < len(changes) else 1 << 60
            known = {symbol for _, symbols in changes[: place + 1] for symbol in symbols}
            assert _part(ours, since_ms, until_ms, set(everyone)) == _part(theirs, since_ms, until_ms, known)
            calendars = {plan.hours(symbol).market.name for symbol in known}
            assert _opened(added, since_ms, until_ms, calendars) == _opened(whole, since_ms, until_ms, calendars)
    finally:
        added.close()
        whole.close()


def check_reads(plan: Plan, session: InProcess, url: str, symbol: str) -> None:
    """Session data and history of a symbol, as anyone reads them now, against an independent reckoning."""
    clock_ms, hours = session.clock_ms(), plan.hours(symbol)
    replayed = hours.days.days[hours.days.warm_up :]
    today = [replayed[0], *(day for day in replayed if day.open_ms <= clock_ms)][-1]
    days = [day for day in hours.days if day.label < today.label][-plan.history :] if plan.history else []
    with Session(session.keys.session, url) as reader:
        for interval in plan.intervals:
            now = [bar for close_ms, bar in plan.expected(symbol, interval, today).values() if close_ms <= clock_ms]
            assert rows(reader.bars(symbol, interval)) == now
            past = [each for day in days for each in plan.expected(symbol, interval, day).values()]
            assert rows(reader.history(symbol, interval)) == [bar for close_ms, bar in past if close_ms <= clock_ms]


def rows(bars: Bars | None) -> list[Bar]:
    assert bars is not None
    return list(bars)


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


def _opened(session: InProcess, since_ms: int, until_ms: int, calendars: Iterable[str]) -> list[tuple[int, str, str]]:
    """The trading days that opened after one time and up to another."""
    return [
        (event.clock_ms, event.calendar, event.date)
        for event in session.notifications()
        if isinstance(event, DayOpened) and event.calendar in calendars and since_ms < event.clock_ms <= until_ms
    ]
