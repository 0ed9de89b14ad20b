"""`playhead session …`: start, look at and control sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from playhead.cli import config, journal
from playhead.cli.options import AsJson, SessionName, Url, info_of, open_session
from playhead.cli.output import print_json, print_line, print_note, print_table, terminal
from playhead.cli.scheduling import At, print_scheduled, scheduled_json, scheduled_lines
from playhead.cli.summary import clock_of, dated_text, head_json, show_json, show_lines, trouble_text
from playhead.commands import (
    MAX_STEPS,
    SCHEDULED,
    Command,
    Pause,
    Resume,
    RunUntil,
    Speed,
    Step,
    Stop,
)
from playhead.config import SessionConfig
from playhead.errors import InvalidInput, Malformed, SessionExists, SessionNotFound
from playhead.names import check_session
from playhead.speed import parse_speed

if TYPE_CHECKING:
    from playhead.info import SessionInfo

app = typer.Typer(no_args_is_help=True, help="Start, look at and control sessions.")

READY_TIMEOUT_S: Final = 15.0
journal.register(app)


def register(to: typer.Typer) -> None:
    """Adds the commands to the application."""
    to.add_typer(app, name="session")


@app.command(
    epilog="Example: playhead session start --id demo --symbols RIVN --date 2025-07-02 --source sample: "
    "--speed 60 --run-until 12:06"
)
@config.configured
def start(
    given: SessionConfig,
    name: config.Id = config.DEFAULT_NAME,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until a coordinator runs it.")] = True,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="Leave a session of this name as it is, if there is one.")
    ] = False,
    follow: Annotated[
        bool | None,
        typer.Option(
            "--follow/--no-follow",
            show_default="--follow on a terminal for several days",
            help="Show how far it is, and the time left, until it is over.",
        ),
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Start a session. The services replay it as soon as they see it.

    On a terminal a session of several days is followed until it is over, or has paused as --run-until says; Ctrl-C
    leaves it running.
    """
    from playhead.session import Session

    console = None if as_json else terminal()
    if follow is None:
        follow = console is not None and wait and given.end > given.date
    if follow and not wait:
        raise InvalidInput("--follow follows a session that runs, and --no-wait does not wait for that; give one")

    done = "started" if wait else "created"
    try:
        session = Session.start(name, given, url=url, wait_s=READY_TIMEOUT_S if wait else 0)
    except SessionExists:
        if not if_missing:
            raise
        session, done = Session(name, url), "is there"
    with session:
        info = info_of(session)
        if not as_json:
            print_line(f"session {session.name} {done}: {_state(info)}")
        if follow:
            from playhead.cli.following import follow as followed

            info = followed(session, console, quiet=as_json, stops=given.run_until is not None)
        if as_json:
            print_json(head_json(info))


@app.command("list", epilog="Example: playhead session list")
def list_(url: Url = None, as_json: AsJson = False) -> None:
    """List the sessions of the server."""
    from playhead.sessions import sessions

    infos = []
    for name in sessions(url):
        try:
            with open_session(name, url) as session:
                infos.append(info_of(session))
        except SessionNotFound:
            continue  # deleted since it was listed
        except (InvalidInput, Malformed) as error:
            print_note(f"session {name} cannot be read: {error}")
    if as_json:
        print_json([head_json(info) for info in infos])
    elif not infos:
        print_line("no sessions")
    else:
        rows = [
            (info.name, info.status, str(info.date), clock_of(info) or "-", ", ".join(info.holds) or "-")
            for info in infos
        ]
        print_table(("SESSION", "STATUS", "DATE", "CLOCK", "HOLDS"), rows, left=5)
        for info in infos:
            for trouble in info.troubles:
                print_note(f"{info.name}: {trouble_text(trouble)}")


@app.command(epilog="Example: playhead session show --session demo --json")
def show(session: SessionName = None, url: Url = None, as_json: AsJson = False) -> None:
    """Show status, clock, holds, speed and symbols of a session."""
    with open_session(session, url) as opened:
        info = info_of(opened)
        if as_json:
            print_json(show_json(info) | {"scheduled": scheduled_json(info)})
        else:
            for line in (*show_lines(info), *scheduled_lines(info)):
                print_line(line)


@app.command(epilog="Example: playhead session pause")
def pause(at: At = None, session: SessionName = None, url: Url = None, as_json: AsJson = False) -> None:
    """Pause the clock (places the hold 'user')."""
    _give(session, url, as_json, Pause(), at)


@app.command(epilog="Example: playhead session resume")
def resume(at: At = None, session: SessionName = None, url: Url = None, as_json: AsJson = False) -> None:
    """Let the clock go on (removes the hold 'user' and no other)."""
    _give(session, url, as_json, Resume(), at)


@app.command(epilog="Example: playhead session step 5")
def step(
    ticks: Annotated[int, typer.Argument(min=1, max=MAX_STEPS, help="How many ticks.")] = 1,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Release the next ticks, then pause."""
    _give(session, url, as_json, Step(ticks))


@app.command(epilog="Example: playhead session speed 60 (an hour a minute); playhead session speed max")
def speed(
    speed: Annotated[str, typer.Argument(metavar="SPEED", help="Market seconds a wall second, or max.")],
    at: At = None,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Change the speed of a running session."""
    _give(session, url, as_json, Speed(parse_speed(speed)), at)


@app.command("run-until", epilog="Example: playhead session run-until 12:06")
def run_until(
    time: Annotated[str, typer.Argument(metavar="TIME", help="12:06 in the session's zone, or ISO with offset.")],
    at: At = None,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Run until the clock reads a time, then pause."""
    _give(session, url, as_json, RunUntil(time), at)


@app.command(epilog="Example: playhead session stop --session demo")
def stop(at: At = None, session: SessionName = None, url: Url = None, as_json: AsJson = False) -> None:
    """End a session where it is. Its data stays readable until it is deleted."""
    _give(session, url, as_json, Stop(), at)


@app.command("delete", epilog="Example: playhead session delete demo")
def delete_(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The session; else --session.")] = None,
    session: SessionName = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Delete a session and everything of it. Asks nothing."""
    from playhead.connection import connect
    from playhead.sessions import delete, listed

    with connect(url) as client:
        # Not through `Session`: one that cannot be read, or was deleted in part, must be deletable too.
        chosen = name if name is not None else session
        if chosen is None or not listed(client, check_session(chosen)):
            with open_session(chosen, url) as opened:
                chosen = opened.name
        delete(client, chosen)
    if as_json:
        print_json({"session": chosen, "deleted": True})
    else:
        print_line(f"session {chosen} deleted")


def _give(name: str | None, url: str | None, as_json: bool, command: Command, at: str | None = None) -> None:
    """Gives one command and prints what holds after it."""
    with open_session(name, url) as opened:
        reply = opened.send(command, at=at)
        info = info_of(opened)
        if reply.status == SCHEDULED:
            print_scheduled(reply, command.op, info, as_json)
            return
        if as_json:
            print_json({"session": opened.name, "command": reply.id, **reply.result})
            return
        clock = dated_text(reply.result.get("clock_ms"), info) or "not begun"
        holds = ", ".join(reply.result.get("holds", ())) or "none"
        print_line(f"session {opened.name} · {reply.result.get('status', '?')} · {clock} · holds: {holds}")


def _state(info: SessionInfo) -> str:
    symbols = ", ".join(sorted(info.symbols))
    shown = symbols if len(info.symbols) <= 10 else f"{len(info.symbols)} symbols"
    clock = clock_of(info) or "not begun"
    waiting = f", waiting for {', '.join(info.expected)}" if info.expected else ""
    return f"{shown or 'symbols to come'} on {info.date}, {info.status}, clock {clock}{waiting}"
