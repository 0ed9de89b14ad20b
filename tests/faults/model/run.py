"""One seed from its plan to its judgement."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.model.checks import Violation
from tests.faults.model.plan import Plan
from tests.faults.model.trace import Step, lines
from tests.faults.model.world import World

SHOWN = 400
"""Steps of the trace that a report shows: the last ones."""


@dataclass
class Result:
    """What came of one seed, or of many together. `failure` is a violated invariant, or an error not looked for."""

    seed: int
    seeds: int = 0
    steps: int = 0
    calls: int = 0
    ticks: int = 0
    cpu_s: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    failures: int = 0
    plan: str = ""
    trace: list[Step] = field(default_factory=list)
    details: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.failure)

    def add(self, other: Result) -> None:
        """Counts another one in."""
        self.seeds += other.seeds
        self.steps += other.steps
        self.calls += other.calls
        self.ticks += other.ticks
        self.cpu_s += other.cpu_s
        self.happened += other.happened
        self.failures += other.failed

    def report(self) -> str:
        """The run to be read: the plan, the steps, what is wrong."""
        told = list(lines(self.trace))
        left_out = [f"… {len(told) - SHOWN} steps before"] if len(told) > SHOWN else []
        end = [self.details, f"seed {self.seed}: {self.failure}"] if self.failed else [f"seed {self.seed}: all held"]
        return "\n".join([self.plan, *left_out, *told[-SHOWN:], *end])

    def summary(self, wall_s: float) -> str:
        """The figures of many runs."""
        kinds = "".join(f"\n  {count:8,d}  {kind}" for kind, count in sorted(self.happened.items()))
        return (
            f"{self.seeds:,d} seeds, {self.steps:,d} steps, {self.calls:,d} calls to the server, {self.ticks:,d} "
            f"notifications in {wall_s:.1f} s ({self.cpu_s:.1f} s of CPU)\n"
            f"what happened:{kinds}\n{self.failures} failures"
        )


def run(seed: int, *, traced: bool = False) -> Result:
    """Plays a seed and judges it."""
    begun_s = time.process_time()
    result = Result(seed, seeds=1)
    plan = Plan.of(seed)
    world = World(plan, traced=traced)
    try:
        world.play()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the seed has found
        root: BaseException = world.checks.first or error
        while root.__cause__ is not None and not isinstance(root, Violation):
            root = root.__cause__
        result.failure = str(root) if isinstance(root, Violation) else f"{type(root).__name__}: {root}"
        result.details = "" if isinstance(root, Violation) else "".join(traceback.format_exception(error))
    result.steps = world.scheduler.steps
    result.calls = sum(world.calls.values())
    result.ticks = len(world.checks.emitted)
    result.happened = world.happened
    if traced:
        result.plan, result.trace = str(plan), world.trace
    result.cpu_s = time.process_time() - begun_s
    return result
