"""The lease under which one process serves one session in one role."""

from __future__ import annotations

import time
from typing import Final
from uuid import uuid4

import redis

from playhead import __version__
from playhead.keys import Keys
from playhead.scripts import Script
from shared.scripts import script

_ACQUIRE: Final = script("acquire")
_RENEW: Final = Script("shared", "renew")
_RELEASE: Final = Script("shared", "release")
_RENEWALS: Final = 4  # in the lifetime of a lease: one that is late does not lose it


class Lease:
    """Held by at most one process a session and role; renewed by `keep`, which whoever works under it calls often.

    `token` is the fencing token: a write under an older one is refused by the scripts.
    """

    def __init__(self, client: redis.Redis, keys: Keys, role: str, lifetime_ms: int) -> None:
        self.keys = keys
        self.role = role
        self.token = ""
        self.client = client
        self.owner = uuid4().hex
        self._lifetime_ms = lifetime_ms
        self._renew_at = 0.0

    def acquire(self) -> bool:
        """Takes the lease if it is free. Raises `RedisUnavailable`."""
        reply = _ACQUIRE(
            self.client,
            [self.keys.lease(self.role), self.keys.state, self.keys.epochs],
            [self.owner, self._lifetime_ms, self.role, __version__],
        )
        self.token = reply.decode() if reply else ""
        self._set_next()
        return bool(reply)

    def keep(self) -> bool:
        """Renews the lease where it is time. False where it has gone to another, or the session is gone."""
        if time.monotonic() < self._renew_at:
            return True
        held = _RENEW(
            self.client,
            [self.keys.lease(self.role), self.keys.state],
            [self.owner, self._lifetime_ms, self.role, self.token],
        )
        self._set_next()
        return bool(held)

    def release(self) -> None:
        """Gives the lease back, so that another can take it at once."""
        _RELEASE(self.client, [self.keys.lease(self.role)], [self.owner])

    def _set_next(self) -> None:
        self._renew_at = time.monotonic() + self._lifetime_ms / 1000 / _RENEWALS
