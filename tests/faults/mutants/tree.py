"""A copy of the program and its tests in a temporary folder, right or made wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.faults.mutants.mutant import Mutant

REPOSITORY: Final = Path(__file__).resolve().parents[3]
PROGRAM: Final = ("playhead", "shared", "producer", "coordinator", "workers", "recorder")
"""What a mutant may change."""
COPIED: Final = (*PROGRAM, "tests", "examples", "pyproject.toml")
PASSED_OVER: Final = ("__pycache__", ".hypothesis", "e2e", "*.patch")


class DoesNotApply(Exception):
    """The code that a mutant changes is not what it was."""


@contextmanager
def tree(mutant: Mutant | None = None) -> Iterator[Path]:
    """A copy of the program, changed as a mutant says. Raises `DoesNotApply`."""
    with tempfile.TemporaryDirectory(prefix="playhead-mutant-") as folder:
        place = Path(folder)
        for name in COPIED:
            if (REPOSITORY / name).is_dir():
                shutil.copytree(REPOSITORY / name, place / name, ignore=shutil.ignore_patterns(*PASSED_OVER))
            else:
                shutil.copy2(REPOSITORY / name, place / name)
        if mutant is not None:
            apply(mutant, place)
        yield place


def apply(mutant: Mutant, place: Path, *, only_check: bool = False) -> None:
    """Changes a copy as a mutant says, if all lines around the change are what they were. Raises `DoesNotApply`."""
    done = _git(place, "apply", *(["--check"] if only_check else []), str(mutant.path))
    if done.returncode:
        raise DoesNotApply(
            f"mutant {mutant.name} does not apply any more: {done.stderr.strip()}\n"
            f"Make the same mistake in the code as it is now, put `git diff -U2` of it in place of the diff in "
            f"{mutant.path}, and take the mistake back."
        )


def changed(mutant: Mutant) -> list[str]:
    """The files that a mutant changes."""
    lines = _git(REPOSITORY, "apply", "--numstat", str(mutant.path)).stdout.splitlines()
    return [line.split("\t")[2] for line in lines]


def _git(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # Below another repository git would pass over what lies outside of it, without a word.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = outside | {"GIT_CEILING_DIRECTORIES": str(place.parent)}
    return subprocess.run(["git", *words], cwd=place, env=environment, capture_output=True, text=True, check=False)  # noqa: S607 - wherever it is
