"""A consumer of all sessions that it is told of, in a process of its own. It writes down what it is handed and sees.

    python -m tests.faults.chaos.consumer NAME URL DIRECTORY [exact]

Each line on stdin is a session to follow, each in a thread. What it writes of one stands in the file
`DIRECTORY/<session>.<name>`, an item a line, and after the last one a line with the `end`. With `exact` items are
written to a list in Redis, in one transaction with the position; the file has the end alone.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from playhead import Session, SymbolAdded, SymbolRemoved
from playhead.digest import digest_of
from playhead.keys import Keys
from playhead.messages import DayOpened, Message
from playhead.patience import Patience
from tests.support.transcript import Item, written

END = "end"


def seen(session: Session, item: Message) -> Item:
    """An item, what it says, and all bars that are seen there: how many, and their digest."""
    found = written(session, item)
    match item:
        case SymbolAdded() | SymbolRemoved():
            found |= {"symbols": list(item.symbols), "command": item.command}
        case DayOpened():
            found |= {"calendar": item.calendar, "date": item.date}
    views = {f"{symbol} {of}": session.bars(symbol, of) for symbol in found["have"] for of in session.config.intervals}
    past = {symbol: session.history(symbol) for symbol in found["have"]} if session.config.history else {}
    found["see"] = {name: [len(bars), digest_of(bars)] for name, bars in views.items() if bars is not None}
    found["past"] = {name: [len(bars), digest_of(bars)] for name, bars in past.items() if bars is not None}
    return found


def output(session: str, consumer: str) -> str:
    """The list of an exact consumer; it goes with the session."""
    return f"{Keys(session).state}:out:{consumer}"


def transcript(directory: Path, session: str, consumer: str) -> Path:
    """Its file."""
    return directory / f"{session}.{consumer}"


class Follower:
    """One session and its file."""

    def __init__(self, name: str, url: str, directory: Path, exact: bool, session: str) -> None:
        self._name = name
        self._url = url
        self._file = transcript(directory, session, name)
        self._exact = exact
        self._session = session

    def run(self) -> None:
        """Follows to the end. What goes wrong is the end, too."""
        _mend(self._file)
        try:
            with Patience(None).get(lambda: Session(self._session, self._url)) as session:
                self._follow(session)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run is to know of it
            self._append({END: f"{type(error).__name__}: {error}"})
        else:
            self._append({END: ""})

    def _follow(self, session: Session) -> None:
        with session.subscribe(self._name) as items:
            for item in items:
                found = seen(session, item)
                if self._exact:
                    with items.transaction() as pipe:
                        pipe.rpush(output(self._session, self._name), json.dumps(found))
                else:
                    self._append(found)

    def _append(self, item: dict[str, Any]) -> None:
        with self._file.open("a") as out:
            out.write(json.dumps(item) + "\n")


def _mend(file: Path) -> None:
    """Takes away what a killed process has left half written."""
    if file.exists():
        text = file.read_bytes()
        file.write_bytes(text[: text.rfind(b"\n") + 1])


def main(name: str, url: str, directory: str, *options: str) -> None:
    """Follows what it is told to follow, until stdin ends."""
    for line in sys.stdin:
        follower = Follower(name, url, Path(directory), "exact" in options, line.strip())
        threading.Thread(target=follower.run, daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
