"""The catch-up of one symbol: its bars up to the clock, and those still to come. Pure but for the data source."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

import numpy as np

from playhead.bars import Bars
from playhead.errors import SourceError
from playhead.intervals import interval_ms
from playhead.times import full_clock_text, local, to_ms
from shared.calendars import TradingSession
from shared.derive import with_derived
from shared.hours import Hours
from shared.logs import SessionLog
from shared.request import StagedSymbol, SymbolRequest
from shared.sources.reads import measured
from shared.sources.registry import open_source
from shared.ticks import Closing
from workers.staging import Task

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Catchup:
    """The bars of one symbol, split at the clock, and how they were counted.

    `written` are bars for session data, by trading day; `queued` are those that its own feed is to carry: what closes
    after them comes with windows that open later.
    """

    written: tuple[tuple[str, Bars], ...]
    queued: tuple[Closing, ...]
    counts: StagedSymbol


def catch_up(task: Task, request: SymbolRequest, session: str) -> Catchup:
    """Loads and splits one symbol. Raises `SourceError` where there is nothing to load."""
    log = SessionLog(LOG, session, task.command)
    symbol, config = request.symbol, task.config
    hours = Hours.in_session(request.calendar, config)
    source = open_source(request.source or config.source)

    log.info("[DYNAMIC] Populating queues for %s", symbol)
    shown = hours.session(task.clock_ms)
    first_ms, end_ms = local_dates(hours, shown)
    from_ms, until_ms = first_ms, max(end_ms, _through_ms(hours, task))
    for day in hours.days.before(task.clock_ms, config.history)[:1]:
        from_ms = min(from_ms, day.open_ms)
    with measured(source):
        ahead = source.get_bars(symbol, config.interval, from_ms, until_ms)
    receipt = _Receipt.of(ahead.between(first_ms, end_ms), hours, task)
    if not len(ahead) and not len(source.get_bars(symbol, config.interval, from_ms, hours.close_ms)):
        dates = f"{config.date}" if config.date == config.end else f"{shown.label} to {config.end}"
        raise SourceError(
            f"{source.uri} has no {config.interval} bars of {symbol} for {dates}; choose another date or source"
        )
    log.info("[DYNAMIC] Loaded %d bars for %s %s", receipt.loaded, symbol, config.interval)
    log.info("[DYNAMIC] Populated queue for %s %s with %d bars", symbol, config.interval, receipt.loaded)

    log.info("[DYNAMIC] Catching up %s to current time", symbol)
    log.info("[DYNAMIC] Current backtest time: %s", full_clock_text(task.clock_ms, hours.zone))
    opens, closes = (full_clock_text(at_ms, hours.zone) for at_ms in (shown.open_ms, shown.close_ms))
    log.info("[DYNAMIC] Trading hours: %s - %s", opens, closes)
    written, queued = _split(with_derived(hours.within(ahead), config, hours.days), hours, task)
    log.info("[DYNAMIC] Catchup complete: %d bars processed, %d bars dropped", receipt.written, receipt.dropped_before)
    runs = tuple((bars.interval, label) for label, bars in written)
    counts = StagedSymbol(receipt.loaded, receipt.written, receipt.queued, receipt.dropped, receipt.missing, runs)
    return Catchup(written, queued, counts)


def warm_up(task: Task, request: SymbolRequest) -> Catchup:
    """Loads only the history of a symbol that the session begins with; there may be none."""
    hours = Hours.in_session(request.calendar, task.config)
    days = hours.days.before(task.clock_ms, task.config.history)
    written: tuple[tuple[str, Bars], ...] = ()
    if days:
        source = open_source(request.source or task.config.source)
        with measured(source):
            loaded = source.get_bars(request.symbol, task.config.interval, days[0].open_ms, days[-1].close_ms)
        written, _ = _split(with_derived(hours.within(loaded), task.config, hours.days), hours, task)
    counts = StagedSymbol(0, 0, 0, {}, 0, tuple((bars.interval, label) for label, bars in written))
    return Catchup(written, (), counts)


def _split(
    all_bars: Iterable[Closing], hours: Hours, task: Task
) -> tuple[tuple[tuple[str, Bars], ...], tuple[Closing, ...]]:
    """Bars for session data by trading day, and bars for the feed. Those of history are there whole: who reads them
    before they have closed is not shown them."""
    current = hours.days.current(task.clock_ms)
    written: list[tuple[str, Bars]] = []
    queued: list[Closing] = []
    for each in all_bars:
        for at in range(max(0, current - task.config.history), current + 1):
            day = hours.days.days[at]
            here = each.between(day.open_ms, day.close_ms)
            if at == current:
                here = here.where(here.close_ms <= task.clock_ms)
            if len(here.bars):
                written.append((day.label, here.bars))
        begins_ms = max(task.clock_ms, hours.open_ms)
        queued.append(each.where((each.close_ms > begins_ms) & (each.close_ms <= _through_ms(hours, task))))
    return tuple(written), tuple(queued)


def _through_ms(hours: Hours, task: Task) -> int:
    """Up to when the feed of a symbol is to reach."""
    return hours.close_ms if task.through_ms is None else task.through_ms


@dataclass(frozen=True, slots=True)
class _Receipt:
    """The counts of the bars of a session's dates, however far the feed reaches and whatever is derived."""

    loaded: int
    written: int
    queued: int
    dropped: Mapping[str, int]
    dropped_before: int
    missing: int

    @classmethod
    def of(cls, loaded: Bars, hours: Hours, task: Task) -> _Receipt:
        """`loaded` are all bars of the local dates that the session touches."""
        day = hours.days.day(task.clock_ms)
        # Such a date may hold the end of the session before, where sessions cross midnight: that one is over.
        over = np.isin(loaded.start_ms, hours.within(loaded).start_ms) & (loaded.start_ms < day.open_ms)
        loaded = loaded.where(~over)
        regular = Closing.of(hours.within(loaded), hours.days)
        closed = regular.bars.where((regular.bars.start_ms < day.close_ms) & (regular.close_ms <= task.clock_ms))
        step_ms = interval_ms(task.config.interval)
        return cls(
            loaded=len(loaded),
            written=len(closed),
            queued=len(regular.bars) - len(closed),
            dropped=hours.dropped(loaded),
            dropped_before=sum(hours.dropped(loaded.where(loaded.start_ms < task.clock_ms)).values()),
            missing=hours.expected(step_ms, task.clock_ms) - hours.in_regular(closed),
        )


def local_dates(hours: Hours, session: TradingSession) -> tuple[int, int]:
    """The exchange-local dates that a session touches, as a half-open range in UTC milliseconds."""
    first = local(session.open_ms, hours.zone).date()
    last = local(session.close_ms - 1, hours.zone).date()
    midnights = (datetime.combine(day, time(), hours.market.zone) for day in (first, last + timedelta(days=1)))
    first_ms, end_ms = (to_ms(midnight) for midnight in midnights)
    return first_ms, end_ms
