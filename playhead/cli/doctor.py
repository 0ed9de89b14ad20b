"""`playhead doctor`: what is wrong, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from playhead.cli.options import SESSION_VARIABLE, AsJson, QueueUrl, Url
from playhead.cli.output import print_json, print_line, printable, styled
from playhead.names import check_session

if TYPE_CHECKING:
    from playhead.checkup import Finding, Level

_COLOURS: Final[dict[Level, str]] = {"ok": "green", "warn": "yellow", "fail": "red"}
_MARK_WIDTH: Final = 4
_WHAT_WIDTH: Final = 12


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command(epilog="Example: playhead doctor --session demo")(doctor)


def doctor(
    session: Annotated[
        str | None,
        typer.Option("--session", "-s", envvar=SESSION_VARIABLE, help="Look at this session alone, else at all."),
    ] = None,
    queue_url: QueueUrl = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with Redis, the workers and the sessions, and what to do. Ends with 1 where something is."""
    from playhead.checkup import examine
    from playhead.connection import redis_url

    place = redis_url(url)
    found: list[Finding] = []

    for finding in examine(place, queue_url or place, None if session is None else check_session(session)):
        found.append(finding)
        if not as_json:
            print_line(_line(finding))
    failed = any(finding.level == "fail" for finding in found)
    if as_json:
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in found]})
    if failed:
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    mark = styled(finding.level.ljust(_MARK_WIDTH), fg=_COLOURS[finding.level], bold=finding.level != "ok")
    todo = f" → {finding.todo}" if finding.todo else ""
    return f"{mark}  {finding.what:<{_WHAT_WIDTH}}  {printable(finding.found + todo)}".replace("\n", " ")
