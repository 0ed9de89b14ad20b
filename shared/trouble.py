"""What keeps a role from going on with its session: said in the session's state, where everybody sees it."""

from __future__ import annotations

from typing import Final

from playhead.errors import Fenced, sendable
from playhead.trouble import field_of
from shared.lease import Lease
from shared.scripts import script

_TROUBLE: Final = script("trouble")


class Trouble:
    """The field of one role, under its lease. It is written only where it changes."""

    def __init__(self, lease: Lease) -> None:
        """Reads what whoever had the session before has left there."""
        self._lease = lease
        said = lease.client.hget(lease.keys.state, field_of(lease.role))
        self._said = "" if said is None else said.decode(errors="replace") if isinstance(said, bytes) else said

    def say(self, reason: str) -> None:
        """Says the reason, or with an empty one that there is none any more. Raises `Fenced`."""
        reason = sendable(reason)
        if reason == self._said:
            return
        lease = self._lease
        if _TROUBLE(lease.client, [lease.keys.state], [lease.role, lease.token, reason]) == b"fenced":
            raise Fenced(f"session {lease.keys.session} has another {lease.role} now")
        self._said = reason
