"""The command `docker`, and what a test does to a container from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

TIMEOUT_S: Final = 60.0
NO_ENGINE: Final = "no Docker engine answers; on Debian and Ubuntu as root: .ci/engine start"

SIGNAL_ROLE: Final = """
import os, signal, sys
os.kill(min(int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"), getattr(signal, sys.argv[1]))
"""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it answered with `--json`."""
        return json.loads(self.out)


def run(command: Sequence[str], timeout_s: float = TIMEOUT_S) -> Outcome:
    """Runs a command to its end."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s)
    return Outcome(done.returncode, done.stdout, done.stderr)


def docker(*arguments: str, timeout_s: float = TIMEOUT_S) -> str:
    """What `docker …` prints. Raises `AssertionError` where it fails."""
    outcome = run(["docker", *arguments], timeout_s)
    assert outcome.code == 0, f"docker {' '.join(arguments)} ended with {outcome.code}: {outcome.out}{outcome.err}"
    return outcome.out.strip()


def engine_answers() -> bool:
    """Whether there is an engine, and may be used."""
    try:
        return run(["docker", "info", "--format", "{{.ServerVersion}}"]).code == 0
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Container:
    """One container, by its id."""

    id: str

    def state(self) -> dict[str, Any]:
        """What the engine says of it: `Running`, `ExitCode`, `Pid`, `Health` and more."""
        found: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", self.id))
        return found

    def has_ended(self) -> bool:
        """Whether it has run and does not any more."""
        return bool(self.state()["Status"] == "exited")

    def is_healthy(self) -> bool:
        """Whether its health check says so. One without a check is healthy while it runs."""
        state = self.state()
        health: str | None = (state.get("Health") or {}).get("Status")
        return state["Running"] and health in (None, "healthy")

    def starts(self) -> int:
        """How often its restart policy has started it again."""
        return int(docker("inspect", "--format", "{{.RestartCount}}", self.id))

    def log(self) -> str:
        """All that it has printed."""
        outcome = run(["docker", "logs", self.id])
        return outcome.out + outcome.err

    def kill(self) -> None:
        """SIGKILL from outside of the container, as when its process crashes: `docker kill` would count as a stop."""
        pid = int(self.state()["Pid"])
        assert pid > 0, f"container {self.id} does not run"
        if os.geteuid() == 0:
            os.kill(pid, signal.SIGKILL)
            return
        image = docker("inspect", "--format", "{{.Image}}", self.id)
        arguments = ["--rm", "--privileged", "--pid=host", "--user=0", "--entrypoint=kill"]
        docker("run", *arguments, image, "-KILL", str(pid))

    def check(self) -> int:
        """Runs the health check of a role now, and gives its exit code."""
        return run(["docker", "exec", self.id, "python", "-S", "-m", "shared.health"]).code

    def signal_inside(self, name: str) -> None:
        """Sends a signal to the role: the process after the first one, which only passes signals on."""
        docker("exec", self.id, "python", "-S", "-c", SIGNAL_ROLE, name)

    def stop(self, timeout_s: int = 10) -> None:
        """SIGTERM, and SIGKILL after the timeout."""
        docker("stop", "--time", str(timeout_s), self.id)

    def start(self) -> None:
        docker("start", self.id)

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.id)

    def disconnect(self, network: str) -> None:
        """Takes it off a network."""
        docker("network", "disconnect", network, self.id)

    def connect(self, network: str, *aliases: str) -> None:
        """Puts it on a network again."""
        docker("network", "connect", *(part for alias in aliases for part in ("--alias", alias)), network, self.id)
