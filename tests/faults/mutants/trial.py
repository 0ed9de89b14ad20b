"""One check, run on one copy of the program."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.faults.mutants.mutant import Check

LIMIT_S: Final = 900.0
"""A check that takes longer has caught nothing: it hangs."""
FAILED: Final = 1
"""The exit code of a check that has found something, of pytest too. It has others for what it could not even begin."""
BROKEN: Final = (
    "SyntaxError:",
    "IndentationError:",
    "ImportError:",
    "ModuleNotFoundError:",
    "NameError:",
    "AttributeError:",
    "Error compiling script",
    "Script attempted to access nonexistent global variable",
)
"""A program that cannot run is no wrong version of this one: whatever notices that shows nothing."""
PYTEST: Final = "-x -q -p no:cacheprovider --color=no --hypothesis-seed=0 --hypothesis-profile=unshrunk"
"""The same examples each time, and the first failure is enough."""


@dataclass(frozen=True)
class Result:
    """What a check has said, and how long it took."""

    code: int | None
    output: str
    seconds: float

    @property
    def passed(self) -> bool:
        return self.code == 0

    def missed(self, check: Check) -> str | None:
        """Why a mutant is not caught by this, `None` where it is."""
        if self.code is None:
            return f"hangs: it took more than {LIMIT_S:g} s"
        if self.passed:
            return "survives"
        if self.code != FAILED:
            return f"could not be tried: the check ended with {self.code}"
        if broken := [text for text in BROKEN if text in self.output]:
            return f"cannot even run ({broken[0].rstrip(':')})"
        return None if check.said_in(self.output) else f"fails for another reason than {check.finds}"


def run(command: str, place: Path) -> Result:
    """Runs a command as a person would type it there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment |= {"PATH": path, "PYTEST_ADDOPTS": PYTEST, "CI": "true"}
    begun_s = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"exec env {command}"],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        try:
            output, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # what it has started dies with it
            output, _ = process.communicate()
            return Result(None, output, time.monotonic() - begun_s)
    return Result(process.returncode, output, time.monotonic() - begun_s)
