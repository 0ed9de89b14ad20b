"""What the analyses have in common: how they find their session, and an orderly end."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playhead import RedisUnavailable, Session, SessionNotFound, Subscription

LOOK_S: Final = 0.5


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser of what each analysis can be told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--session")
    parser.add_argument("--name", help="resume under this name; without it, begin where the session is now")
    parser.add_argument("--url")
    parser.add_argument("--wait", action="store_true", help="wait for a session that is not there yet")
    return parser


@contextmanager
def following(given: argparse.Namespace) -> Iterator[tuple[Session, Subscription]]:
    """The session and its notifications. SIGTERM ends the process with 0, and what was done is saved before that."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    with opened(given) as session, session.subscribe(given.name) as items:
        yield session, items


def opened(given: argparse.Namespace) -> Session:
    """The session, as soon as there is one if that is to be waited for."""
    while True:
        try:
            return Session(given.session, given.url)
        except (RedisUnavailable, SessionNotFound):
            if not given.wait:
                raise
            time.sleep(LOOK_S)
