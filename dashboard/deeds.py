"""What was done to a session, newest first: the end of its journal, with the wall time of each entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

from playhead.connection import text
from playhead.entries import time_ms
from playhead.keys import Keys
from playhead.plain import load_object

KEPT: Final = 200
"""Entries that are read."""
_SHOWN: Final = ("symbol", "time", "speed", "ticks", "date", "calendar", "source")
"""Fields of an entry that say what was asked for."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry. `wall_ms` is when it was written, `clock_ms` the market time. `pause_ms` is how long the clock stood
    for it, of an addition. `outcomes` says what became of each symbol where that is not just that it was done.
    """

    entry: str
    wall_ms: int
    clock_ms: int | None
    op: str
    asked: str
    status: str
    pause_ms: int | None = None
    outcomes: tuple[str, ...] = ()


def last_entry(client: redis.Redis, keys: Keys) -> str:
    """The id of the last entry of the journal, empty where there is none."""
    found: Any = client.xrevrange(keys.journal, count=1)
    return text(found[0][0]) if found else ""


def read_deeds(client: redis.Redis, keys: Keys, most: int = KEPT) -> tuple[Deed, ...]:
    """The last entries of the journal, newest first."""
    found: Any = client.xrevrange(keys.journal, count=most)
    return tuple(deed_of(text(entry), {text(name): text(of) for name, of in fields.items()}) for entry, fields in found)


def deed_of(entry: str, fields: Mapping[str, str]) -> Deed:
    """An entry of the journal. One that another hand has written is shown for what it says."""
    results = _results(fields.get("results", ""))
    held = [of["held_ms"] for of in results.values() if _is_duration(of.get("held_ms"))]
    clock = fields.get("clock_ms", "")
    asked = [fields[name] for name in _SHOWN if fields.get(name)]
    return Deed(
        entry,
        time_ms(entry),
        int(clock) if clock.isascii() and clock.isdigit() and len(clock) <= 15 else None,
        fields.get("op", "?"),
        " ".join(asked),
        fields.get("status", ""),
        max(held, default=None),
        tuple(f"{symbol}: {of['error']}" for symbol, of in results.items() if of.get("error")),
    )


def pauses(deeds: Sequence[Deed]) -> list[tuple[str, int]]:
    """The additions and how long the clock stood for each in milliseconds, oldest first."""
    return [(deed.asked, deed.pause_ms) for deed in reversed(deeds) if deed.pause_ms is not None]


def _results(given: str) -> dict[str, dict[str, Any]]:
    try:
        return {symbol: of for symbol, of in load_object(given or "{}").items() if isinstance(of, dict)}
    except ValueError:
        return {}


def _is_duration(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and given >= 0
