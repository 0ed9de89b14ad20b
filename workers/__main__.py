"""Runs a worker: `python -m workers` or `playhead worker`."""

from __future__ import annotations

import sys

from shared.role import run
from workers.supervisor import ROLE, Supervisor


def main() -> int:
    """Runs jobs until it is told to stop. Returns the exit code."""
    return run(ROLE, lambda settings: Supervisor(settings).run())


if __name__ == "__main__":
    sys.exit(main())
