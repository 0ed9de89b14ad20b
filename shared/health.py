"""Signs of progress: a file for each part of a process, touched while that part gets on with its work.

    python -m shared.health      ends with 0 while every part of the process in this container does

The health checks of the containers run it, so it imports the standard library alone.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

DIRECTORY_VARIABLE: Final = "PLAYHEAD_HEALTH_DIR"
BEAT_S: Final = 1.0
"""A part that makes progress all the time writes no more often than this."""
FRESH_S: Final = 10.0
"""How old a sign may be. Longer than the longest wait for a reply from Redis."""


class Progress:
    """What a process reports of its parts; nothing at all without a directory. Each part is reported by one thread."""

    def __init__(self, directory: str | None) -> None:
        self._directory = Path(directory) if directory else None
        self._touched_s: dict[str, float] = {}

    def begun(self, part: str) -> None:
        """The part is to make progress from now on. One that began before has no more time for that."""
        if self._directory is not None and not (self._directory / part).exists():
            self._touch(self._directory, part)

    def made(self, part: str) -> None:
        """The part has got on with its work."""
        if self._directory is not None and time.monotonic() - self._touched_s.get(part, 0.0) >= BEAT_S:
            self._touch(self._directory, part)

    def ended(self, part: str) -> None:
        """The part has no more work here."""
        if self._directory is not None:
            self._touched_s.pop(part, None)
            (self._directory / part).unlink(missing_ok=True)

    def _touch(self, directory: Path, part: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / part).touch()
        self._touched_s[part] = time.monotonic()


def stale(directory: Path, now_s: float) -> list[str]:
    """What is wrong, one line a part; empty if every part makes progress."""
    found: list[str] = []
    parts = sorted(directory.iterdir()) if directory.is_dir() else []
    for part in parts:
        try:
            age_s = now_s - part.stat().st_mtime
        except FileNotFoundError:
            continue  # it has just ended
        if age_s > FRESH_S:
            found.append(f"{part.name} has made no progress for {age_s:.0f} s")
    return found or ([] if parts else ["nothing has been begun"])


def main() -> int:
    """Prints what stands still. Returns the exit code."""
    directory = os.environ.get(DIRECTORY_VARIABLE)
    problems = stale(Path(directory), time.time()) if directory else [f"{DIRECTORY_VARIABLE} is not set"]
    for problem in problems:
        print(problem)  # noqa: T201 - Docker keeps it with the result of the check
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
