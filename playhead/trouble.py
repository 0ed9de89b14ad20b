"""What keeps a service from going on with a session, as it stands in the session's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import redis

from playhead.connection import text
from playhead.keys import Keys
from playhead.server import writes_refused

ROLES: Final = ("producer", "coordinator", "recorder")
SERVER: Final = "redis"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the `role` (a service, or `redis` itself) cannot go on just now, and since which wall time (UTC
    milliseconds; `None` where nobody could write it down)."""

    role: str
    reason: str
    since_ms: int | None


def field_of(role: str) -> str:
    """The field of the state with a role's reason."""
    return f"{role}_trouble"


def read_troubles(client: redis.Redis, keys: Keys) -> tuple[Trouble, ...]:
    """Those that there are just now."""
    names = [name for role in ROLES for name in (field_of(role), f"{field_of(role)}_ms")]
    values = client.hmget(keys.state, names)
    return troubles(client, {name: text(value) for name, value in zip(names, values, strict=True) if value is not None})


def troubles(client: redis.Redis, state: Mapping[str, str]) -> tuple[Trouble, ...]:
    """That of the server, and those that the roles have written into the state."""
    refused = writes_refused(client)
    found = [Trouble(SERVER, refused, None)] if refused else []
    for role in ROLES:
        reason, since = state.get(field_of(role)), state.get(f"{field_of(role)}_ms", "")
        if reason:
            found.append(Trouble(role, reason, int(since) if since.isascii() and since.isdigit() else None))
    return tuple(found)
