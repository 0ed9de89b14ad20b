"""Named points before and after every write, at which a test lets the process die.

    PLAYHEAD_CRASH_AT=advance:before      dies when it is about to run the script `advance`
    PLAYHEAD_CRASH_AT=commit:after:2      dies when the server has carried out the second one, and nobody knows it yet

With PLAYHEAD_CRASH_BY=SIGSTOP it is suspended there, and goes on when somebody says so.

Every write to Redis, and every file of a recording, goes through a `Write`; a test refuses any other.
"""

from __future__ import annotations

import os
import signal
import threading
from types import TracebackType
from typing import Final

VARIABLE: Final = "PLAYHEAD_CRASH_AT"
SIGNAL_VARIABLE: Final = "PLAYHEAD_CRASH_BY"
BEFORE: Final = "before"
AFTER: Final = "after"

WRITES: Final[set[str]] = set()
"""The names of all writes of the modules that were imported."""


class Write:
    """What is written in its block has a point before it, and one after it. An error passes the second one by."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name
        WRITES.add(name)

    def __enter__(self) -> None:
        reached(self.name, BEFORE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            reached(self.name, AFTER)


def reached(write: str, side: str) -> None:
    """Called at each point. A test in the same process may put a function in its place that raises."""
    if _trap.point is not None:
        _trap.reached(write, side)


def arm(point: str | None) -> None:
    """Sets the one point at which this process dies: `write:side`, or `write:side:n` for its n-th passing."""
    _trap.set(point)


class _Trap:
    """The point at which this process dies, `None` where it does at none."""

    def __init__(self, point: str | None) -> None:
        self._lock = threading.Lock()  # a process serves many sessions, each in a thread
        self.set(point)

    def set(self, point: str | None) -> None:
        self.point = point
        name, side, *count = point.split(":") if point else ("", "")
        self._at = name, side
        self._left = int(*count) if count else 1

    def reached(self, write: str, side: str) -> None:
        if (write, side) == self._at:
            with self._lock:
                self._left -= 1
                if self._left == 0:
                    signal.pthread_kill(threading.get_ident(), _signal)  # this thread gets no further


_signal: Final = signal.Signals[os.environ.get(SIGNAL_VARIABLE, "SIGKILL")]
_trap: Final = _Trap(os.environ.get(VARIABLE))
