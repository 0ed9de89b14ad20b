"""`playhead watch`: follow the notifications of a session."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from playhead.cli.bar_text import number_text
from playhead.cli.options import AsJson, SessionName, Url, info_of, open_session
from playhead.cli.output import bounded, print_json, print_line, print_note, printable, terminal
from playhead.cli.summary import trouble_text
from playhead.times import local

if TYPE_CHECKING:
    from playhead.info import SessionInfo
    from playhead.messages import Event, Message, Tick
    from playhead.session import Session

TROUBLES_S: Final = 1.0
"""How often it is looked what keeps the session from going on."""
_NOT_SHOWN = frozenset({"entry", "clock_ms"})


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command(epilog="Example: playhead watch --from-start --json | jq .type")(watch)


def watch(
    from_start: Annotated[bool, typer.Option("--from-start", help="All that is still kept first.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines on a terminal too.")] = False,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Follow a session on a live screen; in a pipe, and with --plain, --from-start or --json, line by line.

    Ends with the session: 1 if it failed, else 0.
    """
    console = None if plain or from_start or as_json else terminal()
    from playhead.info import OVER

    with open_session(session, url) as opened:
        info = info_of(opened)
        if console is not None and info.status not in OVER:
            from playhead.cli.live import watch_live

            watch_live(opened, console)
            return
        _tell_troubles(opened)
        if not _follow(opened, info, from_start, as_json) and not as_json:
            print_note(f"session {info.name} is {info.status}: nothing follows; --from-start shows what was")


def message_json(message: Message) -> dict[str, Any]:
    """A tick or an event as one JSON object."""
    from playhead.messages import Tick

    head = {"type": message.type, "clock_ms": message.clock_ms}
    if not isinstance(message, Tick):
        return head | event_fields(message)
    bars: dict[str, dict[str, Any]] = {}
    for symbol, interval, bar in message.bars():
        bars.setdefault(symbol, {})[interval] = bar._asdict()
    return head | {"bars": bars}


def message_line(message: Message, zone: str, first_date: str) -> str:
    """A tick or an event as one line within the width of the terminal; the date only after the first one."""
    from playhead.messages import Tick

    moment = local(message.clock_ms, zone)
    clock = moment.strftime("%H:%M:%S" if moment.second else "%H:%M")
    date = "" if moment.date().isoformat() == first_date else f"{moment.date()} "
    text = _tick_text(message) if isinstance(message, Tick) else event_text(message)
    return bounded(f"{date}{clock} {message.type} {text}".rstrip())


def event_text(event: Event) -> str:
    """What an event says beside its type."""
    return printable(" ".join(_text(value) for value in event_fields(event).values()))


def event_fields(event: Event) -> dict[str, Any]:
    """What an event says beside its type and clock, by field."""
    return {each.name: getattr(event, each.name) for each in fields(event) if each.name not in _NOT_SHOWN}


def _follow(session: Session, info: SessionInfo, from_start: bool, as_json: bool) -> bool:
    """Prints until the session ends; whether there was anything. Raises `SessionFailed` in the end."""
    zone, first_date = info.zone, info.date.isoformat()
    shown = False
    for message in session.subscribe(from_start=from_start):
        shown = True
        if as_json:
            print_json(message_json(message))
        else:
            print_line(message_line(message, zone, first_date))
    return shown


def _tell_troubles(session: Session) -> None:
    """Says on stderr, from now on, what keeps the services from going on: there is no notification of that."""
    from playhead.connection import connect
    from playhead.errors import RedisUnavailable
    from playhead.keys import Keys
    from playhead.trouble import read_troubles

    def tell() -> None:
        told: dict[str, str] = {}
        with connect(session.url) as client:
            while True:
                with suppress(RedisUnavailable):  # whoever follows says that
                    found = {trouble.role: trouble for trouble in read_troubles(client, Keys(session.name))}
                    for role in sorted(told.keys() - found.keys()):
                        print_note(f"{role} goes on")
                    for role, trouble in found.items():
                        if told.get(role) != trouble.reason:
                            print_note(trouble_text(trouble))
                    told = {role: trouble.reason for role, trouble in found.items()}
                time.sleep(TROUBLES_S)

    threading.Thread(target=tell, name="troubles", daemon=True).start()


def _tick_text(tick: Tick) -> str:
    # The close of each symbol; longer intervals than the shortest are named.
    shortest = tick.groups[0].interval if tick.groups else ""
    return " ".join(
        f"{symbol if interval == shortest else f'{symbol}:{interval}'} {number_text(bar.close)}"
        for symbol, interval, bar in tick.bars()
    )


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
