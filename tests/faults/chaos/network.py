"""The network between the processes and Redis: the proxy process, and how it is told of faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from typing import Final

from shared.redis_server import DIE_WITH_PARENT
from tests.faults.chaos.fault import Fault, Kind
from tests.support.services import REPOSITORY

WORDS: Final = {Kind.LOSE: "lose", Kind.CUT: "cut", Kind.HOLD: "hold", Kind.DELAY: "delay"}


def tied(*command: str) -> list[str]:
    """A command whose process dies with this one, however this one ends."""
    return [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]


class Network:
    """A running proxy, ended at the end of a `with` block by the end of its stdin."""

    def __init__(self, port: int, names: Iterable[str]) -> None:
        command = tied(sys.executable, "-m", "tests.faults.chaos.proxy", str(port), *names)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, cwd=REPOSITORY
        )
        assert self._process.stdout is not None
        self._said = self._process.stdout
        self._ports: dict[str, int] = json.loads(self._said.readline())

    def url(self, name: str) -> str:
        """Where this process finds Redis."""
        return f"redis://127.0.0.1:{self._ports[name]}/0"

    def disturb(self, fault: Fault) -> None:
        """Begins a fault, which ends by itself. Returns when it has begun."""
        assert self._process.stdin is not None
        print(fault.target, WORDS[fault.kind], fault.lasts_s, file=self._process.stdin, flush=True)
        assert self._said.readline(), "the proxy has died"

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)
        assert self._process.returncode == 0, "the proxy has died"
