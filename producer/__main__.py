"""Runs a producer: `python -m producer` or `playhead producer`."""

from __future__ import annotations

import sys
from functools import partial
from typing import Final

from producer.metrics import read_feeds
from producer.publisher import Publisher
from shared.readings import Readings
from shared.role import run
from shared.service import Service
from shared.settings import Settings

ROLE: Final = "producer"


def main() -> int:
    """Serves all sessions as their producer until it is told to stop. Returns the exit code."""
    return run(ROLE, _serve)


def _serve(settings: Settings) -> int:
    Readings(settings.redis_url, read_feeds).show()
    return Service(ROLE, settings, partial(Publisher, published={})).run()


if __name__ == "__main__":
    sys.exit(main())
