"""Measures and records: `make bench`, `make bench-compare`, or `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import addition, cli, delivery, footprint, machine, reads, report, scaling, throughput
from benchmarks.dataset import default_cache
from benchmarks.ending import ended
from benchmarks.figures import Figure
from benchmarks.record import RECORDED, Measured, Record
from benchmarks.rig import REPOSITORY
from benchmarks.scale import Scale
from playhead.errors import InvalidInput

MEASUREMENTS: Final[Mapping[str, Callable[[Scale], dict[str, Figure]]]] = {
    "throughput": throughput.measure,
    "scaling": scaling.measure,
    "addition": addition.measure,
    "delivery": delivery.measure,
    "reads": reads.measure,
    "footprint": footprint.measure,
    "cli": cli.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast Playhead is.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    parser.add_argument("--compare", action="store_true", help="record nothing; print what it is of what was recorded")
    parser.add_argument("--small", action="store_true", help="see that it works: seconds each, and nothing is recorded")
    parser.add_argument(
        "--with",
        dest="sizes",
        nargs="+",
        default=(),
        metavar="NAME=VALUE",
        help="other sizes than those that are recorded, such as runs=3 many=500x5; nothing is recorded then",
    )
    parser.add_argument("--tables", action="store_true", help="measure nothing; write the tables and plots anew")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where data sets are kept: 1 GB")
    parser.add_argument("--record", type=Path, default=RECORDED, help="the file of what was recorded")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in MEASUREMENTS]:
        parser.error(f"there is no measurement {unknown[0]!r}; choose from {', '.join(MEASUREMENTS)}")
    recorded = Record.load(given.record)
    if given.tables:
        _publish(recorded)
        return 0
    cache = given.cache.absolute()
    try:
        scale = (Scale.small(cache) if given.small else Scale(cache)).changed(given.sizes)
    except InvalidInput as error:
        parser.error(str(error))
    is_recorded = scale == Scale(cache) and not given.compare
    now = Record({})
    for name in given.names or MEASUREMENTS:
        measured = measure(name, scale)
        now = now.with_one(name, measured)
        if is_recorded:
            recorded = recorded.with_one(name, measured)
            recorded.save(given.record)
    if given.compare:
        print(report.compared(recorded.figures, now.figures))
    else:
        print(report.report(now, {}))
        if is_recorded:
            _publish(recorded)
    for line in report.aims(now.figures):
        print(f"not reached: {line}")
    return 0


def measure(name: str, scale: Scale) -> Measured:
    """Makes one measurement."""
    begun_s = time.monotonic()
    load = round(os.getloadavg()[0], 1)
    print(f"== {name} (load {load})", flush=True)
    figures = MEASUREMENTS[name](scale)
    lasted_s = round(time.monotonic() - begun_s, 1)
    print(f"   {lasted_s:.0f} s", flush=True)
    return Measured(figures, datetime.now(UTC).date().isoformat(), _commit(), machine.described(), load, lasted_s)


def _publish(record: Record) -> None:
    """Writes the tables and the plots of what is recorded."""
    from benchmarks import plots  # nothing else needs matplotlib

    report.write(record, plots.draw(record.figures))


def _commit() -> str:
    """The commit that is checked out, and whether there are changes on top of it."""
    git = ["git", "-C", str(REPOSITORY)]
    try:
        named = subprocess.run([*git, "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return named.stdout.strip()


if __name__ == "__main__":
    sys.exit(ended(main))
