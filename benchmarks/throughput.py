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
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks import peers, spike
from benchmarks.dataset import DataSet, default_cache
from benchmarks.ending import ended
from benchmarks.figures import Figure, interleaved, rounded, shown
from benchmarks.rig import Rig, Usage
from benchmarks.scale import Scale
from coordinator.batch import ticks_at_once
from playhead import Session
from playhead.codec import pack_names
from playhead.errors import PlayheadError
from playhead.runs import BAR_BYTES
from shared.settings import Settings

SESSION: Final = "throughput"
CONTENDERS: Final = ("pipeline", "spike", "nautilus", "backtrader")
UNIT: Final = "bars/s"
Run = dict[str, Any]
"""`rate` in bars a second, and what else is known of a run."""


def contender(name: str, data: DataSet, scale: Scale) -> Callable[[], Run]:
    """What makes one run of a contender. Raises `PeerMissing`."""
    match name:
        case "pipeline":
            return lambda: pipeline(data)
        case "spike":
            return lambda: one_consumer(spike.run(data, batch_of(data)), data)
    peers.check(name)
    bars = scale.nautilus_bars if name == "nautilus" else scale.backtrader_bars
    return lambda: peers.run(name, data, bars)


def batch_of(data: DataSet) -> int:
    """The ticks that the coordinator releases by one call of these bars at full speed."""
    return ticks_at_once(len(pack_names(data.names)) + BAR_BYTES * data.symbols, Settings("", ""))


def compare(contenders: Mapping[str, Callable[[], Run]], data: DataSet, runs: int) -> dict[str, Figure]:
    """Figures of contenders on a data set, and `<name>-with-read` of those that have a first read."""
    details: dict[str, list[Run]] = {name: [] for name in contenders}
    data.close_sum()  # reads the file once: from now on it is in memory for all of them

    def rate_of(name: str) -> float:
        run = contenders[name]()
        details[name].append(run)
        note = f", CPU s {run['cpu_s']}" if "cpu_s" in run else ""
        print(f"  {name:<12} {shown(run['rate']):>10} bars/s{note}, load {os.getloadavg()[0]:.1f}", flush=True)
        return float(run["rate"])

    values = interleaved({name: partial(rate_of, name) for name in contenders}, runs)
    size = f"{data.symbols:,} symbols x {data.days} {'day' if data.days == 1 else 'days'}"
    found = {}
    for name, rates in values.items():
        found[name] = Figure(size, UNIT, rates, {"runs": details[name]})
        with_read = tuple(run["with_read"] for run in details[name] if "with_read" in run)
        if with_read:
            found[f"{name}-with-read"] = Figure(f"{size}, with the first read", UNIT, with_read)
    return found


def pipeline(data: DataSet, consumers: int = 1, **limits: int) -> Run:
    """One run of Playhead. The rate is that of all consumers together."""
    names = [f"consumer-{number}" for number in range(consumers)]
    config = data.config(expect=tuple(names))
    with Rig("producer", "coordinator", **limits) as rig:
        rig.warm_up(data.cache)
        following = [rig.probe("benchmarks.consumer", SESSION, name) for name in names]
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


def one_consumer(answer: Mapping[str, Any], data: DataSet) -> Run:
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


def measure(scale: Scale) -> dict[str, Figure]:
    """Figures of many symbols and of few, beside the floor and other engines; one that is not here is left out."""
    found: dict[str, Figure] = {}
    for name, size in (("many", scale.many), ("few", scale.few)):
        data = scale.data(size)
        contenders = {}
        for each in CONTENDERS:
            try:
                contenders[each] = contender(each, data, scale)
            except peers.PeerMissing as error:
                print(f"  {each} is left out: {error}", flush=True)
        found |= {f"{name}-{key}": figure for key, figure in compare(contenders, data, scale.runs).items()}
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--symbols", type=at_least_one, default=500)
    parser.add_argument("--days", type=at_least_one, default=20, help="trading days of minute bars")
    parser.add_argument("--runs", type=at_least_one, default=5)
    parser.add_argument("--consumers", type=at_least_one, default=1, help="of Playhead; the rate is that of all")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=["pipeline", "spike"])
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where data sets are kept")
    parser.add_argument("--json", action="store_true", help="print the details of each run too")
    given = parser.parse_args(arguments)
    scale = Scale(given.cache.absolute())
    try:
        data = scale.data((given.symbols, given.days))
        contenders = {name: contender(name, data, scale) for name in given.only}
    except PlayheadError as error:
        parser.error(str(error))
    print(f"{data.symbols} symbols x {data.days} days: {data.bars:,} bars, {batch_of(data)} ticks a batch", flush=True)
    if given.consumers > 1 and "pipeline" in contenders:
        contenders["pipeline"] = partial(pipeline, data, given.consumers)
    found = compare(contenders, data, given.runs)
    for name, figure in found.items():
        low, high = figure.spread
        floor = found.get(name.replace("pipeline", "spike"))
        ratio = f", {figure.ratio(floor):.2f} of the spike" if floor and floor is not figure else ""
        print(f"{name:<20} {shown(figure.median):>10} bars/s ({shown(low)} to {shown(high)}){ratio}")
    if given.json:
        print(json.dumps({name: figure.details for name, figure in found.items()}, indent=1))
    return 0


def at_least_one(text: str) -> int:
    """A number of the command line."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(ended(main))
