"""Child processes that belong to this one: started again when they die, stopped with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from shared.redis_server import DIE_WITH_PARENT

STOP_TIMEOUT_S: Final = 5.0
FIRST_BACKOFF_S: Final = 0.5
LONGEST_BACKOFF_S: Final = 10.0
STEADY_S: Final = 20.0
"""A process that ran this long did not die of its start: the backoff begins anew."""
_POLL_S = 0.02


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    sockets: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    backoff_s: float = field(default_factory=lambda: FIRST_BACKOFF_S)
    due_s: float = 0.0  # when it is started again, where it is not running


class Processes:
    """Children by name, each in a process group of its own: a Ctrl-C at the terminal reaches the parent only.

    On Linux they also die with the thread that started them, however it ends. They inherit stdout and stderr.
    Call `check` every now and then from that thread. All are stopped at the end of a `with` block.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment` comes on top of this process's own."""
        self._environment = os.environ | environment
        self._children: list[_Child] = []

    def start(self, name: str, command: Sequence[str], sockets: Sequence[int] = ()) -> None:
        """Starts a child. The program is named by its full path. It has these sockets of ours under their numbers."""
        child = _Child(name, command, sockets)
        self._children.append(child)
        self._launch(child)

    def check(self) -> list[str]:
        """Starts again what has died, after a pause that grows each time; says in words what happened."""
        notes = []
        now_s = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now_s >= child.due_s:
                    self._launch(child)
                    notes.append(f"{child.name} started again")
            elif (code := child.process.poll()) is not None:
                if now_s - child.started_s > STEADY_S:
                    child.backoff_s = FIRST_BACKOFF_S
                _kill_group(child.process)  # what it may have started itself
                child.process = None
                child.due_s = now_s + child.backoff_s
                notes.append(f"{child.name} {_ending(code)}; it is started again in {child.backoff_s:g} s")
                child.backoff_s = min(2 * child.backoff_s, LONGEST_BACKOFF_S)
        return notes

    def stop(self) -> None:
        """Asks all to end, and ends by force those that have not after a while, and what they left behind."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        while any(process.poll() is None for process in running) and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        for process in running:
            _kill_group(process)
            process.wait()
        self._children.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self, child: _Child) -> None:
        command = list(child.command)
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
        child.started_s = time.monotonic()
        child.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, env=self._environment, process_group=0, pass_fds=child.sockets
        )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody left (macOS says so with the second)
        os.killpg(process.pid, signal.SIGKILL)


def _ending(code: int) -> str:
    return f"ended with {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
