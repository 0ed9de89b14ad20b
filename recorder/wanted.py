"""Which sessions are to be recorded. It is asked ten times a second for each session that is not."""

from __future__ import annotations

from typing import Final

import redis

from playhead.config import decode
from playhead.connection import text
from playhead.errors import InvalidInput, Malformed
from playhead.keys import Keys

_REMEMBERED: Final = 10_000


class Wanted:
    """Remembers the answer for each session, which does not change: a new one of the same name has another history."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, bool]] = {}

    def __call__(self, client: redis.Redis, keys: Keys) -> bool:
        """Whether a session has a directory for its ticks."""
        found = client.hget(keys.state, "history")
        if found is None:
            return False
        history = text(found)
        known = self._known.get(keys.session)
        if known is None or known[0] != history:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[keys.session] = history, _is_asked_for(text(client.hget(keys.state, "config") or ""))
        return known[1]


def _is_asked_for(config: str) -> bool:
    try:
        return decode(config.encode()).record is not None
    except (Malformed, InvalidInput):
        return False  # for the coordinator to say
