"""The screen of `watch`: what it shows of a session, and that it fits whatever window there is."""

from __future__ import annotations

import datetime as dt
import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from playhead.cli.board import Board, render
from playhead.consumers import ConsumerInfo, Life
from playhead.info import IntervalInfo, SessionInfo, SymbolInfo
from playhead.operations import OperationInfo
from playhead.progress import Progress
from playhead.symbols import SymbolRecord
from playhead.trouble import Trouble

OPEN_MS = 1_751_463_000_000  # 2025-07-02 09:30 New York
NOON_MS = OPEN_MS + 156 * 60_000
CLOSE_MS = OPEN_MS + 390 * 60_000
DATE = dt.date(2025, 7, 2)


def symbol(added_ms: int | None = None) -> SymbolInfo:
    record = SymbolRecord("XNYS", "America/New_York", added_ms=added_ms)
    return SymbolInfo(record, {"1m": IntervalInfo(156, OPEN_MS, NOON_MS, 156)})


def info(symbols: int = 2, **other: Any) -> SessionInfo:
    found = SessionInfo(
        name="demo",
        status="running",
        date=DATE,
        clock_ms=NOON_MS,
        zone="America/New_York",
        active=True,
        holds=(),
        speed="60",
        end_ms=CLOSE_MS,
        error=None,
        interval="1m",
        symbols={f"S{number:03}": symbol() for number in range(symbols)},
        first_date=DATE,
        last_date=DATE,
        progress=Progress(1, 1, OPEN_MS, CLOSE_MS, 156, 390),
    )
    return replace(found, **other)


def consumer(name: str, life: Life = "alive", lag: int = 0, *, waited_for: bool = False) -> ConsumerInfo:
    return ConsumerInfo(name, life, f"{NOON_MS}-0", NOON_MS, lag * 60_000, lag, 100, waited_for)


def screen(board: Board, width: int = 80, height: int = 24) -> list[str]:
    """What would stand in a window of this size, line by line."""
    console = Console(file=io.StringIO(), width=width, height=height, highlight=False, markup=False)
    console.print(render(board, width, height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def board(of: SessionInfo | None = None, **other: Any) -> Board:
    return replace(Board(of or info(), (), None, {}, None), **other)


def text(of: Board, width: int = 100) -> str:
    return "\n".join(screen(of, width))


@given(
    width=st.integers(20, 200),
    height=st.integers(3, 60),
    symbols=st.integers(0, 60),
    consumers=st.integers(0, 20),
    holds=st.integers(0, 4),
)
def test_the_screen_is_never_wider_or_higher_than_the_window(
    width: int, height: int, symbols: int, consumers: int, holds: int
) -> None:
    of = info(symbols, holds=tuple(f"hold-{number}" for number in range(holds)))
    shown = Board(of, [consumer(f"c{number}", lag=number) for number in range(consumers)], None, {}, 1234.5)
    lines = screen(shown, width, height)
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 3 + holds)


def test_symbols_that_do_not_fit_are_counted() -> None:
    lines = screen(board(info(500)), 80, 24)
    shown = len(re.findall(r"\bS[0-9]{3}\b", "\n".join(lines)))
    assert shown > 30
    assert f"… {500 - shown} more" in lines


def test_what_was_added_last_stands_first() -> None:
    of = info()
    of = replace(of, symbols={**of.symbols, "ZZZ": symbol(NOON_MS), "YYY": symbol(NOON_MS - 60_000)})
    names = [line.split()[0] for line in screen(board(of)) if "156" in line]
    assert names == ["ZZZ", "YYY", "S000", "S001"]


def test_prices_stand_under_each_other() -> None:
    shown = text(board(info(3), closes={"S000": 341.9, "S001": 7.25, "S002": 12500.0}))
    ends = {len(line) for line in shown.splitlines() if line.startswith("S0")}
    assert "12500.00" in shown
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("of", "line"),
    [
        (board(info(holds=("user",))), "‖ held by user (a pause, or a stop that was reached)"),
        (board(info(holds=("expect:vwap",))), "‖ held by expect:vwap (the first tick waits for that consumer)"),
        (board(info(holds=("odd",))), "‖ held by odd (placed by hand)"),
        (board(info(waiting_for=("a", "b"))), "‖ the clock waits for a, b"),
        (board(info(troubles=(Trouble("producer", "no disk", None),))), "! producer held up: no disk"),
        (board(away="no news for 3 s"), "! no news for 3 s"),
        (board(info(recording_error="no room")), "! not recorded: no room"),
        (board(info(active=False)), "+ symbols are being added"),
        (
            board(info(active=False), operation=OperationInfo("c", ("AAPL", "MSFT"), False, 1, 1, 1, 0, 1_240)),
            "+ adding AAPL, MSFT: loaded 1 of 2 · held for 1.2 s",
        ),
        (
            board(info(active=False), operation=OperationInfo("c", ("A", "B", "C", "D"), False, 1, 0, 0, 2, 0)),
            "+ adding A, B, C and 1 more: no worker has taken it yet, 2 attempts failed · held for 0.0 s",
        ),
        (
            board(info(active=False), operation=OperationInfo("", ("A",), True, 1, 1, 1, 0, 0)),
            "+ reading the history of A: committing · held for 0.0 s",
        ),
        (board(info(status="failed", error="no data")), "! no data"),
    ],
)
def test_what_a_person_should_know_has_a_line(of: Board, line: str) -> None:
    assert line in screen(of, 120)


def test_consumers_stand_with_what_they_lag_and_for_whom_the_clock_waits() -> None:
    of = [consumer("a"), consumer("b", lag=1, waited_for=True), consumer("c", "dropped", 1200)]
    lines = [" ".join(line.split()) for line in screen(board(consumers=of))]
    assert "a 12:06 0 ticks alive" in lines
    assert "b 12:06 1 tick waited for" in lines
    assert "c 12:06 1,200 ticks dropped" in lines


def test_the_clock_is_there_in_the_smallest_window() -> None:
    assert "12:06:00" in screen(board(), 20, 4)[0]


def test_a_session_without_a_clock_says_so() -> None:
    assert "no clock yet" in text(board(info(status="created", clock_ms=None, progress=None)))


def test_text_from_elsewhere_cannot_move_the_cursor() -> None:
    assert "\x1b[2J" not in text(board(info(holds=("\x1b[2J",))))
