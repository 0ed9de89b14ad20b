"""`playhead data …`: look at session data, add and remove symbols, convert files."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from playhead.cli import bar_text
from playhead.cli.config import listed_symbols
from playhead.cli.options import AsJson, SessionName, Url, info_of, need, open_session, post
from playhead.cli.output import print_json, print_line, print_note, print_table
from playhead.cli.receipts import all_done, print_receipts, print_removals, results_of
from playhead.cli.scheduling import At, print_scheduled
from playhead.cli.summary import data_json, data_lines, dated_text
from playhead.commands import SCHEDULED, AddSymbol, RemoveSymbol
from playhead.errors import CommandRejected, InvalidInput
from playhead.intervals import interval_ms
from playhead.names import parse_symbol, parse_symbols
from playhead.uris import absolute_source

app = typer.Typer(no_args_is_help=True, help="Look at session data, add and remove symbols, convert files.")

ADD_TIMEOUT_S: Final = 90.0  # an addition ends by a deadline of its own, well before


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
            show_default=f"{ADD_TIMEOUT_S:g}, none with --at",
            help="Seconds to wait for the receipt.",
        ),
    ] = None,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Add symbols to a running session, as if they had been there from the open."""
    names = parse_symbols(listed_symbols(symbols))
    own_source = None if source is None else absolute_source(source)
    with open_session(session, url) as opened:
        command = AddSymbol(names, own_source, calendar)
        if wait is False and at is None:
            reply = post(opened, command, command_id)
            if as_json:
                print_json({"command": reply.id, "results": {}})
            else:
                print_line(f"session {opened.name}: command {reply.id} was given")
            return
        try:
            if at is None:
                reply = opened.send(command, command_id, ADD_TIMEOUT_S if timeout_s is None else timeout_s)
            else:
                reply = opened.send(command, command_id, at=at)
                if reply.status == SCHEDULED and not wait:
                    print_scheduled(reply, f"add-symbol {' '.join(names)}", info_of(opened), as_json)
                    return
                if reply.status == SCHEDULED:
                    reply = opened.outcome(reply, timeout_s)
        except CommandRejected as error:
            if error.reply is None:
                raise
            reply = error.reply
        results = results_of(reply, names)
        if as_json:
            print_json({"command": reply.id, "results": results})
        else:
            print_receipts(results, info_of(opened))
    if not all_done(results):
        raise typer.Exit(1)


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
    names = parse_symbols(listed_symbols(symbols))
    with open_session(session, url) as opened:
        try:
            reply = opened.send(RemoveSymbol(names), command_id, at=at)
            if reply.status == SCHEDULED:
                print_scheduled(reply, f"remove-symbol {' '.join(names)}", info_of(opened), as_json)
                return
        except CommandRejected as error:
            if error.reply is None:
                raise
            reply = error.reply
        results = results_of(reply, names)
        if as_json:
            print_json({"command": reply.id, "results": results})
        else:
            print_removals(results, info_of(opened))
    if not all_done(results):
        raise typer.Exit(1)


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
