"""Symbols come, go and come again, perhaps from elsewhere: whoever reads sees at each position what was there then.

Everything is compared with a reckoning from the bars of the sources and the times of the commands alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playhead.bars import Bar, Bars
from playhead.commands import AddSymbol, RemoveSymbol, RunUntil
from playhead.config import SessionConfig, SymbolConfig
from playhead.days import TradingDay
from playhead.errors import UnknownSymbol
from playhead.intervals import interval_ms
from playhead.messages import Message, SymbolAdded, SymbolRemoved, Tick
from playhead.patience import Patience
from playhead.place import Place
from playhead.session import Session
from playhead.view import View
from shared.calendars import calendar_name_for
from shared.hours import Hours
from tests.support.in_process import InProcess
from tests.support.other_source import HELD, MADE, MEMORY, OTHER, two_sources

EXAMPLES = int(os.environ.get("PLAYHEAD_REMOVAL_EXAMPLES", "100"))
"""How many random sessions one run of the test compares."""
SPANS = (
    (date(2022, 6, 1), date(2022, 6, 1)),
    (date(2025, 7, 2), date(2025, 7, 7)),  # an early close and a holiday of New York, and a weekend
    (date(2024, 3, 8), date(2024, 3, 11)),  # clocks changed in New York
)
NAMES = ("MSFT", "ZM", "AZN.L", "9988.HK", "BHP.AX")
DERIVED = {"1m": ("5m", "1h"), "5m": ("15m",), "30s": ("1m", "7m"), "1h": ("2h",)}
_numbers = count()

Rows = dict[int, tuple[int, Bar]]
"""Bars by their start, each with its close."""


@dataclass(frozen=True)
class Change:
    """What is done at one market time. `source` is that of symbols that come, `None` where they go."""

    at_ms: int
    symbols: tuple[str, ...]
    source: str | None


@dataclass(frozen=True)
class Plan:
    """A random session: what it begins with, which bars each source has, who comes and goes when.

    The follower lags so many messages behind each change, and reads bars after one in `every`.
    With `ahead` the producer has published all it may before the clock moves.
    """

    first: date
    last: date
    interval: str
    derive: tuple[str, ...]
    history: int
    initial: tuple[str, ...]
    starts: dict[tuple[str, str], tuple[int, ...]]
    changes: tuple[Change, ...]
    every: int
    ahead: bool
    lags: tuple[int, ...]
    crashes: tuple[bool, ...]
    known: dict[tuple[str, str, str, str], Rows] = field(default_factory=dict, compare=False, repr=False)

    @property
    def config(self) -> SessionConfig:
        symbols = tuple(SymbolConfig(symbol) for symbol in self.initial)
        return SessionConfig(
            symbols, self.first, self.last, MEMORY, "XNYS", self.interval, self.derive, history=self.history
        )

    @property
    def intervals(self) -> tuple[str, ...]:
        return (self.interval, *self.derive)

    def rows(self, source: str, symbol: str, interval: str, day: TradingDay) -> Rows:
        """The bars of one trading day, reckoned one by one."""
        key = source, symbol, interval, day.label
        if key not in self.known:
            self.known[key] = self._rows(source, symbol, interval, day)
        return self.known[key]

    def _rows(self, source: str, symbol: str, interval: str, day: TradingDay) -> Rows:
        step_ms = interval_ms(interval)
        found: Rows = {}
        for first_ms, end_ms in day.ranges:
            inside = [at for at in self.starts[source, symbol] if first_ms <= at < end_ms]
            for bar in MADE[source](symbol, self.interval, inside):
                start_ms = bar.start_ms
                if interval != self.interval:
                    start_ms = first_ms + (bar.start_ms - first_ms) // step_ms * step_ms
                before = found.get(start_ms)
                whole = bar._replace(start_ms=start_ms) if before is None else _both(before[1], bar)
                found[start_ms] = min(start_ms + step_ms, end_ms), whole
        return found

    def seen(self, source: str, symbol: str, interval: str, clock_ms: int) -> tuple[list[Bar], list[Bar]]:
        """The bars of the current trading day at a clock, and those of the days of history before it."""
        hours = _hours(symbol, self.first, self.last, self.history)
        replayed = hours.days.days[hours.days.warm_up :]
        today = [replayed[0], *(day for day in replayed if day.open_ms <= clock_ms)][-1]
        before = [day for day in hours.days if day.label < today.label][-self.history :] if self.history else []
        past = [each for day in before for each in self.rows(source, symbol, interval, day).values()]
        now = self.rows(source, symbol, interval, today).values()
        return [bar for close_ms, bar in now if close_ms <= clock_ms], [bar for _, bar in past]

    def ticks(self) -> dict[int, set[tuple[str, str, Bar]]]:
        """All ticks by their time: what closes while a symbol is there."""
        present = dict.fromkeys(self.initial, (MEMORY, -1))
        lives = []
        for change in self.changes:
            for symbol in change.symbols:
                if change.source is not None:
                    present[symbol] = change.source, change.at_ms
                else:
                    lives.append((symbol, *present.pop(symbol), change.at_ms))
        lives += [(symbol, source, since_ms, 1 << 62) for symbol, (source, since_ms) in present.items()]
        found: dict[int, set[tuple[str, str, Bar]]] = {}
        for symbol, source, since_ms, until_ms in lives:
            hours = _hours(symbol, self.first, self.last, self.history)
            for day in hours.days.days[hours.days.warm_up :]:
                for interval in self.intervals:
                    for close_ms, bar in self.rows(source, symbol, interval, day).values():
                        if since_ms < close_ms <= until_ms:
                            found.setdefault(close_ms, set()).add((symbol, interval, bar))
        return found


def _both(longer: Bar, bar: Bar) -> Bar:
    """A longer bar with one more bar in it."""
    high, low = max(longer.high, bar.high), min(longer.low, bar.low)
    return Bar(longer.start_ms, longer.open, high, low, bar.close, longer.volume + bar.volume)


@cache
def _hours(symbol: str, first: date, last: date, history: int) -> Hours:
    return Hours.of(calendar_name_for(symbol, {}, "XNYS"), first, last, history)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    first, last = draw(st.sampled_from(SPANS))
    interval = draw(st.sampled_from(sorted(DERIVED)))
    step_ms = interval_ms(interval)
    derive = draw(st.sampled_from([(), DERIVED[interval]]))
    history = draw(st.integers(0, 2))
    symbols = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    initial = tuple(symbols[: draw(st.integers(1, len(symbols)))])
    hours = {symbol: _hours(symbol, first, last, history) for symbol in symbols}
    starts = {(source, symbol): draw(_starts(hours[symbol], step_ms)) for source in HELD for symbol in symbols}
    begin_ms = min(hours[symbol].open_ms for symbol in initial)
    end_ms = max(hours[symbol].close_ms for symbol in initial)
    telling = {begin_ms}
    for symbol in symbols:
        edges = [edge for day in hours[symbol].days for hour in day.ranges for edge in hour]
        telling.update(edge + shift for edge in edges for shift in (-step_ms, 0, step_ms))
        for each in HELD:
            telling.update(at + step_ms for at in starts[each, symbol])
    moments = st.sampled_from(sorted(at for at in telling if begin_ms <= at < end_ms))
    times = sorted(draw(st.lists(moments, max_size=7)))
    changes, present = [], set(initial)
    for at_ms in times:
        absent = set(symbols) - present
        comes = bool(absent) and (not present or draw(st.booleans()))
        chosen = draw(st.sets(st.sampled_from(sorted(absent if comes else present)), min_size=1))
        source = draw(st.sampled_from([MEMORY, OTHER])) if comes else None
        present = present | chosen if comes else present - chosen
        changes.append(Change(at_ms, tuple(sorted(chosen)), source))
    lags = st.lists(st.integers(0, 12), min_size=len(changes), max_size=len(changes)).map(tuple)
    crashes = st.lists(st.booleans(), min_size=len(changes), max_size=len(changes)).map(tuple)
    every, ahead = draw(st.integers(1, 9)), draw(st.booleans())
    return Plan(
        first, last, interval, derive, history, initial, starts, tuple(changes), every, ahead, draw(lags), draw(crashes)
    )


@st.composite
def _starts(draw: st.DrawFn, hours: Hours, step_ms: int) -> tuple[int, ...]:
    """Starts on the grid of regular hours: of each day a stretch with gaps, and at least one bar."""
    picked: set[int] = set()
    for day in hours.days:
        grid = [at for first_ms, end_ms in day.ranges for at in range(first_ms, end_ms, step_ms)]
        at = draw(st.integers(0, len(grid) - 1))
        stretch = grid[at : at + draw(st.integers(1, 25))]
        left = {*stretch, *draw(st.sets(st.sampled_from([grid[0], grid[-1]])))}
        left -= draw(st.sets(st.sampled_from(stretch), max_size=3))
        picked |= left or {grid[at]}
    return tuple(sorted(picked))


class Reader:
    """An independent view that is handed one message after the other, and what it has to see."""

    def __init__(self, plan: Plan, session: InProcess) -> None:
        self._plan = plan
        self._session = session
        self._present = dict.fromkeys(plan.initial, MEMORY)
        self._changes = iter(plan.changes)
        self._read = 0
        self.view = self._new_view("0-0")

    def read(self, messages: Sequence[Message], *, every: int = 1, fresh: bool = False) -> None:
        """Takes what it has not had yet, and reads symbols after each and bars after one in `every`.

        With `fresh` another view, that has read nothing before, reads the same around each change.
        """
        for message in messages[self._read :]:
            self._read += 1
            self.view.deliver(message)
            changed = isinstance(message, SymbolAdded | SymbolRemoved)
            if isinstance(message, SymbolAdded | SymbolRemoved):
                self._take(next(self._changes), message)
            self._check(self.view, bars=self._read % every == 0)
            following = messages[self._read : self._read + 1]
            if fresh and (changed or any(isinstance(each, SymbolAdded | SymbolRemoved) for each in following)):
                self._check(self._new_view(message.entry), bars=True)

    def _take(self, change: Change, message: SymbolAdded | SymbolRemoved) -> None:
        assert (message.clock_ms, message.symbols) == (change.at_ms, change.symbols)
        assert isinstance(message, SymbolAdded) == (change.source is not None)
        for symbol in change.symbols:
            if change.source is not None:
                self._present[symbol] = change.source
            else:
                del self._present[symbol]

    def _check(self, view: View, *, bars: bool) -> None:
        assert view.symbols() == tuple(sorted(self._present))
        if not bars:
            return
        for symbol, source in self._present.items():
            for interval in self._plan.intervals:
                now, past = self._plan.seen(source, symbol, interval, view.clock_ms)
                assert list(view.bars(symbol, interval)) == now
                assert list(view.history(symbol, interval, self._plan.history)) == past
        for symbol in {symbol for _, symbol in self._plan.starts} - self._present.keys():
            with pytest.raises(UnknownSymbol):
                view.bars(symbol, self._plan.interval)

    def _new_view(self, position: str) -> View:
        patience = Patience(10.0)
        place = Place(self._session.client, self._session.keys, patience)
        return View(self._session.client, self._session.keys, place, position, patience)


@pytest.fixture(autouse=True)
def sources(redis_url: str) -> Iterator[None]:
    with two_sources(redis_url):
        yield


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=plans())
@pytest.mark.timeout(0)
def test_every_position_sees_the_symbols_and_bars_that_were_there_then(
    session_name: str, redis_url: str, plan: Plan
) -> None:
    for source, held in HELD.items():
        held.hold({symbol: each for (of, symbol), each in plan.starts.items() if of == source}, plan.interval)
    session = InProcess(redis_url, f"{session_name}-{next(_numbers)}", plan.config)
    try:
        session.run(lambda: session.clock_ms() > 0 and not session.client.scard(session.keys.holds), "the opening")
        follower = Reader(plan, session)
        present = dict.fromkeys(plan.initial, MEMORY)
        for change, lag, crash in zip(plan.changes, plan.lags, plan.crashes, strict=True):
            if change.at_ms > session.clock_ms():
                _run_until(plan, session, change.at_ms)
            if change.source is None:
                reply = session.send(RemoveSymbol(change.symbols))
                for symbol in change.symbols:
                    del present[symbol]
            else:
                reply = session.send(AddSymbol(change.symbols, change.source))
                present |= dict.fromkeys(change.symbols, change.source)
            assert reply.status == "ok", reply
            assert session.clock_ms() == change.at_ms
            _check_snapshot(plan, session, redis_url, present)
            notified = session.notifications()
            follower.read(notified[: max(0, len(notified) - lag)], every=plan.every)
            if crash:
                session.take_over()
        session.finish()

        _check_snapshot(plan, session, redis_url, present)
        notified = session.notifications()
        follower.read(notified, every=plan.every)
        Reader(plan, session).read(notified, fresh=True)
        ticks = {each.clock_ms: set(each.bars()) for each in notified if isinstance(each, Tick)}
        assert ticks == plan.ticks()
        assert sum(isinstance(each, SymbolAdded | SymbolRemoved) for each in notified) == len(plan.changes)
        feeds = list(session.client.scan_iter(f"{session.keys.feed('add-')}*", count=1000))
        assert feeds == [], "a feed was left"
    finally:
        session.close()


def _run_until(plan: Plan, session: InProcess, at_ms: int) -> None:
    """Runs until the clock has stopped there."""
    reply = session.send(RunUntil(datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()))
    assert reply.status == "ok", reply
    while plan.ahead and not session._publisher.poll():
        pass
    session.run(lambda: session.client.scard(session.keys.holds) == 1, f"the stop at {at_ms}")


def _check_snapshot(plan: Plan, session: InProcess, url: str, present: dict[str, str]) -> None:
    """What anyone reads now who follows nothing."""
    clock_ms = session.clock_ms()
    with Session(session.keys.session, url) as reader:
        assert reader.symbols() == tuple(sorted(present))
        for symbol, source in present.items():
            for interval in plan.intervals:
                now, past = plan.seen(source, symbol, interval, clock_ms)
                assert _rows(reader.bars(symbol, interval)) == now
                assert _rows(reader.history(symbol, interval)) == past
        info = reader.info()
        assert info is not None
        assert info.symbols.keys() == present.keys()


def _rows(bars: Bars | None) -> list[Bar]:
    assert bars is not None
    return list(bars)
