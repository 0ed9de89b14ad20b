"""Runs a producer: `python -m producer` or `playhead producer`."""

from __future__ import annotations

import sys
from functools import partial

from producer.publisher import Publisher
from shared.logs import configure
from shared.service import Service
from shared.settings import Settings


def main() -> int:
    """Serves all sessions as their producer until it is told to stop. Returns the exit code."""
    configure("producer")
    return Service("producer", Settings.from_environment(), partial(Publisher, published={})).run()


if __name__ == "__main__":
    sys.exit(main())
