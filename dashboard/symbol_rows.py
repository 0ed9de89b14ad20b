"""The table of symbols, and the receipt of an addition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from playhead.info import SessionInfo
from playhead.times import clock_text, full_text

Row = dict[str, Any]
_OF_MARKET: Final = "-market"


def symbol_rows(settled: SessionInfo | None) -> list[Row]:
    """A row for each symbol of a session, as it was when it was last active: bars of its own interval, times in its
    exchange's zone."""
    return [] if settled is None else [_row(settled, symbol) for symbol in sorted(settled.symbols)]


def _row(info: SessionInfo, symbol: str) -> Row:
    of = info.symbols[symbol]
    bars = of.intervals.get(info.interval)
    zone = of.record.zone

    def at(moment_ms: int | None) -> str:
        return "-" if moment_ms is None else clock_text(moment_ms, zone)

    return {
        "symbol": symbol,
        "origin": f"added {clock_text(of.record.added_ms, info.zone)}" if of.record.added_ms is not None else "start",
        "added": of.record.dynamic,
        "bars": bars.bars if bars else 0,
        "start": at(bars.start_ms if bars else None),
        "last": at(bars.last_ms if bars else None),
    }


def receipt_lines(info: SessionInfo, symbol: str) -> list[tuple[str, str]]:
    """What the receipt of a symbol's addition says, as names and values; empty for a symbol from the start."""
    of = info.symbols.get(symbol)
    if of is None or of.record.added_ms is None:
        return []
    receipt = of.record.receipt
    dropped = receipt.get("dropped")
    return [
        ("Added at", full_text(of.record.added_ms, info.zone)),
        ("Source", of.record.source or "the session's own"),
        ("Calendar", f"{of.record.calendar} ({of.record.zone})"),
        ("Loaded", _count(receipt, "loaded")),
        ("Written", f"{_count(receipt, 'written')} closed by then: there at once"),
        ("Queued", f"{_count(receipt, 'queued')} close later: come as ticks"),
        ("Dropped", _dropped(dropped) if isinstance(dropped, Mapping) else "?"),
        ("Missing", _count(receipt, "missing")),
        ("Clock stood", f"{_count(receipt, 'held_ms')} ms"),
    ]


def _count(receipt: Mapping[str, Any], name: str) -> str:
    return str(receipt.get(name, "?"))[:20]


def _dropped(dropped: Mapping[str, Any]) -> str:
    parts = [f"{str(count)[:20]} {reason.removesuffix(_OF_MARKET)}" for reason, count in dropped.items() if count]
    return " + ".join(parts) or "0"
