"""Takes a session back to what it was, as a server does that has lost its last writes."""

from __future__ import annotations

from typing import Any

import redis

from playhead.keys import Keys


class Saved:
    """All keys of a session, with their lifetimes, at one moment."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._values: dict[bytes, tuple[int, Any]] = {}
        for key in self._present():
            self._values[key] = max(0, client.pttl(key)), client.dump(key)

    def restore(self) -> None:
        """Everything since then is gone."""
        with self._client.pipeline() as pipe:
            for key in self._present():
                pipe.delete(key)
            for key, (lifetime_ms, value) in self._values.items():
                pipe.restore(key, lifetime_ms, value)
            pipe.execute()

    def _present(self) -> list[Any]:
        return list(self._client.scan_iter(f"{self._keys.state}*", count=1_000))
