"""What keeps a service from going on with a session, as it stands in the session's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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


def troubles(state: Mapping[str, str]) -> tuple[Trouble, ...]:
    """Those that the roles have written into the state."""
    found = []
    for role in ROLES:
        reason, since = state.get(field_of(role)), state.get(f"{field_of(role)}_ms", "")
        if reason:
            found.append(Trouble(role, reason, int(since) if since.isascii() and since.isdigit() else None))
    return tuple(found)
