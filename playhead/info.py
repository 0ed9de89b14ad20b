"""A summary of a session: what it is doing, and how much each symbol has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from playhead import config as configs
from playhead import symbols as records
from playhead.almanac import Almanac
from playhead.config import EXPECT_HOLD
from playhead.connection import text
from playhead.days import NEVER_MS, TradingDays
from playhead.errors import Malformed
from playhead.intervals import MINUTE_MS, interval_ms
from playhead.keys import Keys
from playhead.plain import load_object
from playhead.progress import Progress, progress
from playhead.runs import BAR_BYTES, run_start
from playhead.scripts import Script
from playhead.symbols import SymbolRecord
from playhead.times import local
from playhead.trouble import Trouble, troubles

ENDED = ("finished", "stopped")
"""The states of a session that has come to an end of its own or a person's."""

OVER = (*ENDED, "failed")
"""Those in which nothing goes on any more."""

_summary = Script("playhead", "summary", reads_only=True)


@dataclass(frozen=True, slots=True)
class IntervalInfo:
    """The bars of one interval of a symbol.

    `start_ms` is the start of the first bar, `last_ms` the end of the last one (both `None` without bars),
    `span_min` the whole minutes between them.
    """

    bars: int
    start_ms: int | None
    last_ms: int | None
    span_min: int


@dataclass(frozen=True, slots=True)
class SymbolInfo:
    """One symbol: its record, and its bars by interval; these are left out while the session is inactive."""

    record: SymbolRecord
    intervals: Mapping[str, IntervalInfo]


@dataclass(frozen=True, slots=True)
class ScheduledInfo:
    """A command that waits for a market time (UTC milliseconds), with its fields as in the commands stream."""

    at_ms: int
    command: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session at one moment.

    `status` is `paused` for a running session with holds. `date` is the clock's date in `zone`: where an
    exchange opens on the evening before, that evening's. `clock_ms` and `end_ms` (UTC milliseconds) are `None` before
    the session has begun. It covers `first_date` to `last_date`. `active` is false while symbols are being added.
    `speed` is as typed: `max`, `60`. The clock is at most `lead` ticks ahead of the slowest consumer, `None` where that
    does not matter; it has waited for longer than a second for the consumers in `waiting_for`. `scheduled` are the
    commands that wait for their market time, in their order. `run_hash` is there once the session has ended: equal ones
    mean equal runs.
    `progress` is how far it has come, once it has begun.
    `skipped` counts entries of other hands that were taken out of the session's streams.
    `recording_error` says why the ticks cannot be written to files just now, `troubles` what else keeps a service from
    going on with the session: it goes on by itself once that is mended.
    """

    name: str
    status: str
    date: dt.date
    clock_ms: int | None
    zone: str
    active: bool
    holds: tuple[str, ...]
    speed: str
    end_ms: int | None
    error: str | None
    interval: str
    symbols: Mapping[str, SymbolInfo]
    first_date: dt.date | None = None
    last_date: dt.date | None = None
    lead: int | None = None
    waiting_for: tuple[str, ...] = ()
    scheduled: tuple[ScheduledInfo, ...] = ()
    run_hash: str | None = None
    recording_error: str | None = None
    troubles: tuple[Trouble, ...] = ()
    skipped: int = 0
    progress: Progress | None = None

    @property
    def expected(self) -> tuple[str, ...]:
        """The consumers without whom the first tick does not go out."""
        return tuple(hold.removeprefix(EXPECT_HOLD) for hold in self.holds if hold.startswith(EXPECT_HOLD))


def read_info(client: redis.Redis, keys: Keys, almanac: Almanac, intervals: tuple[str, ...]) -> SessionInfo | None:
    """The summary in one consistent step, or `None` where there is no session. Raises `Malformed`."""
    clock, found = client.hget(keys.state, "clock_ms"), client.hgetall(keys.symbols)
    clock_ms = _whole(None if clock is None else text(clock)) or 0
    while True:
        known = {text(name): records.decode(record) for name, record in sorted(found.items())}
        days = {name: almanac.of(record.calendar) for name, record in known.items()}
        from_ms = max((each.opened_ms(clock_ms) for each in days.values()), default=0)
        until_ms = min((each.next_open_ms(clock_ms) for each in days.values()), default=NEVER_MS)
        bars = [keys.bars(name, each, of.day(clock_ms).label) for name, of in days.items() for each in intervals]
        read = [keys.state, keys.holds, keys.symbols, keys.schedule, keys.scheduled, *bars]
        answer = _summary(client, read, [from_ms, until_ms])
        if answer is None:
            return None
        values, holds, symbols, sizes, waiting = answer
        state = {text(name): text(value) for name, value in _pairs(values).items()}
        before, found, clock_ms = found, _pairs(symbols), _whole(state.get("clock_ms")) or 0
        # Where symbols came or went in between, or a trading day began, it is read again with theirs.
        if found == before and from_ms <= clock_ms < until_ms:
            break
    each = iter(sizes)
    return _info(
        keys.session,
        state,
        tuple(sorted(text(hold) for hold in holds)),
        {
            name: SymbolInfo(
                record,
                {of: _interval_info(of, _pairs(next(each)), days[name]) for of in intervals} if sizes else {},
            )
            for name, record in known.items()
        },
        tuple(_scheduled(*waiting[at : at + 3]) for at in range(0, len(waiting), 3)),
        troubles(client, state),
        {record.calendar: days[name] for name, record in known.items()}.values(),
    )


def _info(
    name: str,
    state: Mapping[str, str],
    holds: tuple[str, ...],
    symbols: Mapping[str, SymbolInfo],
    scheduled: tuple[ScheduledInfo, ...],
    troubled: tuple[Trouble, ...],
    calendars: Collection[TradingDays],
) -> SessionInfo:
    config = configs.decode(state["config"].encode())
    clock_ms = _whole(state.get("clock_ms"))
    zone = state.get("zone", "UTC")
    status, waiting_for = state["status"], state.get("waiting_for")
    date = config.date
    if clock_ms is not None:
        date = local(clock_ms, zone).date()
    return SessionInfo(
        name=name,
        status="paused" if status == "running" and holds else status,
        date=date,
        first_date=config.date,
        last_date=config.end,
        clock_ms=clock_ms,
        zone=zone,
        active=state.get("active") == "1",
        holds=holds,
        speed=state.get("speed", ""),
        end_ms=_whole(state.get("end_ms")),
        error=state.get("error") or None,
        interval=config.interval,
        symbols=symbols,
        lead=config.lead,
        waiting_for=tuple(waiting_for.split(",")) if waiting_for and status == "running" and not holds else (),
        scheduled=scheduled,
        run_hash=state.get("run_hash") if status in ENDED else None,
        recording_error=state.get("recording_error"),
        troubles=() if status in OVER else troubled,
        skipped=_whole(state.get("skipped")) or 0,
        progress=None if clock_ms is None else progress(calendars, clock_ms, interval_ms(config.interval)),
    )


def _scheduled(at_ms: bytes, number: bytes, command: bytes) -> ScheduledInfo:
    try:
        fields = {name: str(value) for name, value in load_object(command).items()}
        return ScheduledInfo(int(float(at_ms)), fields.pop("id", text(number)), fields)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"the scheduled command {text(number)} is not as it should be: {error}") from error


def _interval_info(interval: str, sizes: Mapping[Any, int], days: TradingDays) -> IntervalInfo:
    runs = sorted((run_start(start, size), size // BAR_BYTES) for start, size in sizes.items())
    if not runs:
        return IntervalInfo(0, None, None, 0)
    start_ms = runs[0][0]
    last_start, last_bars = runs[-1]
    step_ms = interval_ms(interval)
    last_ms = days.close_of(last_start + (last_bars - 1) * step_ms, step_ms)
    return IntervalInfo(sum(bars for _, bars in runs), start_ms, last_ms, (last_ms - start_ms) // MINUTE_MS)


def _pairs(flat: list[Any]) -> dict[Any, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _whole(number: str | None) -> int | None:
    try:
        return int(number) if number else None
    except ValueError:
        raise Malformed(f"the state has {number!r} where a time in milliseconds should be") from None
