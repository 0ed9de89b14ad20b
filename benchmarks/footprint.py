"""Memory: of Redis by released bar, over days, and of each process above what its imports take.

Of Redis what a trading day leaves, session data and notifications together, as `MEMORY USAGE` says; at full speed, and
at a speed at which each call releases one tick. Over days what the whole data set of the server takes, with as many
notifications kept as a few days have. A process counts as resident above a Python that has just imported its modules.
`benchmarks.memory` shows a longer session day by day.
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import Any, Final

import redis

from benchmarks.figures import Figure, rounded
from benchmarks.memory import MIB, resident_mib
from benchmarks.rig import REPOSITORY, Rig
from benchmarks.scale import Scale
from playhead import DayOpened, Session
from playhead.connection import connect
from playhead.keys import Keys

NAME: Final = "footprint"
PACED: Final = 1e9
"""Faster than it goes, and still one tick a call."""
KEPT_DAYS: Final = 2
DAY_TICKS: Final = 390
IMPORTS: Final = {
    "producer": "producer.__main__, shared.sources.parquet",
    "coordinator": "coordinator.__main__",
    "worker": "workers.__main__, workers.stage, shared.sources.parquet",
    "consumer": "playhead.session, playhead.subscription, playhead.view",
}
TIMEOUT_S: Final = 60.0


def measure(scale: Scale) -> dict[str, Figure]:
    """Figures by bar, over days, and by process."""
    symbols = scale.kept[0]
    found = {
        "full-speed": Figure(f"a day of {symbols} symbols at full speed", "bytes/bar", (by_bar(scale, None),)),
        "one-tick": Figure(f"a day of {symbols} symbols, one tick a call", "bytes/bar", (by_bar(scale, PACED),)),
    }
    return found | over_days(scale)


def by_bar(scale: Scale, speed: float | None) -> float:
    """Bytes of session data and notifications of one trading day, by bar."""
    data = scale.data((scale.kept[0], 1))
    with Rig("producer", "coordinator") as rig, connect(rig.url) as client:
        with Session.start(NAME, data.config(speed=speed), rig.url, wait_s=TIMEOUT_S) as session:
            for _ in session.subscribe(from_start=True):
                pass
        keys = Keys(NAME)
        bars = client.scan_iter(f"{keys.state}:bars:*", count=1_000)
        taken = sum(_memory(client, key) for key in (keys.notifications, *bars))
    return rounded(taken / data.bars)


def over_days(scale: Scale) -> dict[str, Figure]:
    """What Redis and the processes take in the first days and in the last ones, and each process at most above its
    imports."""
    redis_mib, processes_mib = by_day(scale)
    size = f"{scale.kept[0]} symbols x {scale.kept[1]} days"
    found = _early_and_late(f"data of Redis, {size}, {KEPT_DAYS} days kept", "redis", redis_mib)
    found |= _early_and_late(f"all processes, {size}", "processes", [sum(day.values()) for day in processes_mib])
    for role, modules in IMPORTS.items():
        above = max(day[role] for day in processes_mib) - imports_mib(modules)
        found[role] = Figure(f"{role}, {size}, at most, above its imports", "MiB", (rounded(above),))
    return found


def by_day(scale: Scale) -> tuple[list[float], list[dict[str, float]]]:
    """MiB of the data of Redis, and of each process by its role, at each open. A symbol is added on each of the first
    days."""
    symbols, days = scale.kept
    data = scale.data(scale.kept)
    added = list(data.names[-days // 2 :])
    config = data.config(symbols=symbols - len(added), expect=("reader",))
    redis_mib: list[float] = []
    processes_mib: list[dict[str, float]] = []
    with Rig("producer", "coordinator", "worker", retained_ticks=KEPT_DAYS * DAY_TICKS) as rig:
        reader = rig.probe("benchmarks.consumer", NAME, "reader")
        pids = rig.pids() | {"consumer": reader.pid}
        with Session.start(NAME, config, rig.url, wait_s=TIMEOUT_S) as session, connect(rig.url) as client:
            messages = session.subscribe("watcher", from_start=True)
            reader.begin()
            for message in messages:
                if not isinstance(message, DayOpened):
                    continue
                redis_mib.append(_dataset_mib(client))
                processes_mib.append({role: resident_mib(pids[role]) for role in IMPORTS})
                if added:
                    session.add_symbol(added.pop(), wait=False)
    return redis_mib, processes_mib


def _early_and_late(what: str, name: str, by_day: list[float]) -> dict[str, Figure]:
    """The medians of the first and of the last third of the days in which as much is kept as ever."""
    steady = by_day[KEPT_DAYS + 1 :]
    third = max(1, len(steady) // 3)
    early, late = rounded(median(steady[:third])), rounded(median(steady[-third:]))
    return {
        f"{name}-early": Figure(f"{what}, first third", "MiB", (early,), {"by day": list(map(rounded, by_day))}),
        f"{name}-late": Figure(f"{what}, last third", "MiB", (late,)),
    }


def imports_mib(modules: str) -> float:
    """Resident memory of a Python that has imported some modules, MiB."""
    program = f"import {modules}; from benchmarks.memory import resident_mib; print(resident_mib('self'))"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def _memory(client: redis.Redis, key: Any) -> int:
    return int(client.memory_usage(key, samples=0) or 0)


def _dataset_mib(client: redis.Redis) -> float:
    info: Any = client.info("memory")
    return rounded(info["used_memory_dataset"] / MIB)
