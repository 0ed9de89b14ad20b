"""How long it takes until a session that was hit by a fault goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.faults.chaos.fault import Fault, Kind, Role
from tests.faults.chaos.sample import Sample

GIVEN_UP_S: Final = 20.0
"""A session that shows no consequence in this time was not hit."""
AROUND_S: Final = 2.0
"""A fault so soon before another one may still be felt."""
RELEVANT: Final = {
    Role.COORDINATOR: {Role.COORDINATOR, Role.CONSUMER, Role.REDIS},
    Role.PRODUCER: {Role.PRODUCER, Role.REDIS},
    Role.WORKER: {Role.WORKER, Role.COORDINATOR, Role.REDIS},
    Role.CONSUMER: {Role.CONSUMER, Role.REDIS},
    Role.REDIS: set(Role),
}
"""Whose other faults lengthen the recovery from a fault of a role. (The clock may wait for a consumer.)"""
MEASURED: Final = (Kind.KILL, Kind.SUSPEND, Kind.CUT, Kind.HOLD)


@dataclass
class Recovery:
    """One session after one fault, until it goes on or is seen not to have been hit."""

    fault: Fault
    begun_s: float
    before: Sample
    last: Sample
    """The last sample under the holder of before."""

    def took_s(self, now: Sample) -> float | None:
        """Seconds from the fault until this sample, with which the session has gone on; `None` before that."""
        return now.at_s - self.begun_s if self._goes_on(now) else None

    def is_void(self, now: Sample) -> bool:
        """Whether nothing can be said: the session has ended, was held, or was not hit."""
        if now.at_s - self.begun_s > GIVEN_UP_S:
            return True
        if self.fault.role in (Role.COORDINATOR, Role.REDIS):
            return not now.runs
        if self.fault.role is Role.WORKER:
            return False
        return now.status not in ("running", "paused")

    def _goes_on(self, now: Sample) -> bool:
        role = self.fault.role
        match role:
            case Role.COORDINATOR:
                if now.serving[role] == self.before.serving[role]:
                    self.last = now
                    return False
                return now.clock_ms > self.last.clock_ms
            case Role.PRODUCER:
                return now.serving[role] != self.before.serving[role]
            case Role.WORKER:
                if now.attempts:
                    self.last = now
                return not now.attempts
            case Role.CONSUMER:
                name = self.fault.target
                (was, at), (now_is, now_at) = self.before.consumers[name], now.consumers[name]
                return now_is not in (was, "") and now_at != at
            case _:
                return now.clock_ms > self.before.clock_ms

    @property
    def has_hit(self) -> bool:
        """Whether the session felt it: of a worker, whether its job went to another attempt."""
        return self.fault.role is not Role.WORKER or self.last.attempts != self.before.attempts


def begun(fault: Fault, at_s: float, before: Sample) -> Recovery | None:
    """A recovery to be followed, where one can be measured."""
    if fault.kind not in MEASURED or (fault.kind is not Kind.KILL and fault.role is Role.CONSUMER):
        return None
    can_be_seen = bool(before.attempts) if fault.role is Role.WORKER else before.runs
    return Recovery(fault, at_s, before, before) if can_be_seen and fault.role in RELEVANT else None


@dataclass
class Times:
    """The seconds that recoveries took, by role and kind: those with no other fault around, and the others."""

    alone: dict[tuple[Role, Kind], list[float]] = field(default_factory=lambda: defaultdict(list))
    among_others: dict[tuple[Role, Kind], list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, recovery: Recovery, took_s: float, faults: Sequence[tuple[float, Fault]]) -> None:
        """Notes a recovery. `faults` are those of late, with when they began."""
        begun_s, fault = recovery.begun_s, recovery.fault
        others = [
            other
            for at_s, other in faults
            if (at_s, other) != (begun_s, fault)
            and other.role in RELEVANT[fault.role]
            and at_s <= begun_s + took_s
            and at_s + other.lasts_s + AROUND_S >= begun_s
        ]
        (self.among_others if others else self.alone)[fault.role, fault.kind].append(took_s)

    def rows(self) -> Iterator[tuple[Role, Kind, list[float], list[float]]]:
        """Role, kind, seconds alone and among others."""
        for role, kind in sorted({*self.alone, *self.among_others}):
            yield role, kind, sorted(self.alone[role, kind]), sorted(self.among_others[role, kind])


def percentile(ordered: Sequence[float], of_hundred: float) -> float:
    """The nearest rank of values that are in order."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * of_hundred / 100))]
