"""One thread in place of many: which of the simulated threads goes next is drawn by chance, and time is made.

A simulated thread runs until it asks the server or waits for something; there it hands over. When nobody can go on, the
clock leaps to when the first one can. The same seed gives the same order.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from unittest import mock

from greenlet import getcurrent, greenlet

BEGIN_US = 1_767_225_600_000_000  # 2026-01-01: later than all market time, as in life
NEVER_US = 1 << 62
_SLEEP = time.sleep


class Killed(BaseException):
    """The process of a thread is dead. Nothing that still runs while it unwinds reaches the server."""


class Process:
    """Some threads that die together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.credential = ""  # the fencing token or the attempt under which it acts
        self.threads: list[Thread] = []

    def suspend(self, until_us: int) -> None:
        """SIGSTOP until a time."""
        for thread in self.threads:
            thread.suspended_us = until_us


class Thread:
    """A simulated thread. It can go on from `wake_us` on."""

    def __init__(self, scheduler: Scheduler, process: Process, name: str, run: Callable[[], object]) -> None:
        self.process = process
        self.name = name
        self.wake_us = 0
        self.suspended_us = 0
        self.over = False
        self._run = run
        self.greenlet = greenlet(self._main, scheduler.main)

    def _main(self) -> None:
        try:
            self._run()
        except Killed:
            pass
        finally:
            self.over = True


class Scheduler:
    """All simulated threads of one run, and their clock."""

    def __init__(self, random: Random, call_us: int) -> None:
        """`call_us` is how long a call to the server takes."""
        self.random = random
        self.now_us = BEGIN_US
        self.main = getcurrent()
        self.current: Thread | None = None
        self.steps = 0
        self._call_us = call_us
        self._ident = threading.get_ident()
        self._threads: list[Thread] = []

    def spawn(self, process: Process, name: str, run: Callable[[], object]) -> Thread:
        """Begins a thread."""
        thread = Thread(self, process, name, run)
        process.threads.append(thread)
        self._threads.append(thread)
        return thread

    def kill(self, process: Process) -> None:
        """SIGKILL: none of its threads does anything any more."""
        process.alive = False
        for thread in process.threads:
            if thread is not self.current and not thread.over:
                self._threads.remove(thread)
                if thread.greenlet:
                    here, self.current = self.current, thread
                    thread.greenlet.parent = getcurrent()
                    thread.greenlet.throw(Killed)
                    self.current = here
                thread.over = True  # also where it had not begun
        if self.current is not None and self.current.process is process:
            raise Killed

    def end(self) -> None:
        """Kills all that are left. What the run has made is then held by nobody any more."""
        self.current = None
        for thread in list(self._threads):
            if not thread.over:
                self.kill(thread.process)
        self._threads.clear()

    def step(self) -> bool:
        """Lets one thread go on to where it hands over. False where there is none left."""
        now_us = self.now_us
        ready = [each for each in self._threads if each.wake_us <= now_us and each.suspended_us <= now_us]
        if not ready:
            if not self._threads:
                return False
            self.now_us = min(max(each.wake_us, each.suspended_us) for each in self._threads)
            return True
        thread = ready[int(self.random.random() * len(ready))]
        self.steps += 1
        self.current = thread
        thread.greenlet.switch()
        self.current = None
        if thread.over and thread in self._threads:
            self._threads.remove(thread)
        return True

    def hand_over(self) -> None:
        """Others may go first; time passes. Raises `Killed` where the process has died meanwhile."""
        self.now_us += self._call_us
        thread = self.current
        if thread is None:
            return
        if thread.process.alive:  # one that unwinds goes through to its end
            self.main.switch()
        if not thread.process.alive:
            raise Killed

    def sleep(self, seconds: float) -> None:
        """Waits: for so long at least. A thread that another test has left behind sleeps on by the real clock."""
        if threading.get_ident() != self._ident:
            _SLEEP(seconds)
            return
        thread = self.current
        if thread is None:
            self.now_us += int(seconds * 1_000_000)
            return
        if not thread.process.alive:
            raise Killed
        thread.wake_us = self.now_us + int(seconds * 1_000_000)
        self.hand_over()

    def monotonic(self) -> float:
        return self.now_us / 1_000_000

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Python's clock is this one in the block, and its random bytes follow from the seed."""
        with ExitStack() as patches:
            for name, function in (("monotonic", self.monotonic), ("time", self.monotonic), ("sleep", self.sleep)):
                patches.enter_context(mock.patch.object(time, name, function))
            patches.enter_context(mock.patch.object(os, "urandom", self.random.randbytes))
            yield


class Event:
    """`threading.Event` among simulated threads."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._set = False
        self._waiting: list[Thread] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        for thread in self._waiting:
            thread.wake_us = 0
        self._waiting.clear()

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        thread = self._scheduler.current
        assert thread is not None
        if not self._set:
            self._waiting.append(thread)
            self._scheduler.sleep(NEVER_US / 1_000_000 if timeout is None else timeout)
        return self._set


class ThreadLike:
    """`threading.Thread` as a simulated one, in the process of whoever begins it."""

    def __init__(
        self, scheduler: Scheduler, target: Callable[..., object], args: tuple[object, ...], name: str
    ) -> None:
        self._scheduler = scheduler
        self._target = target
        self._args = args
        self._name = name
        self._thread: Thread | None = None

    def start(self) -> None:
        current = self._scheduler.current
        if current is None:  # nobody else is there: it is done at once
            self._work()
            return
        process = current.process
        self._thread = self._scheduler.spawn(process, f"{process.name}/{self._name}", self._work)

    def join(self, timeout: float | None = None) -> None:
        while self._thread is not None and not self._thread.over and timeout != 0:
            self._scheduler.sleep(0.001)

    def _work(self) -> None:
        self._target(*self._args)
