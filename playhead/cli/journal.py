"""`playhead session journal` and `session rerun`: what was done in a session, and doing it again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from playhead.cli.options import AsJson, SessionName, Url, info_of, open_session
from playhead.cli.output import print_json, print_line, print_note
from playhead.cli.summary import dated_text
from playhead.errors import InvalidInput
from playhead.names import check_session

if TYPE_CHECKING:
    from playhead.journal import Journal
    from playhead.session import Session

START_TIMEOUT_S: Final = 15.0
LOOK_S: Final = 0.1
PROGRESS_S: Final = 2.0
"""How often a repetition says how far it is."""
_ENDED: Final = ("finished", "stopped", "failed")


def register(app: typer.Typer) -> None:
    """Adds the commands to `session`."""
    app.command(epilog="Example: playhead session journal demo > demo.jsonl")(journal)
    app.command(epilog="Example: playhead session rerun demo.jsonl --id again")(rerun)


def journal(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The session; else --session.")] = None,
    session: SessionName = None,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, as in any case.")] = False,
) -> None:
    """Print what was done in a session at which market time, as JSON lines: it can be repeated from them."""
    from playhead.journal import lines

    with open_session(name if name is not None else session, url) as opened:
        found = opened.journal()
    for line in lines(found):
        print_line(line)
    if not found.complete:
        print_note(f"session {found.session}: nobody serves it, so the digests of its data are not all there")


def rerun(
    file: Annotated[Path, typer.Argument(metavar="JOURNAL", help="What `session journal` has printed.")],
    name: Annotated[
        str | None, typer.Option("--id", metavar="NAME", show_default="as before, with -rerun", help="Its name.")
    ] = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Repeat a session from its journal at full speed, and compare: ends with 0 for an equal run, 1 for another."""
    from playhead.repetition import differences, repeated
    from playhead.session import Session

    first = _read(file)
    chosen = check_session(f"{first.session}-rerun"[:64] if name is None else name)
    with Session.start(chosen, repeated(first), url=url, wait_s=START_TIMEOUT_S) as session:
        _wait(session)
        again = session.journal()
    found = differences(first, again)
    if as_json:
        hashes = {"run_hash": again.run_hash, "recorded": first.run_hash}
        print_json({"session": chosen, "equal": not found, **hashes, "differences": found})
    elif not found:
        print_line(f"session {chosen} is equal to {first.session}: run hash {again.run_hash}")
    else:
        print_line(f"session {chosen} is another run than {first.session}:")
        for each in found:
            print_line(f"- {each}")
        if first.version != again.version:
            print_line(f"- the journal is of Playhead {first.version}, and this is {again.version}")
    if found:
        raise typer.Exit(1)


def _read(file: Path) -> Journal:
    from playhead.journal import parse

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"journal {file}: {reason}") from error
    found = parse(text.split("\n"), str(file))
    if found.status not in _ENDED:
        raise InvalidInput(
            f"journal {file} is of a session that had not ended ({found.status}): there is no run to compare with; "
            "let it end, or stop it, and print its journal then"
        )
    return found


def _wait(session: Session) -> None:
    """Waits for the end, saying now and then how far it is."""
    said_s, said = time.monotonic(), ""
    while (info := info_of(session)).status not in _ENDED:
        text = dated_text(info.clock_ms, info) or "not begun"
        if time.monotonic() - said_s >= PROGRESS_S and text != said:
            said_s, said = time.monotonic(), text
            held = f", held by {', '.join(info.holds)}" if info.holds else ""
            print_note(f"session {session.name}: {text}{held}")
        time.sleep(LOOK_S)
