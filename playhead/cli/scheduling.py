"""Commands for a market time: the option, and what is printed of those that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playhead.cli.output import print_json, print_line
from playhead.cli.summary import dated_text

if TYPE_CHECKING:
    from playhead.commands import Reply
    from playhead.info import ScheduledInfo, SessionInfo

At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="12:06",
        help="When the clock reads this: a time of day, '2025-07-02 12:06', or ISO with offset.",
    ),
]


def print_scheduled(reply: Reply, what: str, info: SessionInfo, as_json: bool) -> None:
    """Says for when a command was taken, and its id, under which it will be answered again."""
    at_ms = reply.result["at_ms"]
    if as_json:
        print_json({"session": info.name, "command": reply.id, "status": reply.status, "at_ms": at_ms})
    else:
        print_line(f"session {info.name}: {what} is scheduled for {dated_text(at_ms, info)} (command {reply.id})")


def scheduled_json(info: SessionInfo) -> list[dict[str, Any]]:
    """What waits, in `session show --json`: the fields of each command, beside its time and id."""
    return [{"at_ms": each.at_ms, "command": each.command, **each.fields} for each in info.scheduled]


def scheduled_lines(info: SessionInfo) -> Iterator[str]:
    """What waits, in `session show`."""
    for each in info.scheduled:
        yield f"Scheduled: {dated_text(each.at_ms, info)} {_line(each)} (command {each.command})"


def _line(scheduled: ScheduledInfo) -> str:
    from playhead.errors import InvalidInput
    from playhead.script import command_line

    fields: Mapping[str, str] = scheduled.fields
    try:
        return command_line(fields)
    except InvalidInput:  # of a newer coordinator
        return " ".join(fields.values())
