"""Processes that are there at once: forked from one in which everything is imported, each with its own environment."""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

import coordinator.__main__
import producer.__main__
import recorder.__main__
import workers.__main__
from playhead import crash_points
from tests.support.services import READY
from tests.support.waiting import wait_until
from tests.support.write_guard import Passing, WriteGuard, passed

ROLES: Final[Mapping[str, Callable[[], int]]] = {
    "coordinator": coordinator.__main__.main,
    "producer": producer.__main__.main,
    "worker": workers.__main__.main,
    "recorder": recorder.__main__.main,
}
TIMEOUT_S: Final = 120.0
_PR_SET_PDEATHSIG: Final = 1
_ONE_AT_A_TIME: Final = threading.Lock()
"""For what `multiprocessing` does not expect of several threads: whoever starts a process looks after all others."""


@dataclass(frozen=True)
class Surroundings:
    """Where a process runs: its environment (with the point at which it dies), the commands that write, the files of
    its log and of what it passed."""

    environment: Mapping[str, str]
    writes: frozenset[str]
    log: Path
    notes: Path


class Warm:
    """One such process. It runs a role, or any function of a module, and dies where it is armed to."""

    def __init__(self, name: str, surroundings: Surroundings, *arguments: str) -> None:
        """`name` is a role, or `module:function`."""
        self.name = name
        self.log = surroundings.log
        self._notes = surroundings.notes
        self._process = _context().Process(target=_run, args=(name, surroundings, arguments), daemon=True)
        with _ONE_AT_A_TIME:
            self._process.start()

    @property
    def sentinel(self) -> int:
        """What `multiprocessing.connection.wait` waits for: the end of the process."""
        return self._process.sentinel

    @property
    def passed(self) -> list[Passing]:
        """The writes that it passed."""
        return passed(self._notes)

    @property
    def exit_code(self) -> int | None:
        """`None` while it lives, `-9` where it died at its point."""
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    @property
    def listens(self) -> bool:
        """Whether a service has come so far that it ends well at SIGTERM."""
        return self.log.exists() and any(said in self.log.read_text() for said in READY.values())

    def ended(self) -> int:
        """Waits for its end, and gives its exit code."""
        wait_until(lambda: not self.alive, TIMEOUT_S, f"{self.name} to end, whose log is {self.log}")
        code = self.exit_code
        assert code is not None
        return code

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, and waits until it is dead."""
        self._process.kill()
        self.ended()


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.warm_parent"])
    return context


def _run(name: str, surroundings: Surroundings, arguments: tuple[str, ...]) -> None:
    if sys.platform == "linux":  # a test run that is killed leaves nothing running
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(surroundings.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for each in (1, 2):
        os.dup2(output, each)
    faulthandler.enable()
    os.environ.clear()
    os.environ.update(surroundings.environment)
    WriteGuard(surroundings.writes, surroundings.notes).install()
    crash_points.arm(os.environ.get(crash_points.VARIABLE))
    if name in ROLES:
        sys.exit(ROLES[name]())
    module, _, function = name.partition(":")
    getattr(import_module(module), function)(*arguments)
