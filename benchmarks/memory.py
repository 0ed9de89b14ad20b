"""The memory of Redis and of every process over a long session: `python -m benchmarks.memory`.

A session of 250 trading days of New York with 10 symbols of minute bars, bars of an hour derived, five days of
history, a symbol added on each of the first days, and one consumer that reads a symbol's day on every tick. It runs a
Redis of its own. Prints a line for every tenth day.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any, Final

from playhead import DayOpened, Session, SessionConfig, SymbolConfig, Tick
from playhead.connection import URL_VARIABLE, connect
from shared.processes import Processes
from shared.redis_server import RedisServer

SERVICES: Final = {"producer": "producer", "coordinator": "coordinator", "worker": "workers"}
FIRST, LAST = date(2024, 1, 2), date(2024, 12, 27)
SYMBOLS: Final = tuple(f"S{number}" for number in range(8))
ADDED: Final = ("ADDED1", "ADDED2")
EVERY: Final = 10
MIB: Final = 1 << 20


def main() -> int:
    with RedisServer.start() as server, Processes({URL_VARIABLE: server.url}) as services:
        for name, module in SERVICES.items():
            services.start(name, [sys.executable, "-m", module])
        config = SessionConfig(
            tuple(SymbolConfig(symbol) for symbol in SYMBOLS), FIRST, LAST, derive=("1h",), history=5
        )
        with Session.start("memory", config, server.url, wait_s=60) as session:
            measure(session, server.url)
    return 0


def measure(session: Session, url: str) -> None:
    """Follows the session to its end and prints what each process takes, in MiB."""
    pids = {name: pid_of(module) for name, module in SERVICES.items()}
    print(
        f"{'day':>4} {'date':<10} {'redis':>7} {'keys':>6} " + " ".join(f"{name:>11}" for name in (*pids, "consumer"))
    )
    with connect(url) as client:
        days = 0
        for message in session.subscribe("study"):
            if isinstance(message, Tick):
                session.bars(SYMBOLS[0])
            if not isinstance(message, DayOpened):
                continue
            days += 1
            if days <= len(ADDED):
                session.add_symbol(ADDED[days - 1], wait=False)
            if days % EVERY == 0 or days == 1:
                info: Any = client.info("memory")
                sizes = [*map(resident_mib, pids.values()), resident_mib("self")]
                print(
                    f"{days:>4} {message.date:<10} {info['used_memory'] / MIB:>7.1f} {client.dbsize():>6} "
                    + " ".join(f"{size:>11.1f}" for size in sizes),
                    flush=True,
                )


def pid_of(module: str) -> int:
    """The process that was started as `python -m <module>` by this one."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if module.encode() in words[:4] and parent == str(Path("/proc/self").resolve().name):
            return int(folder.name)
    raise SystemExit(f"{module} does not run")


def resident_mib(pid: int | str) -> float:
    """Resident memory of a process, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    sys.exit(main())
