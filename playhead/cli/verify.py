"""`playhead verify`: whether a session has what a replay from the start has."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playhead.cli.options import AsJson, SessionName, Url, open_session
from playhead.cli.output import print_json, print_line
from playhead.times import full_clock_text, local

if TYPE_CHECKING:
    from playhead.bars import Bar
    from playhead.verifying import Difference, Verdict


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command(epilog="Example: playhead verify demo --record /data/recordings")(verify)


def verify(
    name: Annotated[str | None, typer.Argument(metavar="SESSION", help="The session; else --session.")] = None,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="DIR", help="Where it was recorded, else where it was told to be."),
    ] = None,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Replay a session from the start with all its symbols, and compare the bars of each day bit by bit.

    A running session is compared up to its last day that is over, a paused one up to its clock. Ends with 0 only for
    equal ones.
    """
    from playhead.cli.stopping import Stopped, StopSignals
    from playhead.verifying import verify as verified

    with open_session(name if name is not None else session, url) as opened:
        chosen, place = opened.name, opened.url
    try:
        with StopSignals():  # the replay is deleted then too
            verdict = verified(chosen, place, record)
    except Stopped:
        raise KeyboardInterrupt from None
    if as_json:
        print_json(_json(verdict))
    else:
        for line in _lines(verdict):
            print_line(line)
    if not verdict.equal:
        raise typer.Exit(1)


def _json(verdict: Verdict) -> dict[str, Any]:
    return {
        "session": verdict.session,
        "equal": verdict.equal,
        "clock_ms": verdict.clock_ms,
        "symbols": verdict.symbols,
        "days": verdict.days,
        "compared": verdict.compared,
        "not_compared": verdict.not_compared,
        "different": verdict.different,
        "differences": [
            asdict(each) | {"bar": _bar_json(each.bar), "replayed_bar": _bar_json(each.replayed_bar)}
            for each in verdict.differences
        ],
    }


def _lines(verdict: Verdict) -> list[str]:
    what = f"{_many(verdict.symbols, 'symbol')}, {_many(verdict.days, 'trading day')}"
    clock = f"{local(verdict.clock_ms, verdict.zone).date()} {full_clock_text(verdict.clock_ms, verdict.zone)}"
    left_out = (
        [f"not compared: {_many(verdict.not_compared, 'digest')} from before a symbol had its last source or calendar"]
        if verdict.not_compared
        else []
    )
    if verdict.equal:
        head = (
            f"session {verdict.session} is equal to a replay from the start: {what}, "
            f"{_many(verdict.compared, 'digest')}, clock {clock}"
        )
        return [head, *left_out]
    head = (
        f"session {verdict.session} is not equal to a replay from the start: {verdict.different} of "
        f"{_many(verdict.compared, 'digest')} differ ({what}, clock {clock})"
    )
    return [head, *_first(verdict.differences[0]), *left_out]


def _first(of: Difference) -> list[str]:
    head = f"first: {of.symbol} {of.interval} on {of.day} ({of.calendar})"
    if of.bars is None:
        return [head, f"  session: its bars are {of.place}", f"  replay:  {_many(of.replayed_bars, 'bar')}"]
    if of.at_ms is None:
        return [head, f"  its bars were other ones when it was digested; now ({of.place}) they are those of the replay"]
    return [
        f"{head}, bar {full_clock_text(of.at_ms, of.zone)} {of.zone}",
        f"  session: {_bar_text(of.bar)}; {_many(of.bars, 'bar')} ({of.place})",
        f"  replay:  {_bar_text(of.replayed_bar)}; {_many(of.replayed_bars, 'bar')}",
    ]


def _bar_text(bar: Bar | None) -> str:
    if bar is None:
        return "no such bar"
    return f"open {bar.open!r}, high {bar.high!r}, low {bar.low!r}, close {bar.close!r}, volume {bar.volume!r}"


def _bar_json(bar: Bar | None) -> dict[str, Any] | None:
    return None if bar is None else bar._asdict()


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
