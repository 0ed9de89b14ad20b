"""From the options of `session start` and `up` to the configuration of a session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from playhead.commands import parse_speed
from playhead.config import DEFAULT_CALENDAR, DEFAULT_SOURCE, SessionConfig, SymbolConfig
from playhead.errors import InvalidInput
from playhead.names import parse_symbol, parse_symbols
from playhead.times import parse_date

DEFAULT_NAME: Final = "default"
_FILE_SCHEMES = ("csv", "parquet")

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


def session_config(
    symbols: Sequence[str],
    symbols_file: Path | None,
    date: str,
    end: str | None,
    sources: Sequence[str],
    calendars: Sequence[str],
    interval: str,
    speed: str,
    run_until: str | None,
) -> SessionConfig:
    """The configuration, judged as far as it can be here. Raises `InvalidInput`."""
    listed = listed_symbols(symbols) + (read_symbols(symbols_file) if symbols_file else [])
    names = parse_symbols(listed)
    source_of, source = _by_symbol("source", [_split_source(text) for text in sources], names)
    calendar_of, calendar = _by_symbol("calendar", [_split_calendar(text) for text in calendars], names)
    first = parse_date(date)
    return SessionConfig(
        symbols=tuple(SymbolConfig(name, source_of.get(name), calendar_of.get(name)) for name in names),
        date=first,
        end=first if end is None else parse_date(end),
        source=source or DEFAULT_SOURCE,
        calendar=calendar or DEFAULT_CALENDAR,
        interval=interval,
        speed=parse_speed(speed),
        run_until=run_until,
    ).check()


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


def absolute_source(uri: str) -> str:
    """The URI with the path of a file source made absolute: whoever reads it runs in another folder.

    Raises `InvalidInput` for what is no URI.
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or not scheme:
        raise InvalidInput(f"source {uri[:80]!r} is no URI such as sample:, csv:/dir or parquet:/dir")
    if scheme not in _FILE_SCHEMES or not rest:
        return uri
    path, mark, query = rest.partition("?")
    if path.startswith("/"):
        return uri
    return f"{scheme}:{Path(path).expanduser().absolute()}{mark}{query}"


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
