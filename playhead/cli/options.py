"""The options that many commands share, and the session that they mean."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Annotated, Final

import typer

from playhead.errors import PlayheadError, SessionNotFound
from playhead.names import check_session

if TYPE_CHECKING:
    from playhead.commands import Command, Reply
    from playhead.info import SessionInfo
    from playhead.session import Session

# Spelled here too: importing them from the library would import Redis and numpy before a word is parsed.
URL_VARIABLE: Final = "PLAYHEAD_REDIS_URL"
QUEUE_URL_VARIABLE: Final = "PLAYHEAD_QUEUE_URL"
SESSION_VARIABLE: Final = "PLAYHEAD_SESSION"

Url = Annotated[
    str | None,
    typer.Option("--url", envvar=URL_VARIABLE, help="The Redis server, else redis://127.0.0.1:6379/0."),
]
QueueUrl = Annotated[
    str | None,
    typer.Option("--queue-url", envvar=QUEUE_URL_VARIABLE, help="The server of the job queue, else the same."),
]
SessionName = Annotated[
    str | None,
    typer.Option("--session", "-s", envvar=SESSION_VARIABLE, help="The session, else the only one there is."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def open_session(name: str | None, url: str | None) -> Session:
    """The session that is meant. Raises `SessionNotFound` with what to do, or `InvalidInput` for several."""
    from playhead.session import Session

    # An empty name is a mistake (of a script, say) and does not mean the only session there is.
    return Session(None if name is None else check_session(name), url=url)


def info_of(session: Session) -> SessionInfo:
    """The summary of a session. Raises `SessionNotFound` where it has been deleted meanwhile."""
    info = session.info()
    if info is None:
        raise SessionNotFound(f"session {session.name} was deleted")
    return info


def post(session: Session, command: Command, command_id: str | None) -> Reply:
    """Gives a command without waiting for its reply."""
    from playhead.commander import Commander
    from playhead.connection import connect
    from playhead.keys import Keys

    with connect(session.url) as client:
        return Commander(client, Keys(session.name)).post(command, command_id)


def need_page() -> None:
    """Raises `PlayheadError` where the web page or what it is made with is absent."""
    need("shared", "dashboard")
    if importlib.util.find_spec("nicegui") is None:
        raise PlayheadError("the web page needs NiceGUI, which is not installed here; install the extra `server`")


def need(*packages: str) -> None:
    """Raises `PlayheadError` where a package of the services is absent, as in an installed wheel."""
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    if absent:
        raise PlayheadError(
            f"this command needs the services ({', '.join(absent)}), which are not in the wheel; "
            "run it from a checkout of Playhead or one of its images"
        )
