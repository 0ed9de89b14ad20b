"""The steps of an addition as they happen, on a terminal, while its reply is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from playhead.cli.summary import dated_text
from playhead.commander import COORDINATOR
from playhead.connection import connect
from playhead.errors import PlayheadError
from playhead.info import SessionInfo
from playhead.keys import Keys
from playhead.operations import OperationInfo
from playhead.session import Session

LOOK_S: Final = 0.1
"""Between two looks. An addition that takes less shows its receipt alone."""
_LONG: Final = 3


@dataclass(frozen=True, slots=True)
class _Step:
    """What is to be done, or was done; `state` is `done`, `now` or `next`."""

    state: str
    what: str


@contextmanager
def shown_steps(session: Session, console: Console, command: str) -> Iterator[None]:
    """Shows what stands in Redis of the addition with this command's id, until the block is left; then it goes."""
    over = threading.Event()
    look = threading.Thread(target=_look, args=(session.name, session.url, console, command, over), daemon=True)
    look.start()
    try:
        yield
    finally:
        over.set()
        look.join()


def _look(name: str, url: str, console: Console, command: str, over: threading.Event) -> None:
    """Whatever it cannot read, whoever waits for the reply is told."""
    with (
        suppress(PlayheadError),
        Session(name, url) as session,
        connect(url) as client,
        Live(console=console, transient=True) as live,
    ):
        spinner = Spinner("dots")
        while not over.wait(LOOK_S):
            info, operation = session.info(), session.operation()
            served = operation is not None or bool(client.exists(Keys(name).lease(COORDINATOR)))
            if info is not None:
                live.update(_drawn(_steps(info, operation, command, served), spinner))


def _steps(info: SessionInfo, operation: OperationInfo | None, command: str, served: bool) -> list[_Step]:
    """The steps of an addition, as far as they are known from a look at its session."""
    if operation is None:
        waited_for = "the coordinator" if served else "a coordinator: none serves this session"
        return [_Step("now", f"waiting for {waited_for}")]
    if operation.command != command:
        return [_Step("now", f"waiting for the addition of {_named(operation)}, which comes first")]
    all_loaded = operation.loaded == len(operation.symbols)
    counted = f"{operation.loaded} of {len(operation.symbols)}"
    what = f"loading {_named(operation)}: {counted}"
    if not operation.begun:
        what = f"waiting for a worker to load {_named(operation)}"
    if operation.failed:
        what += f" ({operation.failed} attempts failed)"
    held = f"{operation.held_ms / 1000:.1f} s"
    return [
        _Step("done", f"paused at {dated_text(info.clock_ms, info)}, for {held}"),
        _Step("done", "session data deactivated"),
        _Step("done", f"loaded {_named(operation)}") if all_loaded else _Step("now", what),
        _Step("now" if all_loaded else "next", "commit all at once"),
        _Step("next", "reactivate and resume"),
    ]


def _named(operation: OperationInfo) -> str:
    names = ", ".join(operation.symbols[:_LONG])
    more = len(operation.symbols) - _LONG
    return f"{names} and {more} more" if more > 0 else names


def _drawn(found: list[_Step], spinner: Spinner) -> RenderableType:
    lines: list[RenderableType] = []
    for step in found:
        if step.state == "now":
            spinner.update(text=Text(step.what, no_wrap=True, overflow="ellipsis"))
            lines.append(spinner)
        else:
            mark, style = ("✓", "green") if step.state == "done" else (" ", "dim")
            lines.append(Text.assemble((f"{mark} ", style), (step.what, "" if step.state == "done" else "dim")))
    return Group(*lines)
