"""A consumer that writes down all it is handed and all it can see, in a Redis list, exactly once.

    python -m tests.e2e.support.recorder SESSION CONSUMER

It finds Redis by `PLAYHEAD_REDIS_URL`, and ends with the session.
"""

from __future__ import annotations

import json
import signal
import sys

from playhead import Session
from playhead.keys import Keys
from tests.support.transcript import Item, written


def transcript_key(session: str, consumer: str) -> str:
    """The list; deleted with the session."""
    return f"{Keys(session).state}:transcript:{consumer}"


def main(name: str, consumer: str) -> None:
    """Follows to the end."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    key = transcript_key(name, consumer)
    with Session(name) as session, session.subscribe(consumer) as items:
        for item in items:
            line = json.dumps(written(session, item))
            with session.transaction() as output:
                output.rpush(key, line)


def read(lines: list[bytes]) -> list[Item]:
    """The items of such a list."""
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main(*sys.argv[1:])
