"""What `playhead watch` shows on a terminal: one screen, made of what was read, at any width and height. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from playhead.cli.bar_text import number_text
from playhead.cli.output import printable
from playhead.cli.summary import dated_text, moment_text
from playhead.config import EXPECT_HOLD
from playhead.consumers import ConsumerInfo
from playhead.info import OVER, SessionInfo, SymbolInfo
from playhead.operations import OperationInfo
from playhead.times import full_clock_text, local

FOOT: Final = "Ctrl-C leaves, and the session goes on"
ADD_HOLD: Final = "add:"
_HOLDS: Final = {"user": "a pause, or a stop that was reached", "warm-up": "the first history is read"}
_STATUS: Final = {"running": "green", "paused": "yellow", "finished": "blue", "stopped": "blue", "failed": "red"}
_LIFE: Final = {"alive": "green", "silent": "yellow", "left": "dim", "dropped": "red"}
_MOST_CONSUMERS: Final = 8
_COLUMN: Final = 40
_DATED_COLUMN: Final = 54
"""How wide the columns of one symbol are where several symbols stand beside each other: with dates they are wider."""
_NARROW: Final = 56
_TINY: Final = 40
"""Below these widths the hours and the zone are left out, and then the date."""
_NAMED: Final = 3
_DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Board:
    """What is known of a session at one moment. `closes` has the last close of symbols, where it is known; `pace` is
    ticks a wall second, `None` while too little was seen. `away` says what keeps it from being read anew.
    """

    info: SessionInfo
    consumers: Sequence[ConsumerInfo]
    operation: OperationInfo | None
    closes: Mapping[str, float]
    pace: float | None
    away: str = ""


def render(board: Board, width: int, height: int) -> RenderableType:
    """The screen. What does not fit is left out and counted: symbols first, then consumers."""
    info = board.info
    head = [_title(info, width), _status(board), _progress(info, width)]
    notices = [Text(line, style=style, no_wrap=True, overflow="ellipsis") for line, style in _notices(board)]
    left = height - len(head) - len(notices) - 2
    consumers = _consumers(board, min(len(board.consumers), max(0, min(_MOST_CONSUMERS, left - 6))), width)
    left -= len(consumers) and consumers[0].row_count + 2
    parts: list[RenderableType] = [*head, *notices]
    if left >= 4:
        parts += [Text(), *_symbols(board, left - 2, width)]
    if consumers:
        parts += [Text(), *consumers]
    if board.info.status not in OVER and height > len(head) + len(notices) + 2:
        parts += [Text(), Text(FOOT, style="dim", no_wrap=True, overflow="ellipsis")]
    return Group(*parts)


def _title(info: SessionInfo, width: int) -> RenderableType:
    """The session, and date and clock at the other side."""
    grid = Table.grid(expand=True, padding=0)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    clock = "not begun" if info.clock_ms is None else full_clock_text(info.clock_ms, info.zone)
    zone = f" {info.zone}" if width >= _NARROW else ""
    date = f"{info.date}  " if width >= _TINY else ""
    grid.add_row(Text(f"session {info.name}", style="bold"), Text.assemble(date, (clock, "bold"), zone))
    return grid


def _status(board: Board) -> Text:
    info = board.info
    pace = "" if board.pace is None else f" · {board.pace:,.{0 if board.pace >= 100 else 1}f} ticks/s"
    line = Text.assemble(
        ("● ", _STATUS.get(info.status, "default")), (info.status, "bold"), f" · speed {info.speed}{pace}"
    )
    lead = "" if info.lead is None else f" · lead {info.lead}"
    counted = f" · {len(info.symbols)} symbols"
    line.append(f"{lead}{counted}")
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _progress(info: SessionInfo, width: int) -> RenderableType:
    """The current day as a bar; which day it is where there are several."""
    of = info.progress
    if of is None or info.clock_ms is None:
        return Text("no clock yet", style="dim")
    share = of.share_of_day(info.clock_ms)
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    hours = f"{moment_text(of.open_ms, info.zone)} to {moment_text(of.close_ms, info.zone)}"
    day = f"  day {of.day} of {of.days}" if of.days > 1 else ""
    bar = ProgressBar(total=1.0, completed=share, complete_style="green", finished_style="blue")
    grid.add_row(bar, Text(f"{share:>4.0%}  {hours if width >= _NARROW else ''}{day}".rstrip()))
    return grid


def _notices(board: Board) -> Iterator[tuple[str, str]]:
    """Lines of what a person should know, and their styles; the worst come first."""
    info = board.info
    if board.away:
        yield f"! {printable(board.away)}", "red"
    if info.error:
        yield f"! {printable(info.error)}", "red"
    for trouble in info.troubles:
        yield f"! {trouble.role} held up: {printable(trouble.reason)}", "red"
    if info.recording_error:
        yield f"! not recorded: {printable(info.recording_error)}", "red"
    if board.operation is not None:
        yield f"+ {addition_text(board.operation)}", "cyan"
    elif not info.active and info.status not in OVER:
        yield "+ symbols are being added", "cyan"
    for hold in info.holds:
        if not hold.startswith(ADD_HOLD) or board.operation is None:
            yield f"‖ held by {printable(hold)}{hold_text(hold)}", "yellow"
    if info.waiting_for:
        yield f"‖ the clock waits for {', '.join(info.waiting_for)}", "yellow"
    for scheduled in info.scheduled[:2]:
        what = " ".join(str(value) for value in scheduled.fields.values())
        yield f"→ {dated_text(scheduled.at_ms, info)} {printable(what)}", "dim"


def hold_text(hold: str) -> str:
    """Who has placed a hold, as far as its name tells."""
    if hold.startswith(EXPECT_HOLD):
        return " (the first tick waits for that consumer)"
    if hold.startswith(ADD_HOLD):
        return " (an addition)"
    return f" ({_HOLDS[hold]})" if hold in _HOLDS else " (placed by hand)"


def addition_text(operation: OperationInfo) -> str:
    """What is being added, and how far that is."""
    names = ", ".join(operation.symbols[:_NAMED])
    if len(operation.symbols) > _NAMED:
        names += f" and {len(operation.symbols) - _NAMED} more"
    what = "reading the history of" if operation.is_warm_up else "adding"
    step = f"loaded {operation.loaded} of {len(operation.symbols)}"
    if not operation.begun:
        step = "no worker has taken it yet"
    elif operation.loaded == len(operation.symbols):
        step = "committing"
    again = f", {operation.failed} attempts failed" if operation.failed else ""
    return f"{what} {names}: {step}{again} · held for {operation.held_ms / 1000:.1f} s"


def _consumers(board: Board, most: int, width: int) -> list[Table]:
    if not most:
        return []
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("CONSUMER", no_wrap=True, overflow="ellipsis")
    table.add_column("POSITION", justify="right", no_wrap=True)
    table.add_column("LAG", justify="right", no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    for each in board.consumers[:most]:
        state = Text(each.life, style=_LIFE[each.life])
        if each.is_waited_for:
            state = Text("waited for", style="yellow")
        position = dated_text(each.position_ms, board.info) or "start"
        table.add_row(each.name, position if each.cursor else "?", lag_text(each), state)
    if len(board.consumers) > most:
        table.add_row(Text(f"… {len(board.consumers) - most} more", style="dim"))
    return [table]


def lag_text(consumer: ConsumerInfo) -> str:
    """How far a consumer is behind."""
    if consumer.lag_ticks is None:
        return "?"
    return f"{consumer.lag_ticks:,} tick{'' if consumer.lag_ticks == 1 else 's'}"


def _symbols(board: Board, rows: int, width: int) -> Iterator[RenderableType]:
    """A table of as many symbols as fit, those that were added last first; several beside each other where wide."""
    info = board.info
    order = sorted(info.symbols.items(), key=lambda each: (-(each[1].record.added_ms or 0), each[0]))
    column = _COLUMN if info.first_date == info.last_date else _DATED_COLUMN
    beside = max(1, min(width // column, -(-len(order) // max(1, rows))))
    fitting = rows * beside
    if len(order) > fitting:
        fitting -= beside  # the last row says how many are left out
    shown = order[:fitting]
    down = max(1, min(rows, -(-len(shown) // beside)))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for _ in range(beside):
        table.add_column("SYMBOL", no_wrap=True)
        table.add_column("SINCE", no_wrap=True)
        table.add_column("BARS", justify="right", no_wrap=True, min_width=5)
        table.add_column("LAST", justify="right", no_wrap=True, min_width=5)
        table.add_column("CLOSE", justify="right", no_wrap=True, min_width=9)
    closes = _aligned({symbol: board.closes[symbol] for symbol, _ in shown if symbol in board.closes})
    for row in range(down):
        cells = [_cells(info, *shown[at], closes) for at in range(row, len(shown), down)]
        table.add_row(*(cell for each in cells for cell in each))
    yield table
    if len(order) > len(shown):
        yield Text(f"… {len(order) - len(shown)} more", style="dim")


def _aligned(closes: Mapping[str, float]) -> Mapping[str, str]:
    """Prices with as many decimals as the longest of them has, up to a few."""
    decimals = max((len(number_text(close).partition(".")[2]) for close in closes.values()), default=0)
    return {symbol: f"{close:.{min(decimals, _DECIMALS)}f}" for symbol, close in closes.items()}


def _cells(info: SessionInfo, symbol: str, of: SymbolInfo, closes: Mapping[str, str]) -> tuple[str | Text, ...]:
    bars = of.intervals.get(info.interval)
    since = "start" if of.record.added_ms is None else dated_text(of.record.added_ms, info)
    return (
        Text(symbol, style="bold" if of.record.dynamic else ""),
        Text(since or "?", style="cyan" if of.record.dynamic else "dim"),
        "" if bars is None else f"{bars.bars:,}",
        "" if bars is None else moment_text(bars.last_ms, of.record.zone) or "",
        closes.get(symbol, ""),
    )


def summary_line(info: SessionInfo) -> str:
    """What stays on the terminal when the screen has gone."""
    clock = "not begun" if info.clock_ms is None else f"{local(info.clock_ms, info.zone):%Y-%m-%d %H:%M}"
    holds = f" · holds: {', '.join(info.holds)}" if info.holds else ""
    return f"session {info.name} · {info.status} · {clock}{holds}"
