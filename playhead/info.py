"""A summary of a session: what it is doing, and how much each symbol has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from playhead import config as configs
from playhead import symbols as records
from playhead.connection import text
from playhead.errors import Malformed
from playhead.intervals import MINUTE_MS, interval_ms
from playhead.keys import Keys
from playhead.scripts import Script
from playhead.symbols import SymbolRecord
from playhead.times import local

BAR_BYTES = 46  # as codec.BAR_BYTES, which would load numpy for one number

_summary = Script("playhead", "summary")


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
class SessionInfo:
    """A session at one moment.

    `status` is `paused` for a running session with holds. `date` is the clock's date in `zone`: where an
    exchange opens on the evening before, that evening's. `clock_ms` and `end_ms` (UTC milliseconds) are `None` before
    the session has begun. `active` is false while symbols are being added. `speed` is as typed: `max`, `60`.
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


def read_info(client: redis.Redis, keys: Keys, intervals: tuple[str, ...]) -> SessionInfo | None:
    """The summary in one consistent step, or `None` where there is no session. Raises `Malformed`."""
    expected = sorted(client.hkeys(keys.symbols))
    while True:
        names = [text(name) for name in expected]
        bars = [keys.bars(name, interval) for name in names for interval in intervals]
        answer = _summary(client, [keys.state, keys.holds, keys.symbols, *bars], [])
        if answer is None:
            return None
        state, holds, symbols, sizes = answer
        found = _pairs(symbols)
        if sorted(found) == expected:
            break
        expected = sorted(found)  # symbols came in between: read again with theirs
    each = iter(sizes)
    return _info(
        keys.session,
        {name.decode(): value.decode() for name, value in _pairs(state).items()},
        tuple(sorted(hold.decode() for hold in holds)),
        {
            name: SymbolInfo(
                records.decode(found[name.encode()]),
                {interval: _interval_info(interval, _pairs(next(each))) for interval in intervals} if sizes else {},
            )
            for name in names
        },
    )


def _info(
    name: str, state: Mapping[str, str], holds: tuple[str, ...], symbols: Mapping[str, SymbolInfo]
) -> SessionInfo:
    config = configs.decode(state["config"].encode())
    clock_ms = _whole(state.get("clock_ms"))
    zone = state.get("zone", "UTC")
    status = state["status"]
    date = config.date
    if clock_ms is not None:
        date = local(clock_ms, zone).date()
    return SessionInfo(
        name=name,
        status="paused" if status == "running" and holds else status,
        date=date,
        clock_ms=clock_ms,
        zone=zone,
        active=state.get("active") == "1",
        holds=holds,
        speed=state.get("speed", ""),
        end_ms=_whole(state.get("end_ms")),
        error=state.get("error") or None,
        interval=config.interval,
        symbols=symbols,
    )


def _interval_info(interval: str, sizes: Mapping[Any, int]) -> IntervalInfo:
    runs = sorted((int(start), size // BAR_BYTES) for start, size in sizes.items())
    if not runs:
        return IntervalInfo(0, None, None, 0)
    start_ms = runs[0][0]
    last_start, last_bars = runs[-1]
    last_ms = last_start + last_bars * interval_ms(interval)
    return IntervalInfo(sum(bars for _, bars in runs), start_ms, last_ms, (last_ms - start_ms) // MINUTE_MS)


def _pairs(flat: list[Any]) -> dict[Any, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _whole(number: str | None) -> int | None:
    try:
        return int(number) if number else None
    except ValueError:
        raise Malformed(f"the state has {number!r} where a time in milliseconds should be") from None
