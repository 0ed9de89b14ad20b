"""What commands print: JSON for scripts, lines and tables for people."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def print_json(value: Any) -> None:
    """One value on one line, floats in full precision, flushed."""
    _print(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def print_line(text: str = "") -> None:
    """One line, flushed: who follows through a pipe sees it at once."""
    _print(text)


def print_error(text: str) -> None:
    """`error: …` on stderr."""
    typer.echo(f"error: {printable(text)}", err=True)


def print_note(text: str) -> None:
    """A remark on stderr, so that what is piped on stays clean."""
    typer.echo(printable(text), err=True)


def printable(text: str) -> str:
    """The text without control characters, which may come from a file or from another machine."""
    return "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> None:
    """A table as wide as it must be; the first `left` columns are aligned left, the others right.

    Not Rich's: that one cuts cells at the width of the terminal, and a pipe must get all of them.
    """
    lines = [tuple(head), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    for line in lines:
        cells = (
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        text = "  ".join(cells).rstrip()
        _print(styled(text, dim=True) if line is lines[0] else text)


def bounded(text: str) -> str:
    """The text cut at the width of the terminal (80 where there is none), with a mark where it was cut."""
    width = shutil.get_terminal_size().columns
    return text if len(text) <= width else text[: width - 1] + "…"


def styled(text: str, **style: Any) -> str:
    """The text as `typer.style` makes it, on a terminal; in a pipe, or where nobody wants colours, as it is."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return text if plain else typer.style(text, **style)


def terminal() -> Console | None:
    """The terminal to which stdout goes, if it is one on which a screen can be drawn."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    return None if console.is_dumb_terminal else console


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is where the command line prints
