"""`python -m tests.faults.chaos`: plays rounds, prints the report, and keeps what a failing round has left."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.faults.chaos.fault import Kind
from tests.faults.chaos.report import report
from tests.faults.chaos.run import LANES, Goal, Result, Run

ROUNDS: Final = 20
SAY_EVERY_S: Final = 30.0


def main() -> int:
    """Returns 0 where there was no difference, else 1."""
    goal = _goal()
    logging.getLogger("playhead").setLevel(logging.ERROR)  # that Redis is away is no news here
    print(f"SEED={goal.seed}", flush=True)
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="playhead-chaos-"))
    said_s = time.monotonic()

    def say(result: Result) -> None:
        nonlocal said_s
        if time.monotonic() - said_s > SAY_EVERY_S:
            said_s = time.monotonic()
            print(f"{result.rounds} rounds", flush=True)

    try:
        result = Run(goal, directory, say).play()
    except BaseException:
        print(f"the logs are in {directory}", file=sys.stderr)
        raise
    print("\n".join(report(result)))
    for failure in result.failures:
        seed = failure.outcome.plan.seed
        print(f"\nround {seed - goal.seed} of SEED={goal.seed} has failed; its plan is that of SEED={seed} ROUNDS=1")
        print("\n".join(f"  {each}" for each in failure.differences))
    if result.differences:
        print(f"the logs, the evidence and the plan are in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


def _goal() -> Goal:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, help=f"how many rounds, by default {ROUNDS}")
    parser.add_argument("--seconds", type=float, help="begin rounds for so long instead")
    parser.add_argument("--seed", type=int, help="the plan of faults and commands; a fresh one by default")
    parser.add_argument("--lanes", type=int, default=LANES, help="rounds that are played side by side")
    parser.add_argument("--faults", nargs="*", choices=[kind.name.lower() for kind in Kind], help="by default all")
    given = parser.parse_args()
    rounds = ROUNDS if given.rounds is None and given.seconds is None else given.rounds
    seed = secrets.randbelow(1_000_000_000) if given.seed is None else given.seed
    kinds = frozenset(Kind if given.faults is None else (Kind[name.upper()] for name in given.faults))
    return Goal(seed, rounds, given.seconds, kinds, given.lanes)


if __name__ == "__main__":
    sys.exit(main())
