"""Makes wrong versions of the program, and says which check has noticed each of them.

    python -m tests.faults.mutants [NAME ...] [--check COMMAND]

Without names all of them. Each check has to pass on the right program first. With `--check` any command is tried in
place of those that the patches name: what does this checker see? The exit code is 1 where a mutant survives.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Final

from tests.faults.mutants.mutant import BadHead, Check, Mutant, all_mutants
from tests.faults.mutants.tree import DoesNotApply, tree
from tests.faults.mutants.trial import Result, run

TAIL: Final = 40
"""Lines of the output of a check that are shown where it was no good."""
SHOWN: Final = 150
"""Characters of what a check has found."""
ANYTHING: Final = ""
"""What a check that was given by hand has to say: it is enough that it fails."""


@dataclass(frozen=True)
class Trial:
    """One mutant and what one of its checks has made of it. `missed` says why it is not caught."""

    mutant: Mutant
    check: Check
    missed: str | None
    seconds: float
    output: str = ""


def main(arguments: Sequence[str]) -> int:
    """Runs them and prints the table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutants", description="Tries wrong programs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a mutant; all of them without a name")
    parser.add_argument("--check", metavar="COMMAND", help="try this command in place of those that the patches name")
    given = parser.parse_args(arguments)
    begun_s = time.monotonic()
    try:
        mutants = _chosen(given.names, given.check)
    except BadHead as error:
        return _refuse(str(error))
    with tree() as right, ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            commands = sorted({check.command for mutant in mutants for check in mutant.checks})
            if not _all_pass({command: pool.submit(run, command, right) for command in commands}):
                return 1
            print(f"{len(commands)} checks have nothing to say of the right program ({_since(begun_s)})")
            trials = list(_tried(pool, mutants))
        finally:
            pool.shutdown(cancel_futures=True)
    caught = {mutant.name for mutant in mutants} - {trial.mutant.name for trial in trials if trial.missed}
    print(f"{len(caught)} of {len(mutants)} mutants are caught ({_since(begun_s)})")
    return 0 if len(caught) == len(mutants) else 1


def _chosen(names: Sequence[str], command: str | None) -> list[Mutant]:
    mutants = all_mutants()
    if unknown := set(names) - {mutant.name for mutant in mutants}:
        raise BadHead(f"there is no mutant {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in mutants if not names or mutant.name in names]
    if command is None:
        return chosen
    return [replace(mutant, checks=(Check(command, ANYTHING),)) for mutant in chosen]


def _all_pass(results: dict[str, Future[Result]]) -> bool:
    """Whether the right program passes all checks: else they prove nothing."""
    for command, future in results.items():
        result = future.result()
        if not result.passed:
            _refuse(f"{_tail(result.output)}\nthe right program does not pass this check: {command}")
            return False
    return True


def _tried(pool: ThreadPoolExecutor, mutants: Sequence[Mutant]) -> Iterator[Trial]:
    """All trials, each printed as soon as it is over."""
    width = max(len(mutant.name) for mutant in mutants)
    for future in as_completed([pool.submit(_try, mutant) for mutant in mutants]):
        for trial in future.result():
            outcome = trial.missed or f"caught by {trial.check.finds or _said(trial.output)}"
            print(f"{trial.mutant.name:{width}}  {trial.seconds:4.0f} s  {outcome}", flush=True)
            if trial.missed:
                print(f"    {trial.check.command}\n{_tail(trial.output)}", flush=True)
            yield trial


def _try(mutant: Mutant) -> list[Trial]:
    begun_s = time.monotonic()
    try:
        with tree(mutant) as wrong:
            found = [(check, run(check.command, wrong)) for check in mutant.checks]
    except DoesNotApply as error:
        return [Trial(mutant, mutant.checks[0], "does not apply", time.monotonic() - begun_s, str(error))]
    return [Trial(mutant, check, result.missed(check), result.seconds, result.output) for check, result in found]


def _tail(output: str) -> str:
    return "\n".join(f"    {line}" for line in output.splitlines()[-TAIL:])


def _said(output: str) -> str:
    """The one line of the output that says what was found: the last one, but for pytest's, which counts."""
    lines = output.splitlines() or [""]
    return next((line for line in lines if line.startswith("FAILED ")), lines[-1])[:SHOWN]


def _since(begun_s: float) -> str:
    return f"{time.monotonic() - begun_s:.0f} s"


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # the copies go in any case
    sys.exit(main(sys.argv[1:]))
