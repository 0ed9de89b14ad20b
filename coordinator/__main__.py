"""Runs a coordinator: `python -m coordinator` or `playhead coordinator`."""

from __future__ import annotations

import sys
from functools import partial

from coordinator.replay import Replay
from shared.logs import configure
from shared.service import Service
from shared.settings import Settings


def main() -> int:
    """Serves all sessions as their coordinator until it is told to stop. Returns the exit code."""
    configure("coordinator")
    return Service("coordinator", Settings.from_environment(), partial(Replay, memories={})).run()


if __name__ == "__main__":
    sys.exit(main())
