"""Runs a producer: `python -m producer` or `playhead producer`."""

from __future__ import annotations

import sys

from producer.publisher import Publisher
from shared.logs import configure
from shared.service import Service
from shared.settings import Settings


def main() -> int:
    """Serves all sessions as their producer until it is told to stop. Returns the exit code."""
    configure("producer")
    return Service("producer", Settings.from_environment(), Publisher).run()


if __name__ == "__main__":
    sys.exit(main())
