"""The services as real processes on a server, their logs in files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.free_port import free_port
from shared.redis_server import DIE_WITH_PARENT, LOOPBACK
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DISTRIBUTION = Path(__file__).resolve().parent / "distribution"
MODULES = {"coordinator": "coordinator", "producer": "producer", "worker": "workers", "recorder": "recorder"}
READY = dict.fromkeys(MODULES, "serving sessions") | {"worker": "taking jobs"}
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
_LINE = re.compile(
    r"(?P<moment>\S+Z) (?P<level>[A-Z]+) (?P<role>\w+) (?P<text>.*?)(?P<fields>( (session|command)=\S+)*)"
)


@dataclass(frozen=True)
class LogLine:
    """One line of a service's log. `text` is without the fields at its end."""

    moment: str
    level: str
    role: str
    text: str
    fields: Mapping[str, str]


@dataclass
class Service:
    """One process. `port` is that of its metrics, where it has one."""

    role: str
    log: Path
    process: subprocess.Popen[bytes]
    port: int = 0
    suspended: bool = field(default=False)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has come so far as to say that it serves. Raises `AssertionError` where it has died."""
        assert self.alive, f"{self.role} ended with {self.process.returncode}:\n{self.log.read_text()}"
        return READY[self.role] in self.log.read_text()

    def kill(self) -> None:
        """SIGKILL, and waits until it is dead."""
        self.process.kill()
        self.process.wait()

    def ended(self, deadline: float) -> int:
        """Waits for its end, and gives its exit code. One that is late is aborted: its log then says where it was."""
        try:
            return self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            return self.process.wait()

    def suspend(self) -> None:
        """SIGSTOP, and waits until it stands."""
        self.process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"{self.role} could not be suspended"
        self.suspended = True

    def resume(self) -> None:
        """SIGCONT, where it was suspended."""
        if self.suspended and self.alive:
            self.process.send_signal(signal.SIGCONT)
        self.suspended = False


class Services:
    """Services on one server. All are ended at the end of a `with` block, which fails where one does not end well.

    `limits` are settings of the services, by the names of `shared.settings.Settings`. Where `metrics` is set, each that
    is started then has a port for them.
    """

    def __init__(self, url: str, directory: Path, **limits: int) -> None:
        self.url = url
        self.directory = directory
        self.metrics = False
        self.running: list[Service] = []
        self._started = 0
        self._since = ""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
        set_here = {f"PLAYHEAD_{name.upper()}": str(value) for name, value in limits.items()}
        self.environment = (
            kept | set_here | {"PLAYHEAD_REDIS_URL": url, "PYTHONPATH": str(DISTRIBUTION), "PYTHONFAULTHANDLER": "1"}
        )

    def start(self, *roles: str, wait: bool = True) -> list[Service]:
        """Starts one process for each role, and waits until all serve."""
        started = [self._launch(role) for role in roles]
        self.running += started
        if wait:
            self.wait_ready(started)
        return started

    def wait_ready(self, services: Sequence[Service] | None = None) -> None:
        """Waits until services (all of them by default) serve."""
        for each in services or self.running:
            wait_until(lambda each=each: each.ready, START_TIMEOUT_S, f"the {each.role} to be ready")  # type: ignore[misc]

    def of(self, role: str) -> list[Service]:
        """The living ones of a role."""
        return [each for each in self.running if each.role == role and each.alive]

    def only(self, role: str) -> Service:
        """The one of a role of which there is one."""
        (one,) = self.of(role)
        return one

    def with_pid(self, pid: int) -> Service:
        """The one whose process it is."""
        return next(each for each in self.running if each.process.pid == pid)

    @contextmanager
    def suspended(self, *roles: str) -> Iterator[None]:
        """All of these roles stand still in the block."""
        standing = [each for role in roles for each in self.of(role)]
        for each in standing:
            each.suspend()
        try:
            yield
        finally:
            for each in standing:
                each.resume()

    def replace(self, dead: Service) -> Service:
        """Starts another one in the place of one that was killed, and waits until it serves."""
        self.running.remove(dead)
        (other,) = self.start(dead.role)
        return other

    def heal(self) -> None:
        """Sets going what a test has left suspended, and starts again what it has killed, without waiting for it."""
        dead = [each for each in self.running if not each.alive]
        self.running = [each for each in self.running if each.alive]
        for each in self.running:
            each.resume()
        self.start(*(each.role for each in dead), wait=False)

    def mark(self) -> None:
        """Lines before now are no more of interest."""
        lines = self.log_lines(everything=True)
        self._since = lines[-1].moment if lines else ""

    def log_lines(self, everything: bool = False) -> list[LogLine]:
        """What all have logged since the mark, merged by time. In the same millisecond a worker's line comes first:
        the coordinator answers workers.
        """
        found = [line for log in sorted(self.directory.glob("*.log")) for line in _read(log)]
        found.sort(key=lambda line: (line.moment, line.role != "worker"))
        return [line for line in found if everything or line.moment >= self._since]

    def log_text(self) -> str:
        """The same to be read, with tracebacks."""
        return "\n".join(
            f"{line.moment} {line.level} {line.role} {line.text} {_shown(line)}" for line in self.log_lines()
        )

    def stop(self) -> None:
        """SIGTERM to all. Raises `AssertionError` where one does not end within 5 s, or not with 0."""
        for each in self.running:
            each.resume()
        alive = [each for each in self.running if each.alive]
        try:
            self.wait_ready(alive)  # before that nobody has set a handler
            for each in alive:
                each.process.terminate()
            deadline = time.monotonic() + STOP_TIMEOUT_S
            for each in alive:
                code = each.ended(deadline)
                assert code == 0, f"{each.role} ended with {code}:\n{each.log.read_text()}"
        finally:
            for each in alive:
                each.kill()
            self.running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self, role: str) -> Service:
        self._started += 1
        log = self.directory / f"{self._started:02}-{role}.log"
        command = [sys.executable, "-m", MODULES[role]]
        if sys.platform == "linux":  # a test run that is killed leaves nothing running
            command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
        port = free_port(LOOPBACK) if self.metrics else 0
        ours = {"PLAYHEAD_METRICS_PORT": str(port)} if port else {}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=REPOSITORY,
                env=self.environment | ours,
            )
        return Service(role, log, process, port)


def _read(log: Path) -> Iterator[LogLine]:
    last: LogLine | None = None
    for text in log.read_text().splitlines():
        match = _LINE.fullmatch(text)
        if match is None:  # a line of a traceback
            moment = last.moment if last else ""
            yield LogLine(moment, "", log.stem, text, {})
            continue
        fields = dict(part.split("=", 1) for part in match["fields"].split())
        last = LogLine(match["moment"], match["level"], match["role"], match["text"], fields)
        yield last


def _shown(line: LogLine) -> str:
    return " ".join(f"{name}={value}" for name, value in line.fields.items())
