"""A session and its symbols as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from playhead.times import clock_text, local

if TYPE_CHECKING:
    from playhead.info import SessionInfo, SymbolInfo
    from playhead.trouble import Trouble


def head_json(info: SessionInfo) -> dict[str, Any]:
    """What stands in front of every answer about a session."""
    return {
        "session": info.name,
        "status": info.status,
        "date": str(info.date),
        "clock": clock_of(info),
        "clock_ms": info.clock_ms,
        "active": info.active,
        "holds": list(info.holds),
        "troubles": [asdict(trouble) for trouble in info.troubles],
    }


def data_json(info: SessionInfo) -> dict[str, Any]:
    """`data session --json`."""
    return head_json(info) | {"symbols": {symbol: _symbol_json(of) for symbol, of in sorted(info.symbols.items())}}


def show_json(info: SessionInfo) -> dict[str, Any]:
    """`session show --json`."""
    return head_json(info) | {
        "zone": info.zone,
        "speed": info.speed,
        "interval": info.interval,
        "lead": info.lead,
        "waiting_for": list(info.waiting_for),
        "end_ms": info.end_ms,
        "error": info.error,
        "run_hash": info.run_hash,
        "recording_error": info.recording_error,
        "symbols": sorted(info.symbols),
    }


def data_lines(info: SessionInfo) -> Iterator[str]:
    """`data session`: a head, then a block a symbol, its times in its own zone."""
    holds = f" · holds: {', '.join(info.holds)}" if info.holds else ""
    yield f"session {info.name} · {info.status} · {info.date} {clock_of(info) or 'not begun'}{holds}"
    if info.error:
        yield f"error: {info.error}"
    for trouble in info.troubles:
        yield trouble_text(trouble)
    if not info.active:
        yield "inactive: symbols are being caught up; session data reads as nothing until they are there"
        return
    for symbol, of in sorted(info.symbols.items()):
        yield ""
        yield symbol
        if not of.intervals:
            yield "  no bars yet"
        for interval, bars in of.intervals.items():
            yield f"  {interval} Bars: {bars.bars} bars"
            if bars.bars:
                yield f"  Start: {moment_text(bars.start_ms, of.record.zone)}"
                yield f"  Last: {moment_text(bars.last_ms, of.record.zone)}"
                yield f"  Span: {bars.span_min:g}min"


def show_lines(info: SessionInfo) -> Iterator[str]:
    """`session show`."""
    yield f"Session: {info.name}"
    yield f"Status: {info.status}"
    if info.error:
        yield f"Error: {info.error}"
    yield f"Date: {info.date}"
    yield f"Clock: {clock_of(info) or 'not begun'} ({info.zone})"
    yield f"Holds: {', '.join(info.holds) or 'none'}"
    for trouble in info.troubles:
        yield f"Trouble: {trouble_text(trouble)}"
    yield f"Speed: {info.speed}"
    yield f"Interval: {info.interval}"
    if info.lead is not None:
        yield f"Lead: {info.lead}"
    if info.waiting_for:
        yield f"Waiting for: {', '.join(info.waiting_for)}"
    if info.recording_error:
        yield f"Recording: {info.recording_error}"
    if not info.active:
        yield "Active: no, symbols are being caught up"
    yield f"Ends: {_end(info)}"
    if info.run_hash is not None:
        yield f"Run hash: {info.run_hash}"
    symbols = (f"{symbol} (added)" if of.record.dynamic else symbol for symbol, of in sorted(info.symbols.items()))
    yield f"Symbols: {', '.join(symbols) or 'none yet'}"


def trouble_text(trouble: Trouble) -> str:
    """Who cannot go on, since when and why; the time is that of the wall, in UTC."""
    since = "" if trouble.since_ms is None else f" since {local(trouble.since_ms, 'UTC'):%Y-%m-%d %H:%M:%S} UTC"
    return f"{trouble.role} held up{since}: {trouble.reason}"


def clock_of(info: SessionInfo) -> str | None:
    """The session's clock in its zone: `12:06`; nothing before it has begun."""
    return moment_text(info.clock_ms, info.zone)


def dated_text(moment_ms: int | None, info: SessionInfo) -> str | None:
    """A time in the session's zone: `12:06`, and its date too where the session covers several."""
    text = moment_text(moment_ms, info.zone)
    if text is None or moment_ms is None or info.first_date == info.last_date:
        return text
    return f"{local(moment_ms, info.zone).date()} {text}"


def moment_text(moment_ms: int | None, zone: str) -> str | None:
    """A time of day in a zone; nothing for no time."""
    return None if moment_ms is None else clock_text(moment_ms, zone)


def _end(info: SessionInfo) -> str:
    if info.end_ms is None:
        return "not known yet"
    return local(info.end_ms, info.zone).strftime("%Y-%m-%d %H:%M")


def _symbol_json(of: SymbolInfo) -> dict[str, Any]:
    zone = of.record.zone
    return {
        "dynamic": of.record.dynamic,
        "calendar": of.record.calendar,
        "intervals": {
            interval: {
                "bars": bars.bars,
                "start": moment_text(bars.start_ms, zone),
                "last": moment_text(bars.last_ms, zone),
                "span_min": bars.span_min,
            }
            for interval, bars in of.intervals.items()
        },
    }
