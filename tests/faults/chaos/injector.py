"""Carries out the faults of all rounds, one after the other, and mends what they have broken."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.faults.chaos.fault import Fault, Kind, Role
from tests.faults.chaos.fleet import Fleet
from tests.faults.chaos.watch import Watch

AIM_S: Final = 1.0
"""How long a fault of a worker waits for an addition to hit: without one a worker does nothing."""
REMEMBERED: Final = 100
"""Faults that a failing round tells of."""
_numbers = count()


@dataclass(order=True)
class _Due:
    """The beginning of a fault, or its end, at a monotonic time."""

    at_s: float
    number: int = field(default_factory=lambda: next(_numbers))
    fault: Fault = field(compare=False, kw_only=True)
    ends: bool = field(compare=False, kw_only=True)


class Injector:
    """Rounds hand in their faults from their threads; `step` is called by the thread that has made the fleet."""

    def __init__(self, fleet: Fleet, watch: Watch) -> None:
        self.done: Counter[tuple[Role, Kind]] = Counter()
        self.latest: deque[tuple[float, Fault]] = deque(maxlen=REMEMBERED)
        self._fleet = fleet
        self._watch = watch
        self._due: list[_Due] = []
        self._lock = threading.Lock()

    def hand_in(self, faults: Sequence[Fault]) -> None:
        """The faults of a round that begins now."""
        now = time.monotonic()
        for fault in faults:
            self._push(_Due(now + fault.at_s, fault=fault, ends=False))

    def step(self) -> None:
        """Does what is due."""
        while True:
            now = time.monotonic()
            with self._lock:
                if not self._due or self._due[0].at_s > now:
                    return
                due = heapq.heappop(self._due)
            if due.ends:
                self._end(due.fault)
            elif due.fault.role is Role.WORKER and now - due.at_s < AIM_S and not self._watch.adding():
                self._push(due)
                return
            else:
                self._begin(due.fault, now)

    @property
    def idle(self) -> bool:
        """Whether all faults are over."""
        with self._lock:
            return not self._due

    def _push(self, due: _Due) -> None:
        with self._lock:
            heapq.heappush(self._due, due)

    def _begin(self, fault: Fault, now: float) -> None:
        match fault.kind:
            case Kind.KILL | Kind.SUSPEND if not self._hit(fault):
                return  # it is dead, or suspended, by an earlier fault
            case Kind.KILL | Kind.SUSPEND:
                self._push(_Due(now + fault.lasts_s, fault=fault, ends=True))
            case _:
                self._fleet.network.disturb(fault)
        self._watch.notice(fault)
        self.done[fault.role, fault.kind] += 1
        self.latest.append((time.time(), fault))

    def _hit(self, fault: Fault) -> bool:
        """Kills or suspends. Whether there was anything to hit."""
        if fault.role is Role.REDIS:
            return self._fleet.hit_server(kill=fault.kind is Kind.KILL)
        service = self._fleet.process(fault.target)
        if not service.alive or (fault.kind is Kind.SUSPEND and service.suspended):
            return False
        if fault.kind is Kind.KILL:
            service.kill()
        else:
            service.suspend()
        return True

    def _end(self, fault: Fault) -> None:
        if fault.role is Role.REDIS:
            self._fleet.mend_server(killed=fault.kind is Kind.KILL)
        elif fault.kind is Kind.KILL:
            self._fleet.mend(fault.target)
        else:
            self._fleet.process(fault.target).resume()
