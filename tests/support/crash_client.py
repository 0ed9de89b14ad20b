"""What a consumer or another client of the library does in a process of its own, to be killed and begun again.

One that is begun again with the same arguments goes on where it was.
"""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import Any, Final

from playhead import Session, crash_points
from playhead.commands import Step
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import connect
from playhead.crash_points import AFTER
from playhead.errors import RedisUnavailable, SessionExists
from playhead.keys import Keys
from playhead.sessions import delete
from playhead.subscription import FIRST_BATCH
from playhead.times import parse_moment
from tests.support import transcript
from tests.support.waiting import wait_until

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
    return f"out:{name}:{consumer}"


def follow(name: str, url: str, consumer: str, file: str) -> None:
    """Writes down what it is handed, as `transcript` does, and takes its time."""
    with Session(name, url) as session, session.subscribe(consumer) as items:
        for item in items:
            _append(file, transcript.written(session, item))
            time.sleep(SLOWLY_S)


def follow_behind(name: str, url: str, consumer: str, file: str) -> None:
    """The same, when more has come than is read at first."""
    with Session(name, url) as session, session.subscribe(consumer) as items, connect(url) as client:

        def is_behind() -> bool:
            found: Any = client.xrange(Keys(name).notifications, f"({items.position}", count=FIRST_BATCH + 1)
            return len(found) > FIRST_BATCH

        wait_until(is_behind, TIMEOUT_S, "more than is read at first")
        for item in items:
            _append(file, transcript.written(session, item))


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
        _wait_for_pause(session, "12:00", "12:30")
        session.send(Step(2), COMMAND, TIMEOUT_S)
        _wait_for_pause(session, "12:30")


def take_away(name: str, url: str) -> None:
    """Deletes a session, or what is left of one."""
    with connect(url) as client:
        delete(client, name)


def write_without_a_point(url: str) -> None:
    """Writes past all points, which ends a process that is looked after."""
    with connect(url) as client:
        client.hset("written", "field", "value")


def _wait_for_pause(session: Session, *times: str) -> None:
    """Waits until the clock stands at one of some times in New York."""
    at_ms = {parse_moment(time, "America/New_York", CONFIG.date) for time in times}
    while (info := session.info()) is None or info.clock_ms not in at_ms or info.holds != ("user",):
        time.sleep(SLOWLY_S)


def _append(file: str, item: transcript.Item) -> None:
    with Path(file).open("a") as out:
        out.write(json.dumps(item) + "\n")
