"""Runs the model: `python -m tests.faults.model --seeds 0..10000`, or one seed with its trace: `--seed 4711`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.faults.model.run import Result, run

CHUNK = 25
"""Seeds that a process takes at a time."""


def main() -> int:
    """Returns 1 where a seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.model", description=__doc__)
    parser.add_argument("--seeds", default="0..1000", help="a half-open range, such as 0..10000")
    parser.add_argument("--seed", type=int, help="one seed alone, with its trace")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--failures", type=int, default=1, help="after so many it ends")
    given = parser.parse_args()
    if given.seed is not None:
        result = run(given.seed, traced=True)
        print(result.report())
        return int(result.failed)
    first, _, last = given.seeds.partition("..")
    return _run_all(range(int(first), int(last)), given.processes, given.failures)


def _run_all(seeds: range, processes: int, failures: int) -> int:
    begun_s = time.monotonic()
    total = Result(0)
    failed: list[Result] = []
    for result in _results(seeds, processes):
        total.add(result)
        if result.failed:
            failed.append(result)
            print(run(result.seed, traced=True).report(), flush=True)
            if len(failed) == failures:
                break
    print(total.summary(time.monotonic() - begun_s))
    for result in failed:
        print(f"seed {result.seed}: {result.failure}; again: python -m tests.faults.model --seed {result.seed}")
    return int(bool(failed))


def _results(seeds: range, processes: int) -> Iterator[Result]:
    """The results in the order of the seeds, whichever process comes first."""
    if processes == 1:
        yield from map(run, seeds)
        return
    with ProcessPoolExecutor(processes) as pool:
        try:
            yield from pool.map(run, seeds, chunksize=CHUNK)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


if __name__ == "__main__":
    sys.exit(main())
