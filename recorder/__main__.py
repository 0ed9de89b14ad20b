"""Runs a recorder: `python -m recorder` or `playhead recorder`."""

from __future__ import annotations

import sys

from recorder.recorder import ROLE, Recorder
from recorder.wanted import Wanted
from shared.role import run
from shared.service import Service


def main() -> int:
    """Records all sessions that have a directory for it until it is told to stop. Returns the exit code."""
    return run(ROLE, lambda settings: Service(ROLE, settings, Recorder, Wanted()).run())


if __name__ == "__main__":
    sys.exit(main())
