"""Bars as a table and as CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playhead.cli.output import print_line, print_table
from playhead.times import local

if TYPE_CHECKING:
    from playhead.bars import Bars

_COLUMNS = ("start", "open", "high", "low", "close", "volume")


def print_bars(bars: Bars, zone: str) -> None:
    """A table for people, times in the zone."""
    if not len(bars):
        print_line(f"{bars.symbol} has no {bars.interval} bars yet")
        return
    rows = (
        (local(bar.start_ms, zone).strftime("%Y-%m-%d %H:%M"), *(number_text(value) for value in bar[1:]))
        for bar in bars
    )
    print_table(tuple(name.upper() for name in _COLUMNS), rows)


def print_csv(bars: Bars, zone: str) -> None:
    """CSV with a header; the start is an ISO time with offset, the numbers read back to the same float64."""
    rows = ((local(bar.start_ms, zone).isoformat(), *(repr(value) for value in bar[1:])) for bar in bars)
    print_line("\n".join(",".join(row) for row in (_COLUMNS, *rows)))


def number_text(value: float) -> str:
    """The shortest text that reads back to the same number: `210.1`, `12500`."""
    return repr(value).removesuffix(".0")
