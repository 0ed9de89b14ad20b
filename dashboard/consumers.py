"""The registered consumers of a session: how far each has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis

from playhead.connection import text
from playhead.consumer import CONSUMER_DEAD_MS
from playhead.entries import BEGINNING, is_entry, time_ms
from playhead.keys import Keys
from playhead.names import is_consumer

MOST: Final = 200
"""Consumers that are looked at."""


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """One consumer. `position_ms` is the market time up to which it is done, `None` before its first tick or where its
    cursor is none. `silent_s` is for how many seconds it has shown no life, 0 while it lives; `None` once it has left.
    """

    name: str
    position_ms: int | None
    silent_s: int | None


def read_consumers(client: redis.Redis, keys: Keys) -> tuple[ConsumerState, ...]:
    """Those that there are, by name."""
    pipe = client.pipeline(transaction=False)
    pipe.time()
    pipe.hgetall(keys.consumers)
    (seconds, microseconds), beats = pipe.execute()
    now_ms = int(seconds) * 1000 + int(microseconds) // 1000
    names = sorted(name for name in map(text, beats) if is_consumer(name))[:MOST]
    for name in names:
        pipe.hget(keys.consumer(name), "cursor")
    cursors = pipe.execute(raise_on_error=False) if names else []
    said: Mapping[str, bytes] = {text(name): beat for name, beat in beats.items()}
    return tuple(_state(name, said[name], cursor, now_ms) for name, cursor in zip(names, cursors, strict=True))


def _state(name: str, beat: bytes, cursor: Any, now_ms: int) -> ConsumerState:
    # A record that is no hash, a cursor or a heartbeat that is none, is the work of another hand.
    at = text(cursor) if isinstance(cursor, bytes) else BEGINNING
    position_ms = time_ms(at) if is_entry(at) else 0
    beat_ms = int(beat) if beat.isdigit() and len(beat) <= 15 else 0
    silent_ms = now_ms - beat_ms
    silent_s = silent_ms // 1000 if silent_ms > CONSUMER_DEAD_MS else 0
    return ConsumerState(name, position_ms or None, silent_s if beat_ms else None)
