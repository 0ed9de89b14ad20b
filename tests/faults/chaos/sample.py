"""What can be seen of a session from outside at one moment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import redis

from playhead.connection import text
from playhead.keys import Keys
from tests.faults.chaos.fault import Role
from tests.faults.chaos.plan import CONSUMERS

LEASED = (Role.COORDINATOR, Role.PRODUCER)
_FIELDS = ("clock_ms", "status", *(f"{role}_token" for role in LEASED))


@dataclass(frozen=True)
class Sample:
    """`at_s` is monotonic. `serving` has the token of each leased role, `consumers` the holder and the cursor of each
    consumer, `attempts` those of the addition in progress; empty where there is none."""

    at_s: float
    clock_ms: int
    status: str
    serving: Mapping[Role, str]
    holds: frozenset[str]
    consumers: Mapping[str, tuple[str, str]]
    attempts: Mapping[str, str]

    @property
    def runs(self) -> bool:
        """Whether nothing holds the clock, and the session has not ended."""
        return self.status == "running" and not self.holds


def taken(client: redis.Redis, session: str) -> Sample | None:
    """A sample in one step; `None` where the session has not begun or is gone. Raises `RedisUnavailable`."""
    keys = Keys(session)
    pipe = client.pipeline()
    pipe.hmget(keys.state, _FIELDS)
    pipe.smembers(keys.holds)
    pipe.hgetall(keys.operation)
    for name in CONSUMERS:
        pipe.hmget(keys.consumer(name), "holder", "cursor")
    (clock, status, *tokens), holds, operation, *consumers = pipe.execute()
    if clock is None:
        return None
    return Sample(
        at_s=time.monotonic(),
        clock_ms=int(clock),
        status=text(status),
        serving={role: text(token or b"") for role, token in zip(LEASED, tokens, strict=True)},
        holds=frozenset(map(text, holds)),
        consumers={
            name: (text(holder or b""), text(cursor or b"0-0"))
            for name, (holder, cursor) in zip(CONSUMERS, consumers, strict=True)
        },
        attempts={text(name): text(of) for name, of in operation.items() if name.startswith(b"attempt:")},
    )
