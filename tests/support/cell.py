"""Services of a database of their own, forked in no time. They die where they are told to, and others take their
place.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from playhead.connection import connect
from playhead.crash_points import VARIABLE
from tests.support.services import DISTRIBUTION
from tests.support.waiting import wait_until
from tests.support.warm import ROLES, Surroundings, Warm
from tests.support.write_guard import write_commands

KILLED: Final = -9
TIMEOUT_S: Final = 60.0
CONSUMER: Final = "consumer"
"""Whoever is no service: it uses the library."""
LIMITS: Final = {"lease_ms": 400, "batch_ticks": 4, "job_attempts": 20, "operation_deadline_ms": 120_000}
"""Settings of the services with which little is waited for, and much happens; and however busy the machine is, no
addition is given up."""


class Cell:
    """Everything that serves sessions in one database. It is emptied at the end of a `with` block."""

    def __init__(self, server_url: str, database: int, directory: Path, **limits: int) -> None:
        self.url = urlsplit(server_url)._replace(path=f"/{database}").geturl()
        self.directory = directory
        self.client = connect(self.url)
        self.deaths: list[tuple[str, int]] = []
        """Role and exit code of each service that has ended, in their order."""
        self._running: list[Warm] = []
        self._processes: list[Warm] = []
        self._points: dict[str, deque[str]] = {}
        self._count = 0
        self._writes = write_commands(self.client)
        set_here = {f"PLAYHEAD_{name.upper()}": str(value) for name, value in (LIMITS | limits).items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
        self._environment = kept | set_here | {"PLAYHEAD_REDIS_URL": self.url, "PYTHONPATH": str(DISTRIBUTION)}
        self._closing = threading.Event()
        self._replacing = threading.Thread(target=self._replace, daemon=True)

    def serve(self, *roles: str, **points: Sequence[str]) -> None:
        """Starts a process for each role. Where a role has points, it dies at the first one, who takes its place at the
        second one, and so on."""
        self._points = {role: deque(of) for role, of in points.items()}
        for role in roles:
            self._start(role)
        if not self._replacing.is_alive():
            self._replacing.start()

    def run(self, name: str, *arguments: str, point: str | None = None) -> Warm:
        """Starts a process that nobody replaces."""
        self._count += 1
        file = self.directory / f"{self._count:03}-{name.rpartition(':')[2]}"
        armed = {VARIABLE: point} if point else {}
        surroundings = Surroundings(
            self._environment | armed, self._writes, file.with_suffix(".log"), file.with_suffix(".passed")
        )
        process = Warm(name, surroundings, *arguments)
        self._processes.append(process)
        return process

    def terminate(self, role: str) -> None:
        """SIGTERM to a role, and waits until it has ended."""
        count = len(self.deaths)
        service = next(each for each in self._running if each.name == role)
        wait_until(lambda: service.listens, TIMEOUT_S, f"the {role} to listen to signals")
        service.terminate()
        self.wait_for_death(count + 1)

    def wait_for_death(self, count: int = 1) -> None:
        """Waits until so many services have ended."""
        wait_until(lambda: len(self.deaths) >= count, TIMEOUT_S, f"{count} services to die in {self.directory}")

    def passed(self) -> set[tuple[str, str]]:
        """Role, or `consumer`, and name of all writes of all its processes."""
        return {
            (each.name if each.name in ROLES else CONSUMER, write.write)
            for each in self._processes
            for write in each.passed
        }

    def log_text(self) -> str:
        """What all processes have logged, a file after the other."""
        logs = sorted(self.directory.glob("*.log"))
        return "\n".join(f"== {log.name}\n{log.read_text()}" for log in logs if log.stat().st_size)

    def close(self) -> None:
        """Ends all processes, and deletes everything in the database."""
        self._closing.set()
        if self._replacing.is_alive():
            self._replacing.join()
        for each in self._processes:
            each.kill()
        self.client.flushdb()
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, role: str) -> None:
        points = self._points.get(role)
        self._running.append(self.run(role, point=points.popleft() if points else None))

    def _replace(self) -> None:
        while not self._closing.is_set():
            wait([each.sentinel for each in self._running], timeout=0.1)
            for each in [each for each in self._running if not each.alive]:
                self._running.remove(each)
                self._start(each.name)
                self.deaths.append((each.name, each.ended()))
