"""Looks at all sessions all the time: the clock must never go back, nor move under a hold."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

from playhead.connection import connect
from playhead.errors import RedisUnavailable
from tests.faults.chaos import sample
from tests.faults.chaos.fault import Fault
from tests.faults.chaos.recovery import Recovery, Times, begun
from tests.faults.chaos.sample import Sample

EVERY_S: Final = 0.03
FAULTS_KEPT: Final = 200


class Watch:
    """A thread with a connection of its own, past the network that is disturbed; ended with a `with` block."""

    def __init__(self, url: str) -> None:
        self.times = Times()
        self.samples = 0
        self._url = url
        self._wrong: dict[str, list[str]] = {}
        self._last: dict[str, Sample] = {}
        self._recovering: dict[str, list[Recovery]] = {}
        self._sessions: tuple[str, ...] = ()
        self._news: deque[tuple[float, Fault]] = deque()
        self._faults: deque[tuple[float, Fault]] = deque(maxlen=FAULTS_KEPT)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def follow(self, session: str) -> None:
        """Begins to look at a session."""
        self._wrong[session] = []
        self._sessions += (session,)

    def leave(self, session: str) -> list[str]:
        """What was wrong with a session, at which it looks no more."""
        self._sessions = tuple(each for each in self._sessions if each != session)
        return self._wrong.pop(session)

    def notice(self, fault: Fault) -> None:
        """A fault begins now."""
        self._news.append((time.monotonic(), fault))

    def adding(self) -> bool:
        """Whether an addition was in progress when it last looked."""
        return any(each.attempts for each in tuple(self._last.values()))

    def _run(self) -> None:
        with connect(self._url) as client:
            while not self._stopping.wait(EVERY_S):
                while self._news:
                    self._begin(*self._news.popleft())
                try:
                    for session in self._sessions:
                        now = sample.taken(client, session)
                        if now is not None:
                            self._look(session, now)
                except RedisUnavailable:
                    continue  # it looks again
                for gone in set(self._last) - set(self._sessions):
                    del self._last[gone]
                    self._recovering.pop(gone, None)

    def _begin(self, at_s: float, fault: Fault) -> None:
        self._faults.append((at_s, fault))
        for session, last in self._last.items():
            recovery = begun(fault, at_s, last)
            if recovery is not None:
                self._recovering.setdefault(session, []).append(recovery)

    def _look(self, session: str, now: Sample) -> None:
        self.samples += 1
        before = self._last.get(session)
        self._last[session] = now
        wrong = self._wrong.get(session, [])
        if before is not None and now.clock_ms < before.clock_ms:
            wrong.append(f"the clock went back from {before.clock_ms} to {now.clock_ms}")
        # `user` may have been taken away and placed again in between; the others are there once.
        held = (now.holds & before.holds) - {"user"} if before is not None else frozenset()
        if before is not None and held and now.clock_ms != before.clock_ms:
            wrong.append(f"the clock went from {before.clock_ms} to {now.clock_ms} under the hold {min(held)}")
        for recovery in tuple(self._recovering.get(session, ())):
            took_s = recovery.took_s(now)
            if took_s is not None and recovery.has_hit:
                self.times.add(recovery, took_s, self._faults)
            if took_s is not None or recovery.is_void(now):
                self._recovering[session].remove(recovery)
