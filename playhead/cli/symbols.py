"""`playhead data add-symbol` and `remove-symbol`: giving the command, and printing what became of each symbol."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

import typer

from playhead.cli.config import listed_symbols
from playhead.cli.options import info_of, open_session, post
from playhead.cli.output import print_json, print_line, terminal
from playhead.cli.receipts import all_done, print_receipts, print_removals, results_of
from playhead.cli.scheduling import print_scheduled
from playhead.commands import SCHEDULED, AddSymbol, RemoveSymbol, Reply
from playhead.errors import CommandRejected
from playhead.names import parse_symbols
from playhead.uris import absolute_source

if TYPE_CHECKING:
    from playhead.session import Session

ADD_TIMEOUT_S: Final = 90.0  # an addition ends by a deadline of its own, well before


def add(
    symbols: Sequence[str],
    source: str | None,
    calendar: str | None,
    at: str | None,
    wait: bool | None,
    command_id: str | None,
    timeout_s: float | None,
    session: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Adds symbols, and prints their receipts unless they are not waited for."""
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
            with _shown(opened, command_id := command_id or uuid.uuid4().hex, at, as_json):
                reply = _give(opened, command, command_id, at, timeout_s, wait=bool(wait))
        except CommandRejected as error:
            if error.reply is None:
                raise
            reply = error.reply
        if reply.status == SCHEDULED:
            print_scheduled(reply, f"add-symbol {' '.join(names)}", info_of(opened), as_json)
            return
        results = results_of(reply, names)
        if as_json:
            print_json({"command": reply.id, "results": results})
        else:
            print_receipts(results, info_of(opened))
    if not all_done(results):
        raise typer.Exit(1)


def remove(
    symbols: Sequence[str],
    at: str | None,
    command_id: str | None,
    session: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Removes symbols, and prints what became of each."""
    names = parse_symbols(listed_symbols(symbols))
    with open_session(session, url) as opened:
        try:
            reply = opened.send(RemoveSymbol(names), command_id, at=at)
        except CommandRejected as error:
            if error.reply is None:
                raise
            reply = error.reply
        if reply.status == SCHEDULED:
            print_scheduled(reply, f"remove-symbol {' '.join(names)}", info_of(opened), as_json)
            return
        results = results_of(reply, names)
        if as_json:
            print_json({"command": reply.id, "results": results})
        else:
            print_removals(results, info_of(opened))
    if not all_done(results):
        raise typer.Exit(1)


def _shown(session: Session, command_id: str, at: str | None, as_json: bool) -> AbstractContextManager[None]:
    """On a terminal the steps are shown while the reply is waited for; not those of one that waits for its time."""
    console = None if as_json or at is not None else terminal()
    if console is None:
        return nullcontext()
    from playhead.cli.steps import shown_steps

    return shown_steps(session, console, command_id)


def _give(
    session: Session,
    command: AddSymbol,
    command_id: str | None,
    at: str | None,
    timeout_s: float | None,
    *,
    wait: bool,
) -> Reply:
    """The reply to an addition; to one for a market time the first reply, or with `wait` the final one."""
    if at is None:
        return session.send(command, command_id, ADD_TIMEOUT_S if timeout_s is None else timeout_s)
    reply = session.send(command, command_id, at=at)
    return session.outcome(reply, timeout_s) if wait and reply.status == SCHEDULED else reply
