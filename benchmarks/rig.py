"""A server, the services and consumers as processes of their own, for one measurement."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Final, Self, cast

from benchmarks.dataset import DataSet
from playhead import Session
from shared.redis_server import DIE_WITH_PARENT, RedisServer
from tests.support.services import Services

REPOSITORY: Final = Path(__file__).resolve().parent.parent
START_TIMEOUT_S: Final = 60.0
LOOK_S: Final = 1.0
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


class Rig:
    """A Redis with an append-only file that is synced every second, and a process for each role that is given.

    All are ready when the block of its `with` is entered, and gone when it is left. `limits` are settings of the
    services, by the names of `shared.settings.Settings`.
    """

    def __init__(self, *roles: str, **limits: int) -> None:
        self._roles = roles
        self._limits = limits
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._directory = Path(stack.enter_context(TemporaryDirectory(prefix="playhead-bench-")))
            self.server = stack.enter_context(RedisServer.start())
            self.services = stack.enter_context(Services(self.server.url, self._directory, **self._limits))
            stack.callback(self._kill)
            self.services.start(*self._roles)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _kill(self) -> None:
        """Ends the services at once: whether they end well is asked elsewhere."""
        for each in self.services.running:
            each.kill()
        self.services.running.clear()

    @property
    def url(self) -> str:
        return self.server.url

    def probe(self, module: str, *arguments: str) -> Probe:
        """A process of the measurement itself: `python -m MODULE URL ARGUMENTS`. It is ready when this returns."""
        log = self._directory / f"{module}.err"
        return self._stack.enter_context(Probe(log, self._check, module, self.url, *arguments))

    def _check(self) -> None:
        """Raises `RuntimeError` where a service has died: nobody is to wait for what does not come."""
        for each in self.services.running:
            if not each.alive:
                raise RuntimeError(f"{each.role} ended with {each.process.returncode}:\n{each.log.read_text()}")

    def warm_up(self, cache: Path) -> None:
        """Has the services serve a session of one symbol and day: what a process does once is not measured."""
        config = DataSet(1, 1, cache).config()
        with Session.start("warm-up", config, self.url, wait_s=START_TIMEOUT_S) as session:
            for _ in session.subscribe(from_start=True):
                pass
            session.delete()

    def pids(self) -> dict[str, int]:
        """The processes by their roles; where there are several of a role the first has the name."""
        found = {"redis": self.server.pid}
        for each in self.services.running:
            found.setdefault(each.role, each.process.pid)
        return found


class Probe:
    """A process that says when it is ready, begins when it is told to, and answers with one line of JSON.

    On Linux it dies with this one, however that ends.
    """

    def __init__(self, log: Path, check: Callable[[], None], module: str, *arguments: str) -> None:
        """`check` is called every now and then while it is waited for, and may raise."""
        self._name = module
        self._log = log
        self._check = check
        command = [sys.executable, "-m", module, *arguments]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=REPOSITORY,
                text=True,
                process_group=0,  # a Ctrl-C at the terminal reaches the measurement, which ends it
            )
        # Both are pipes.
        self._input, self._output = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        self._expect_ready()

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self) -> None:
        """Lets it begin."""
        self._input.write("\n")
        self._input.flush()

    def answer(self) -> dict[str, Any]:
        """What it has to say, once it has. Raises `RuntimeError` where it has ended without."""
        line = self._line()
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _expect_ready(self) -> None:
        line = self._line()
        if line != "ready\n":
            self._process.kill()
            raise RuntimeError(f"{self._name} said {line!r} where it should have said that it is ready")

    def _line(self) -> str:
        while not select.select([self._output], [], [], LOOK_S)[0]:
            self._check()
        line = self._output.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended with {self._process.wait()}, unanswered:\n{self._log.read_text()}")
        return line


@dataclass(frozen=True)
class Usage:
    """Processor time of some processes at a moment, in seconds, that of their children that have ended included."""

    seconds: Mapping[str, float]

    @classmethod
    def of(cls, pids: Mapping[str, int]) -> Usage:
        return cls({name: cpu_s(pid) for name, pid in pids.items()})

    def since(self, before: Usage) -> dict[str, float]:
        return {name: round(now - before.seconds[name], 2) for name, now in self.seconds.items()}


def cpu_s(pid: int) -> float:
    """Processor time of a process, seconds; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS_A_SECOND
