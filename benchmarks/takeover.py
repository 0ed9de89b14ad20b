"""How long a session stands when a process that serves it dies: `python -m benchmarks.takeover [TIMES]`.

A session of minute bars runs at 100 ticks a second, on a Redis of its own. Again and again its coordinator, its
producer, or the worker of an addition is killed (SIGKILL), suspended (SIGSTOP), or, the worker, cut off from Redis
without a word. What is measured is the time until the next tick is emitted, or the next bars are published, by a
process that has not served before; and by how much an addition takes longer than one in which nobody dies. At the end
every tick must be there, once. Prints p50, p99 and max in seconds, and the load of the machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import redis

from playhead import Session, SessionConfig, SymbolConfig
from playhead.connection import connect, text
from playhead.entries import time_ms
from playhead.keys import Keys
from shared.hours import Hours
from shared.redis_server import RedisServer
from shared.sources.registry import open_source
from tests.faults.chaos.fault import Fault, Kind, Role
from tests.faults.chaos.network import Network
from tests.support.services import Service, Services
from tests.support.system import Gate

TIMES: Final = 50
NAME: Final = "takeover"
CONFIG: Final = SessionConfig((SymbolConfig("RIVN"),), date(2024, 1, 2), date(2024, 12, 27), speed=6_000)
LIMITS: Final = {"feed_ticks_ahead": 32, "retained_ticks": 1_000_000}
WORKERS: Final = (0, 1)
SETTLED_S: Final = 3.0
"""How long a process has stood by before it takes over."""
TIMEOUT_S: Final = 60.0
POLL_S: Final = 0.001
LONG_S: Final = 600.0


class Benchmark:
    """The running session, and the processes around it. Each worker reaches Redis through a proxy of its own."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        server = stack.enter_context(RedisServer.start())
        self._directory = directory
        self._keys = Keys(NAME)
        self._client = stack.enter_context(connect(server.url))
        self._network = stack.enter_context(Network(server.port, [f"{Role.WORKER}-{number}" for number in WORKERS]))
        self._services = stack.enter_context(Services(server.url, made(directory / "services"), **LIMITS))
        self._services.start("coordinator", "coordinator", "producer", "producer")
        self._workers = [
            stack.enter_context(
                Services(self._network.url(f"{Role.WORKER}-{number}"), made(directory / f"worker-{number}"))
            )
            for number in WORKERS
        ]
        for each in self._workers:
            each.start("worker")
        self._session = stack.enter_context(Session.start(NAME, CONFIG, server.url, wait_s=TIMEOUT_S))

    def run(self, times: int) -> None:
        """Prints a line for each way to die."""
        print(f"{'':<36} {'times':>5} {'p50':>6} {'p99':>6} {'max':>6}  load")
        for role, stream in (("coordinator", self._keys.notifications), ("producer", self._keys.feed("main"))):
            for death in ("killed", "suspended"):
                report(f"{role} {death}", (self.takeover(role, death, stream) for _ in range(times)))
        usual_s = [self.addition("") for _ in range(times)]
        report("addition", usual_s)
        for death in ("killed", "suspended", "cut off"):
            report(
                f"worker {death}, addition later by",
                (self.addition(death) - float(np.median(usual_s)) for _ in range(times)),
            )
        self.check()

    def takeover(self, role: str, death: str, stream: str) -> float:
        """How long nothing comes in a stream once the process that writes it has died."""
        time.sleep(SETTLED_S)
        wait_until_other(lambda: self._last_id(stream), self._last_id(stream))
        serving = self._serving(role)
        begun_s = time.monotonic()
        die(serving, death)
        before = self._last_id(stream)
        wait_until_other(lambda: self._last_id(stream), before)
        lasted_s = time.monotonic() - begun_s
        serving.resume()
        serving.kill()
        self._services.replace(serving)
        return lasted_s

    def addition(self, death: str) -> float:
        """How long the clock stands for an addition, when the worker dies that loads the symbol."""
        gate = Gate(self._directory)
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(self._add, gate.uri)
            pid = gate.entered()
            number = next(number for number in WORKERS if self._workers[number].only("worker").process.pid == pid)
            services = self._workers[number]
            worker = services.only("worker")
            if death == "cut off":
                self._hold_back(number, LONG_S)
            elif death:
                die(worker, death)
            gate.open()
            held_s = asked.result()
        if death:
            worker.resume()
            worker.kill()
            self._hold_back(number, 0)
            services.replace(worker)
        self._session.remove_symbol("AAPL")
        return held_s

    def check(self) -> None:
        """Every tick has come once, in its order."""
        with self._services.suspended("coordinator"):
            found: Any = self._client.xrange(self._keys.notifications)
        ticks = [time_ms(text(entry)) for entry, fields in found if fields[b"type"] == b"tick"]
        hours = Hours.in_session("XNYS", CONFIG)
        closes = {}
        for symbol in ("RIVN", "AAPL"):
            bars = hours.within(open_source("sample:").get_bars(symbol, "1m", hours.open_ms, ticks[-1]))
            closes[symbol] = {int(start_ms) + 60_000 for start_ms in bars.start_ms}
        # AAPL was there for a while every now and then.
        whole = closes["RIVN"] <= set(ticks) <= closes["RIVN"] | closes["AAPL"] and ticks == sorted(set(ticks))
        print(f"{len(ticks)} ticks, {'each once' if whole else 'NOT EACH ONCE'}")

    def _hold_back(self, number: int, lasts_s: float) -> None:
        """Whatever a worker sends, and is sent, comes later."""
        self._network.disturb(Fault(0, Kind.HOLD, Role.WORKER, number, lasts_s))

    def _add(self, source: str) -> float:
        with Session(NAME, self._session.url) as session:
            receipt = session.add_symbol("AAPL", source=source).result["AAPL"]
        return int(receipt["held_ms"]) / 1000

    def _last_id(self, stream: str) -> str:
        try:
            return text(self._client.xinfo_stream(stream)["last-generated-id"])
        except redis.ResponseError:  # there is none yet
            return ""

    def _serving(self, role: str) -> Service:
        """The process that serves the session."""
        token = text(self._client.hget(self._keys.state, f"{role}_token") or b"")
        return next(each for each in self._services.of(role) if f"token {token} " in each.log.read_text())


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def die(process: Service, death: str) -> None:
    if death == "killed":
        process.kill()
    else:
        process.suspend()


def wait_until_other(look: Callable[[], str], before: str) -> None:
    """Waits until something is not what it was."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while look() == before:
        if time.monotonic() > deadline_s:
            raise TimeoutError("nobody has taken over")
        time.sleep(POLL_S)


def report(what: str, seconds: Iterable[float]) -> None:
    """Prints the figures of one way to die."""
    found = np.array(list(seconds))
    p50, p99 = np.percentile(found, (50, 99))
    print(
        f"{what:<36} {len(found):>5} {p50:>6.2f} {p99:>6.2f} {found.max():>6.2f}  {os.getloadavg()[0]:.1f}", flush=True
    )


def main(times: int) -> int:
    with TemporaryDirectory() as directory, ExitStack() as stack:
        Benchmark(stack, Path(directory)).run(times)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else TIMES))
