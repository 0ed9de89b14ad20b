"""From the options of `session start` and `up` to the configuration of a session."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Concatenate, Final, ParamSpec

import typer

from playhead.config import DEFAULT_CALENDAR, DEFAULT_SOURCE, REGULAR_HOURS, SessionConfig, SymbolConfig
from playhead.errors import InvalidInput
from playhead.intervals import interval_ms
from playhead.names import parse_symbol, parse_symbols
from playhead.script import read_script
from playhead.speed import parse_speed
from playhead.times import parse_date
from playhead.uris import absolute_source

DEFAULT_NAME: Final = "default"
P = ParamSpec("P")

Id = Annotated[str, typer.Option("--id", help="Name of the session.")]
Symbols = Annotated[
    list[str] | None,
    typer.Option("--symbols", metavar="RIVN,…", help="Symbols, joined by commas; may repeat."),
]
SymbolsFile = Annotated[
    Path | None,
    typer.Option("--symbols-file", metavar="FILE", help="Symbols, one a line; # begins a comment."),
]
Date = Annotated[str, typer.Option("--date", metavar="2025-07-02", help="The (first) date.")]
End = Annotated[str | None, typer.Option("--end", metavar="DATE", show_default="the first", help="The last date.")]
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="URI",
        show_default=DEFAULT_SOURCE,
        help="Where bars come from: sample:, csv:…, parquet:…; SYMBOL=URI for one symbol; may repeat.",
    ),
]
Calendar = Annotated[
    list[str] | None,
    typer.Option(
        "--calendar",
        metavar="NAME",
        show_default=f"by suffix, else {DEFAULT_CALENDAR}",
        help="Exchange calendar, such as XNYS; SYMBOL=NAME for one symbol; may repeat.",
    ),
]
Interval = Annotated[str, typer.Option("--interval", help="Length of the bars.")]
Speed = Annotated[str, typer.Option("--speed", help="Market seconds a wall second, such as 60, or max.")]
RunUntil = Annotated[
    str | None,
    typer.Option("--run-until", metavar="12:06", help="Pause when the clock reads this, in the calendar's zone."),
]

Derive = Annotated[
    list[str] | None,
    typer.Option("--derive", metavar="5m,1h", help="Longer intervals to make of the bars; may repeat."),
]
History = Annotated[
    str | None,
    typer.Option("--history", metavar="10d", show_default="none", help="Trading days before the current one."),
]
HoursKept = Annotated[str, typer.Option("--hours", help="regular, or all for pre- and post-market bars too.")]
ScriptFile = Annotated[
    Path | None,
    typer.Option("--script", metavar="FILE", help="Commands at market times, one a line: 12:06 add-symbol AAPL"),
]
Lead = Annotated[
    int | None,
    typer.Option("--lead", metavar="N", help="Ticks the clock may be ahead of the slowest consumer; 1 is lockstep."),
]
Expect = Annotated[
    list[str] | None,
    typer.Option("--expect", metavar="NAME,…", help="Consumers that the first tick waits for; may repeat."),
]
Record = Annotated[
    Path | None,
    typer.Option("--record", metavar="DIR", help="Write the ticks to Parquet files in this directory too."),
]


def session_config(
    date: Date,
    symbols: Symbols = None,
    symbols_file: SymbolsFile = None,
    end: End = None,
    source: Source = None,
    calendar: Calendar = None,
    interval: Interval = "1m",
    speed: Speed = "max",
    run_until: RunUntil = None,
    derive: Derive = None,
    history: History = None,
    hours: HoursKept = REGULAR_HOURS,
    script: ScriptFile = None,
    lead: Lead = None,
    expect: Expect = None,
    record: Record = None,
) -> SessionConfig:
    """The configuration, judged as far as it can be here. Raises `InvalidInput`."""
    listed = listed_symbols(symbols or ()) + (read_symbols(symbols_file) if symbols_file else [])
    names = parse_symbols(listed)
    source_of, common_source = _by_symbol("source", [_split_source(text) for text in source or ()], names)
    calendar_of, common_calendar = _by_symbol("calendar", [_split_calendar(text) for text in calendar or ()], names)
    first = parse_date(date)
    return SessionConfig(
        symbols=tuple(SymbolConfig(name, source_of.get(name), calendar_of.get(name)) for name in names),
        date=first,
        end=first if end is None else parse_date(end),
        source=common_source or DEFAULT_SOURCE,
        calendar=common_calendar or DEFAULT_CALENDAR,
        interval=interval,
        speed=parse_speed(speed),
        run_until=run_until,
        derive=tuple(sorted(_listed("derived interval", derive), key=interval_ms)),
        history=parse_days(history) if history is not None else 0,
        hours=hours,
        script=read_script(script) if script is not None else (),
        lead=lead,
        expect=_listed("consumer", expect),
        record=None if record is None else str(record.expanduser().absolute()),
    ).check()


def configured(command: Callable[Concatenate[SessionConfig, P], None]) -> Callable[..., None]:
    """Gives a command the options of `session_config`, and calls it with the configuration in their place."""
    options = inspect.signature(session_config, eval_str=True).parameters
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    @functools.wraps(command)
    def with_options(*args: P.args, **given: P.kwargs) -> None:
        config = session_config(**{name: given.pop(name) for name in options})  # type: ignore[arg-type]  # as parsed
        command(config, *args, **given)

    parameters = [*options.values(), *own]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def parse_days(text: str) -> int:
    """A typed number of trading days: `10d`, or `10`. Raises `InvalidInput`."""
    number = text.strip().removesuffix("d")
    if not (number.isascii() and number.isdigit()):
        raise InvalidInput(f"history {text[:40]!r} is not a number of trading days such as 10d")
    return int(number)


def _listed(what: str, texts: Sequence[str] | None) -> tuple[str, ...]:
    """Names of options that may join several by commas. Raises `InvalidInput` for an empty or a repeated one."""
    names = [part.strip() for text in texts or () for part in text.split(",")]
    for at, name in enumerate(names):
        if not name or name in names[:at]:
            raise InvalidInput(f"{what} {name!r} was given twice" if name else f"a {what} is empty")
    return tuple(names)


def listed_symbols(texts: Sequence[str]) -> list[str]:
    """Symbols as typed, of arguments that may join several by commas."""
    return [part.strip() for text in texts for part in text.split(",")]


def read_symbols(file: Path) -> list[str]:
    """Symbols of a file, one a line, without empty lines and comments. Raises `InvalidInput`."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"symbols file {file}: {reason}") from error
    names = [symbol for line in lines if (symbol := line.partition("#")[0].strip())]
    if not names:
        raise InvalidInput(f"symbols file {file} names no symbol")
    return names


def _split_source(text: str) -> tuple[str, str]:
    # The symbol ends at the last '=' before the scheme: 'ES=F=csv:/dir?columns=…' is the source of ES=F.
    head, colon, rest = text.partition(":")
    symbol, equals, scheme = head.rpartition("=")
    if not equals:
        return "", absolute_source(text)
    return parse_symbol(symbol), absolute_source(f"{scheme}{colon}{rest}")


def _split_calendar(text: str) -> tuple[str, str]:
    symbol, equals, name = text.rpartition("=")
    if not name:
        raise InvalidInput(f"calendar {text[:40]!r} names no exchange; give one such as XNYS or AZN.L=XLON")
    return (parse_symbol(symbol) if equals else ""), name


def _by_symbol(
    what: str, pairs: Sequence[tuple[str, str]], symbols: Sequence[str]
) -> tuple[dict[str, str], str | None]:
    """What was given for single symbols, and for the session."""
    given: dict[str, str] = {}
    for symbol, value in pairs:
        if symbol in given:
            raise InvalidInput(f"two {what}s were given for {symbol or 'the session'}; give one")
        if symbol and symbol not in symbols:
            raise InvalidInput(f"a {what} was given for {symbol}, which is not among the symbols")
        given[symbol] = value
    session = given.pop("", None)
    return given, session
