"""What became of hostile input: how many inputs of which kind were accepted, skipped or refused."""

from __future__ import annotations

import os
import resource
import sys
from collections import Counter, defaultdict
from typing import Final

TEST_INPUTS: Final = 6_000
"""Inputs of a run of the tests, all kinds together."""
INPUTS: Final = int(os.environ.get("PLAYHEAD_FUZZ_INPUTS", TEST_INPUTS))
OUTCOMES: Final = ("accepted", "skipped", "refused")
_KIB: Final = 1024 if sys.platform == "linux" else 1


class Tally:
    """Counts by kind and outcome."""

    def __init__(self) -> None:
        self._of: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def count(self, kind: str, outcome: str, times: int = 1) -> None:
        """Counts what became of inputs of a kind."""
        if outcome not in OUTCOMES:
            raise AssertionError(f"{outcome} is no outcome")
        self._of[kind][outcome] += times

    def total(self) -> int:
        """All inputs."""
        return sum(of.total() for of in self._of.values())

    def table(self) -> list[str]:
        """A line a kind, the sums, and the peak memory of this process."""
        sums: Counter[str] = sum(self._of.values(), Counter())
        rows = [*sorted(self._of.items()), ("all", sums)]
        width = max(len(kind) for kind, _ in rows)
        head = f"{'input':{width}} {'number':>8} " + " ".join(f"{outcome:>9}" for outcome in OUTCOMES)
        lines = [f"{kind:{width}} {of.total():8,} " + " ".join(f"{of[o]:9,}" for o in OUTCOMES) for kind, of in rows]
        return [head, *lines, f"peak memory of this process: {peak_mib():.0f} MiB"]


def peak_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB / (1 << 20)
