"""The catch-up of one symbol: its bars up to the clock, and those still to come. Pure but for the data source."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

import numpy as np

from playhead.bars import Bars
from playhead.errors import SourceError
from playhead.intervals import interval_ms
from playhead.times import full_clock_text, local, to_ms
from shared.calendars import TradingSession
from shared.hours import Hours
from shared.logs import SessionLog
from shared.request import StagedSymbol, SymbolRequest
from shared.sources.registry import open_source
from workers.staging import Task

LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Catchup:
    """The bars of one symbol in regular hours, split at the clock, and how they were counted.

    `queued` are those that its own feed is to carry; the rest of the day's is in windows that open later.
    """

    written: Bars
    queued: Bars
    counts: StagedSymbol


def catch_up(task: Task, request: SymbolRequest, session: str) -> Catchup:
    """Loads and splits one symbol. Raises `SourceError` where there is nothing to load."""
    log = SessionLog(LOG, session, task.command)
    symbol, config = request.symbol, task.config
    hours = Hours.of(request.calendar, config.date, config.end)
    source = open_source(request.source or config.source)

    log.info("[DYNAMIC] Populating queues for %s", symbol)
    step_ms = interval_ms(config.interval)
    through_ms = hours.close_ms if task.through_ms is None else max(task.through_ms, task.clock_ms)
    shown = hours.current(task.clock_ms) or hours.sessions[0]
    first_ms, end_ms = local_dates(hours, shown)
    ahead = source.get_bars(symbol, config.interval, first_ms, max(end_ms, through_ms - step_ms + 1))
    regular = hours.regular(ahead)
    regular = regular.where(regular.start_ms >= shown.open_ms)
    closed = regular.start_ms + step_ms <= task.clock_ms
    written, to_come = regular.where(closed), regular.where(~closed)
    # What closes later comes with a window of the main feed that is still to be opened.
    staged = to_come.where(to_come.start_ms + step_ms <= through_ms)

    # The receipt is about the dates of the session that is shown, however far the feed reaches. Such a date may hold
    # the end of the session before, where sessions cross midnight: that one is over.
    loaded = ahead.between(first_ms, end_ms)
    over = np.isin(loaded.start_ms, hours.regular(loaded).start_ms) & (loaded.start_ms < shown.open_ms)
    loaded = loaded.where(~over)
    queued = to_come.between(first_ms, end_ms)
    if not len(loaded):
        raise SourceError(
            f"{source.uri} has no {config.interval} bars of {symbol} for {shown.label}; choose another date or source"
        )
    log.info("[DYNAMIC] Loaded %d bars for %s %s", len(loaded), symbol, config.interval)
    log.info("[DYNAMIC] Populated queue for %s %s with %d bars", symbol, config.interval, len(loaded))

    log.info("[DYNAMIC] Catching up %s to current time", symbol)
    log.info("[DYNAMIC] Current backtest time: %s", full_clock_text(task.clock_ms, hours.zone))
    opens, closes = (full_clock_text(at_ms, hours.zone) for at_ms in (shown.open_ms, shown.close_ms))
    log.info("[DYNAMIC] Trading hours: %s - %s", opens, closes)
    dropped = hours.dropped(loaded)
    before = loaded.where(loaded.start_ms < task.clock_ms)
    dropped_before = sum(hours.dropped(before).values())
    log.info("[DYNAMIC] Catchup complete: %d bars processed, %d bars dropped", len(written), dropped_before)
    missing = hours.expected(step_ms, task.clock_ms) - len(written)
    intervals = (config.interval,) if len(written) else ()
    counts = StagedSymbol(len(loaded), len(written), len(queued), dropped, missing, intervals)
    return Catchup(written, staged, counts)


def local_dates(hours: Hours, session: TradingSession) -> tuple[int, int]:
    """The exchange-local dates that a session touches, as a half-open range in UTC milliseconds."""
    first = local(session.open_ms, hours.zone).date()
    last = local(session.close_ms - 1, hours.zone).date()
    midnights = (datetime.combine(day, time(), hours.market.zone) for day in (first, last + timedelta(days=1)))
    first_ms, end_ms = (to_ms(midnight) for midnight in midnights)
    return first_ms, end_ms
