"""What a consumer or another client of the library does in a process of its own, to be killed and begun again.

One that is begun again with the same arguments goes on where it was.
"""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import Final

from playhead import Session, crash_points
from playhead.commands import Step
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import connect
from playhead.crash_points import AFTER
from playhead.errors import RedisUnavailable, SessionExists
from playhead.keys import Keys
from playhead.sessions import delete
from tests.support import transcript

CONFIG: Final = SessionConfig(
    (SymbolConfig("RIVN"),), date(2025, 7, 2), date(2025, 7, 2), interval="15m", run_until="12:00"
)
"""What `command` starts."""
SLOWLY_S: Final = 0.03
"""A consumer that takes so long for each item lives for longer than a heartbeat."""
COMMAND: Final = "the-command"
TIMEOUT_S: Final = 120.0


def output_key(name: str, consumer: str) -> str:
    """Where `transact` has its output: a list, one transcript item each."""
    return f"{Keys(name).state}:out:{consumer}"


def follow(name: str, url: str, consumer: str, file: str) -> None:
    """Writes down what it is handed, as `transcript` does, and takes its time."""
    with Session(name, url) as session, session.subscribe(consumer) as items:
        for item in items:
            _append(file, transcript.written(session, item))
            time.sleep(SLOWLY_S)


def acknowledge(name: str, url: str, consumer: str, file: str) -> None:
    """The same, and says of each item at once that it is done."""
    with Session(name, url) as session, session.subscribe(consumer) as items:
        for item in items:
            _append(file, transcript.written(session, item))
            items.acknowledge()


def transact(name: str, url: str, consumer: str, file: str) -> None:
    """Has its output in Redis, together with its position."""
    with Session(name, url) as session, session.subscribe(consumer) as items:
        for item in items:
            with items.transaction() as output:
                output.rpush(output_key(name, consumer), json.dumps(transcript.written(session, item)))


def transact_unanswered(name: str, url: str, consumer: str, file: str) -> None:
    """The same, and the reply to its first transaction is lost: it has to find out whether that was applied."""
    reached = crash_points.reached
    lost = False

    def losing(write: str, side: str) -> None:
        nonlocal lost
        reached(write, side)
        if (write, side, lost) == ("commit-output", AFTER, False):
            lost = True
            raise RedisUnavailable("the reply was lost")

    crash_points.reached = losing
    transact(name, url, consumer, file)


def command(name: str, url: str) -> None:
    """Starts a session, waits for its first pause, and gives a command: all once, however often it is begun."""
    try:
        session = Session.start(name, CONFIG, url, TIMEOUT_S)
    except SessionExists:
        session = Session(name, url)
    with session:
        while (info := session.info()) is None or info.status != "paused":
            time.sleep(SLOWLY_S)
        session.send(Step(2), COMMAND, TIMEOUT_S)


def take_away(name: str, url: str) -> None:
    """Deletes a session, or what is left of one."""
    with connect(url) as client:
        delete(client, name)


def _append(file: str, item: transcript.Item) -> None:
    with Path(file).open("a") as out:
        out.write(json.dumps(item) + "\n")
