"""A run in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tests.faults.chaos.fault import COUNTS, Kind, Role
from tests.faults.chaos.recovery import percentile
from tests.faults.chaos.run import Result

MEANING: Final = {
    Role.COORDINATOR: "until the clock moved under another coordinator",
    Role.PRODUCER: "until another producer served the session",
    Role.WORKER: "until the addition it had in hand was committed by another attempt",
    Role.CONSUMER: "until its name had another holder, and its position moved",
    Role.REDIS: "until the clock moved",
}


def report(result: Result) -> Iterator[str]:
    """The lines of the report."""
    yield (
        f"{result.rounds} rounds in {result.lasted_s:.0f} s: {result.notifications} ticks and events, "
        f"{result.commands} commands, {sum(result.faults.values())} faults, {result.samples} looks at the clock"
    )
    held_s = sorted(result.held_s)
    if held_s:
        p50, p99 = percentile(held_s, 50), percentile(held_s, 99)
        yield f"the clock stood for {len(held_s)} additions: p50 {p50:.2f} s, p99 {p99:.2f} s, max {held_s[-1]:.2f} s"
    yield f"additions called off because of faults: {result.called_off}"
    yield ""
    yield "faults        " + "".join(f"{kind:>14}" for kind in Kind)
    for role in Role:
        counts = "".join(f"{result.faults.get((role, kind), 0) or '-':>14}" for kind in Kind)
        yield f"{role:<12}x{COUNTS[role]}{counts}"
    yield ""
    yield f"{'recovery, s':<26}{'no other fault around':>34}{'among other faults':>34}"
    yield f"{'':<26}" + 2 * f"{'count':>10}{'p50':>8}{'p99':>8}{'max':>8}"
    for role, kind, alone, among in result.times.rows():
        yield f"{role + ' ' + kind:<26}{_figures(alone)}{_figures(among)}"
    yield from (f"  {role}: {meaning}" for role, meaning in MEANING.items())
    yield ""
    yield from (f"left behind: {key}" for key in result.left)
    yield f"{result.differences} differences"


def _figures(seconds: Sequence[float]) -> str:
    if not seconds:
        return f"{'-':>10}" + 3 * f"{'-':>8}"
    return f"{len(seconds):>10}{percentile(seconds, 50):>8.2f}{percentile(seconds, 99):>8.2f}{seconds[-1]:>8.2f}"
