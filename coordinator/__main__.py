"""Runs a coordinator: `python -m coordinator` or `playhead coordinator`."""

from __future__ import annotations

import sys
from functools import partial
from typing import Final

from coordinator.meters import read_queue, read_sessions
from coordinator.replay import Replay
from shared.readings import Readings
from shared.role import run
from shared.service import Service
from shared.settings import Settings

ROLE: Final = "coordinator"


def main() -> int:
    """Serves all sessions as their coordinator until it is told to stop. Returns the exit code."""
    return run(ROLE, _serve)


def _serve(settings: Settings) -> int:
    Readings(settings.redis_url, read_sessions).show()
    Readings(settings.queue_url, read_queue).show()
    return Service(ROLE, settings, partial(Replay, memories={})).run()


if __name__ == "__main__":
    sys.exit(main())
