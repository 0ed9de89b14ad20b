"""`playhead data …`: look at session data, add and remove symbols, convert files."""

from __future__ import annotations

from typing import Annotated

import typer

from playhead.cli.options import AsJson, SessionName, Url, info_of, need, open_session
from playhead.cli.output import print_json, print_line, print_note, print_table
from playhead.cli.scheduling import At
from playhead.cli.summary import data_json, data_lines, dated_text
from playhead.errors import InvalidInput
from playhead.intervals import interval_ms
from playhead.names import parse_symbol, parse_symbols

app = typer.Typer(no_args_is_help=True, help="Look at session data, add and remove symbols, convert files.")


def register(to: typer.Typer) -> None:
    """Adds the commands to the application."""
    to.add_typer(app, name="data")


@app.command("add-symbol", epilog="Example: playhead data add-symbol AAPL MSFT")
def add_symbol(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL…", help="What to add, all in one pause.")],
    source: Annotated[
        str | None, typer.Option("--source", metavar="URI", help="Their own source, else the session's.")
    ] = None,
    calendar: Annotated[
        str | None,
        typer.Option("--calendar", metavar="NAME", help="Their exchange's calendar, else by suffix."),
    ] = None,
    at: At = None,
    wait: Annotated[
        bool | None,
        typer.Option("--wait/--no-wait", show_default="--wait, not with --at", help="Wait for the receipt."),
    ] = None,
    command_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Id of the command; a repeated one runs once.")
    ] = None,
    timeout_s: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="S",
            min=0.1,
            show_default="90, none with --at",
            help="Seconds to wait for the receipt.",
        ),
    ] = None,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add symbols to a running session, as if they had been there from the open."""
    from playhead.cli.symbols import add

    add(symbols, source, calendar, at, wait, command_id, timeout_s, session, url, as_json)


@app.command("remove-symbol", epilog="Example: playhead data remove-symbol AAPL MSFT")
def remove_symbol(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL…", help="What to remove, all in one step.")],
    at: At = None,
    command_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Id of the command; a repeated one runs once.")
    ] = None,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Remove symbols from a running session, from reads and from all that is still to come."""
    from playhead.cli.symbols import remove

    remove(symbols, at, command_id, session, url, as_json)


@app.command("list-dynamic", epilog="Example: playhead data list-dynamic --json")
def list_dynamic(session: SessionName = None, url: Url = None, as_json: AsJson = False) -> None:
    """List the symbols that were added in mid-session, and when."""
    with open_session(session, url) as opened:
        info = info_of(opened)
    added = sorted(
        (of.record.added_ms, symbol) for symbol, of in info.symbols.items() if of.record.added_ms is not None
    )
    if as_json:
        print_json([{"symbol": symbol, "added_ms": added_ms} for added_ms, symbol in added])
    elif not added:
        print_line(f"session {info.name}: no symbol was added")
    else:
        rows = [(symbol, dated_text(added_ms, info) or "?") for added_ms, symbol in added]
        print_table(("SYMBOL", "ADDED"), rows)


@app.command("session", epilog="Example: playhead data session --session demo")
def session_(session: SessionName = None, url: Url = None, as_json: AsJson = False) -> None:
    """Summarize session data: how many bars of each symbol, from when to when."""
    with open_session(session, url) as opened:
        info = info_of(opened)
    if as_json:
        print_json(data_json(info))
        return
    for line in data_lines(info):
        print_line(line)


@app.command(epilog="Example: playhead data bars AAPL --interval 1m --csv > aapl.csv")
def bars(
    symbol: Annotated[str, typer.Argument(help="The symbol.")],
    interval: Annotated[str | None, typer.Option("--interval", help="Length of the bars, else the session's.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, in full precision.")] = False,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Print the bars of a symbol in session data, times in its exchange's zone."""
    if as_csv and as_json:
        raise InvalidInput("--csv and --json exclude each other; give one")
    from playhead.cli import bar_text

    name = parse_symbol(symbol)
    if interval is not None:
        interval_ms(interval)
    with open_session(session, url) as opened:
        found = opened.bars(name, interval)
        info = info_of(opened)
    if found is None:
        if as_json:
            print_json(None)
        print_note(f"session {info.name} is inactive: symbols are being caught up; ask again")
        raise typer.Exit(1)
    if as_json:
        print_json([bar._asdict() for bar in found])
        return
    shown = info.symbols.get(name)  # it may have been removed meanwhile
    zone = info.zone if shown is None else shown.record.zone
    if as_csv:
        bar_text.print_csv(found, zone)
    else:
        bar_text.print_bars(found, zone)


@app.command(
    "import",
    epilog="Example: playhead data import csv:/data/bars parquet:/data/set --symbols AAPL --skip-bad-rows",
)
def import_(
    origin: Annotated[str, typer.Argument(metavar="FROM", help="The source to read, such as csv:/data/bars.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The dataset to write, such as parquet:/data/set.")],
    symbols: Annotated[
        list[str] | None, typer.Option("--symbols", metavar="AAPL,…", help="Only these; may repeat.")
    ] = None,
    interval: Annotated[str, typer.Option("--interval", help="Length of the bars.")] = "1m",
    start: Annotated[str | None, typer.Option("--start", metavar="DATE", help="The first date.")] = None,
    end: Annotated[str | None, typer.Option("--end", metavar="DATE", help="The last date.")] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Count bad rows and go on.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Convert recorded bars from one source to another, checking every row."""
    from playhead.cli.config import listed_symbols
    from playhead.uris import absolute_source

    names = None if symbols is None else parse_symbols(listed_symbols(symbols))
    interval_ms(interval)
    need("shared")
    from playhead.cli.importing import run_import

    run_import(
        absolute_source(origin),
        absolute_source(target),
        names,
        interval,
        start,
        end,
        skip_bad_rows,
        overwrite,
        as_json,
    )
