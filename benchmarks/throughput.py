"""Bars a second from Parquet files to a consumer that reads every close: `python -m benchmarks.throughput --help`.

Each run has a Redis of its own with an append-only file that is synced every second, a producer, a coordinator and a
consumer as processes, all ready and warm. Beside it the floor of the design (`benchmarks.spike`) on the same bars, and
other engines in one process each (`benchmarks.peers`). A run counts only if each close has come.

The time is that from the first tick that the consumer has in hand to the last one. `with the first read` counts from
the start of the session, or from the moment at which the bare processes are let go.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import peers, spike
from benchmarks.dataset import DataSet, default_cache
from benchmarks.figures import Figure, interleaved, rounded, shown
from benchmarks.rig import Rig, Usage
from playhead import Session
from shared.settings import Settings

SESSION: Final = "throughput"
CONTENDERS: Final = ("pipeline", "spike", "nautilus", "backtrader")
BARS_A_SECOND: Final = "bars/s"
BATCH: Final = Settings("", "").batch_ticks


@dataclass
class Throughput:
    """Runs of all contenders on one data set."""

    data: DataSet
    consumers: int = 1
    peer_bars: Mapping[str, int] = field(default_factory=lambda: {"nautilus": 400_000, "backtrader": 60_000})
    """A peer gets as many of the first ticks as have so many bars: its rate is asked for, and it may take minutes."""
    details: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def measure(self, names: Sequence[str], runs: int) -> dict[str, Figure]:
        """Figures of the contenders, and `<name>-with-read` of those that have a first read."""
        self.details = {name: [] for name in names}
        values = interleaved({name: partial(self._run, name) for name in names}, runs)
        found = {}
        for name, rates in values.items():
            found[name] = Figure(name, BARS_A_SECOND, rates, {"runs": self.details[name]})
            with_read = tuple(run["with_read"] for run in self.details[name] if "with_read" in run)
            if with_read:
                found[f"{name}-with-read"] = Figure(f"{name}, with the first read", BARS_A_SECOND, with_read)
        return found

    def _run(self, name: str) -> float:
        contenders: dict[str, Callable[[], dict[str, Any]]] = {
            "pipeline": lambda: pipeline(self.data, self.consumers),
            "spike": lambda: one_consumer(spike.run(self.data, BATCH), self.data),
        }
        run = contenders.get(name, lambda: peers.run(name, self.data, self.peer_bars[name]))()
        self.details[name].append(run)
        note = f", CPU s {run['cpu_s']}" if "cpu_s" in run else ""
        print(f"  {name:<12} {shown(run['rate']):>10} bars/s{note}, load {os.getloadavg()[0]:.1f}", flush=True)
        return float(run["rate"])


def pipeline(data: DataSet, consumers: int = 1, **limits: int) -> dict[str, Any]:
    """One run of Playhead. The rate is that of all consumers together."""
    names = [f"consumer-{number}" for number in range(consumers)]
    config = data.config(expect=tuple(names))
    with Rig("producer", "coordinator", **limits) as rig:
        following = [rig.worker("benchmarks.consumer", SESSION, name) for name in names]
        pids = rig.pids() | {name: each.pid for name, each in zip(names, following, strict=True)}
        before = Usage.of(pids)
        begun_s = time.monotonic()
        Session.start(SESSION, config, rig.url, wait_s=0).close()
        for each in following:
            each.begin()
        answers = [each.answer() for each in following]
        used = Usage.of(pids).since(before)
    found = [one_consumer(answer | {"begun_s": begun_s}, data) for answer in answers]
    return {
        "rate": rounded(sum(each["rate"] for each in found)),
        "with_read": rounded(sum(each["with_read"] for each in found)),
        "first_tick_s": rounded(min(each["first_tick_s"] for each in found)),
        "cpu_s": used,
    }


def one_consumer(answer: Mapping[str, Any], data: DataSet) -> dict[str, Any]:
    """The rates of what a consumer has seen. Raises `RuntimeError` where that is not everything."""
    expected = (data.ticks, data.bars, round(data.close_sum(), 2))
    seen = (answer["ticks"], answer["bars"], round(answer["closes"], 2))
    if abs(expected[2] - seen[2]) > 1e-9 * expected[2] or expected[:2] != seen[:2]:
        raise RuntimeError(f"the consumer has seen ticks, bars and closes {seen}, and there are {expected}")
    found = {
        "rate": rounded(data.bars / (answer["last_s"] - answer["first_s"])),
        "with_read": rounded(data.bars / (answer["last_s"] - answer["begun_s"])),
        "first_tick_s": rounded(answer["first_s"] - answer["begun_s"]),
    }
    return found | ({"cpu_s": answer["cpu_s"]} if "cpu_s" in answer else {})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--days", type=int, default=20, help="trading days of minute bars")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--consumers", type=int, default=1, help="of Playhead; the rate is that of all together")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=["pipeline", "spike"])
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where data sets are kept")
    parser.add_argument("--json", action="store_true", help="print the details of each run too")
    given = parser.parse_args(arguments)
    data = DataSet(given.symbols, given.days, given.cache.absolute())
    print(f"{data.symbols} symbols x {data.days} days: {data.bars:,} bars, {BATCH} ticks a batch", flush=True)
    found = Throughput(data, given.consumers).measure(given.only, given.runs)
    for name, figure in found.items():
        low, high = figure.spread
        against = found.get(name.replace("pipeline", "spike"))
        ratio = f", {figure.ratio(against):.2f} of the spike" if against and "pipeline" in name else ""
        print(f"{name:<20} {shown(figure.median):>10} bars/s ({shown(low)} to {shown(high)}){ratio}")
    if given.json:
        print(json.dumps({name: figure.details for name, figure in found.items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
