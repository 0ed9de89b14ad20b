"""A fault: what is done to whom, when, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Role(StrEnum):
    """Who can be hit. `CLIENT` is whoever gives the commands; it is cut off, and never killed."""

    COORDINATOR = "coordinator"
    PRODUCER = "producer"
    WORKER = "worker"
    CONSUMER = "consumer"
    REDIS = "redis"
    CLIENT = "client"


class Kind(StrEnum):
    """What can be done. The last four are done to the network between a role and Redis."""

    KILL = "kill -9"
    SUSPEND = "suspended"
    LOSE = "replies lost"
    CUT = "cut off"
    HOLD = "held back"
    DELAY = "delayed"


COUNTS: Final = {
    Role.COORDINATOR: 2,
    Role.PRODUCER: 2,
    Role.WORKER: 2,
    Role.CONSUMER: 3,
    Role.REDIS: 1,
    Role.CLIENT: 1,
}
"""Processes of each role."""
WITNESS: Final = 0
"""The consumer that is never killed."""

_ROLE_WEIGHTS: Final = {
    Role.COORDINATOR: 30,
    Role.WORKER: 22,
    Role.PRODUCER: 18,
    Role.CONSUMER: 16,
    Role.REDIS: 8,
    Role.CLIENT: 6,
}
_KIND_WEIGHTS: Final = {
    Kind.KILL: 4,
    Kind.SUSPEND: 2,
    Kind.LOSE: 2,
    Kind.CUT: 1,
    Kind.HOLD: 2,
    Kind.DELAY: 1,
}
_NETWORK: Final = (Kind.LOSE, Kind.CUT, Kind.HOLD, Kind.DELAY)
KINDS: Final = dict.fromkeys(Role, (Kind.KILL, Kind.SUSPEND, *_NETWORK)) | {
    Role.REDIS: (Kind.KILL, Kind.SUSPEND),
    Role.CLIENT: _NETWORK,
}
_SHORT_S: Final = (0.1, 0.8)
_LONG_S: Final = (1.7, 3.0)
"""Longer than a lease (1.5 s) and than a silent job is waited for (2 s) sometimes."""


@dataclass(frozen=True)
class Fault:
    """`at_s` counts from the start of the round. What was killed is started again after `lasts_s`."""

    at_s: float
    kind: Kind
    role: Role
    number: int
    lasts_s: float

    @property
    def target(self) -> str:
        """Who is hit: `coordinator-1`."""
        return f"{self.role}-{self.number}"


def drawn_fault(random: Random, at_s: float, kinds: frozenset[Kind]) -> Fault:
    """A fault of one of these kinds."""
    roles = [role for role in _ROLE_WEIGHTS if kinds & set(KINDS[role])]
    (role,) = random.choices(roles, [_ROLE_WEIGHTS[each] for each in roles])
    its_kinds = [each for each in KINDS[role] if each in kinds]
    (kind,) = random.choices(its_kinds, [_KIND_WEIGHTS[each] for each in its_kinds])
    first = WITNESS + 1 if (role, kind) == (Role.CONSUMER, Kind.KILL) else 0
    lasts_s = random.uniform(*_SHORT_S)
    if kind in (Kind.SUSPEND, Kind.CUT, Kind.HOLD) and random.random() < 0.5:
        lasts_s = random.uniform(*_LONG_S)
    if kind is Kind.KILL:
        lasts_s = random.choice([0.0, random.uniform(*_SHORT_S)])
    return Fault(round(at_s, 3), kind, role, random.randrange(first, COUNTS[role]), round(lasts_s, 3))
