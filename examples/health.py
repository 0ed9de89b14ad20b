"""Says whether a registered consumer lives: `python -m examples.health --session demo --name vwap` ends with 0 or 1."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from playhead.connection import connect
from playhead.errors import PlayheadError
from playhead.keys import Keys

FRESH_MS: Final = 5_000


def problem(session: str, name: str, url: str | None) -> str | None:
    """What is wrong, or `None`. Raises `RedisUnavailable`."""
    keys = Keys(session)
    with connect(url) as client:
        beat = client.hget(keys.consumers, name)
        if not client.hget(keys.consumer(name), "holder") or beat is None:
            return f"nobody follows session {session} as {name}"
        seconds, microseconds = client.time()
    age_ms = int(seconds) * 1000 + int(microseconds) // 1000 - int(beat)
    return None if age_ms <= FRESH_MS else f"{name} has shown no life for {age_ms} ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--session", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--url")
    given = parser.parse_args()
    try:
        found = problem(given.session, given.name, given.url)
    except PlayheadError as error:
        found = str(error)
    if found:
        print(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
