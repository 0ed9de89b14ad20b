"""Signs of progress: when each part of a process has last got on with its work, here and as the time of a file.

    python -m shared.health      ends with 0 while every part of the process in this container does

The health checks of the containers run it, so it imports the standard library alone. `/healthz` answers the same.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

DIRECTORY_VARIABLE: Final = "PLAYHEAD_HEALTH_DIR"
BEAT_S: Final = 1.0
"""A part that makes progress all the time writes no more often than this."""
FRESH_S: Final = 10.0
"""How old a sign may be. Longer than the longest wait for a reply from Redis."""

_signs: Final[dict[str, float]] = {}
"""The parts of this process, and when (in monotonic time) each has last got on."""


class Progress:
    """What a process reports of its parts, with a directory in files too. Each part is reported by one thread."""

    def __init__(self, directory: str | None) -> None:
        self._directory = Path(directory) if directory else None
        self._touched_s: dict[str, float] = {}

    def begun(self, part: str) -> None:
        """The part is to make progress from now on. One that began before has no more time for that."""
        _signs.setdefault(part, time.monotonic())
        if self._directory is not None and not (self._directory / part).exists():
            self._touch(self._directory, part)

    def made(self, part: str) -> None:
        """The part has got on with its work."""
        _signs[part] = time.monotonic()
        if self._directory is not None and time.monotonic() - self._touched_s.get(part, 0.0) >= BEAT_S:
            self._touch(self._directory, part)

    def ended(self, part: str) -> None:
        """The part has no more work here."""
        _signs.pop(part, None)
        if self._directory is not None:
            self._touched_s.pop(part, None)
            (self._directory / part).unlink(missing_ok=True)

    def _touch(self, directory: Path, part: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / part).touch()
        self._touched_s[part] = time.monotonic()


def stale_here(now_s: float) -> list[str]:
    """What is wrong in this process, one line a part; empty if every part makes progress."""
    return _stale({part: now_s - made_s for part, made_s in _signs.copy().items()})


def stale(directory: Path, now_s: float) -> list[str]:
    """The same of the process that keeps its signs there."""
    ages_s: dict[str, float] = {}
    for part in directory.iterdir() if directory.is_dir() else ():
        with suppress(FileNotFoundError):  # it has just ended
            ages_s[part.name] = now_s - part.stat().st_mtime
    return _stale(ages_s)


def _stale(ages_s: Mapping[str, float]) -> list[str]:
    found = [
        f"{part} has made no progress for {age_s:.0f} s" for part, age_s in sorted(ages_s.items()) if age_s > FRESH_S
    ]
    return found or ([] if ages_s else ["nothing has been begun"])


def main() -> int:
    """Prints what stands still. Returns the exit code."""
    directory = os.environ.get(DIRECTORY_VARIABLE)
    problems = stale(Path(directory), time.time()) if directory else [f"{DIRECTORY_VARIABLE} is not set"]
    for problem in problems:
        print(problem)  # noqa: T201 - Docker keeps it with the result of the check
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
