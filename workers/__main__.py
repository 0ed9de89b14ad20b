"""Runs a worker: `python -m workers` or `playhead worker`."""

from __future__ import annotations

import sys

from shared.logs import configure
from shared.settings import Settings
from workers.supervisor import Supervisor


def main() -> int:
    """Runs jobs until it is told to stop. Returns the exit code."""
    configure("worker")
    return Supervisor(Settings.from_environment()).run()


if __name__ == "__main__":
    sys.exit(main())
