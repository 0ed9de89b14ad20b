"""What a session has come to: everything in which a run that was disturbed has to equal one that was not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import redis

from playhead import days as trading_days
from playhead.codec import bars_of
from playhead.connection import text
from playhead.entries import order, time_ms
from playhead.keys import Keys
from playhead.symbols import decode as decode_record
from tests.support.dump import dump

Outcome = dict[str, Any]
_STATE: Final = (
    "status",
    "clock_ms",
    "first_ms",
    "end_ms",
    "zone",
    "active",
    "speed",
    "error",
    "run_hash",
    "noted",
    "events",
    "stop_ms",
    "stop_ticks",
    "warming",
    "waiting_for",
    "recording_error",
    "scheduled",
)
"""Fields of the state that do not tell by whom and when it was served."""
_PASSING: Final = (":staged:", ":lease:")


def outcome_of(client: redis.Redis, keys: Keys) -> Outcome:
    """All that a session has, decoded, without wall time, and without who has served it.

    Raises `AssertionError` for a key that passes away and has no lifetime.
    """
    found = {name.removeprefix(keys.state): value for name, value in dump(client, keys).items() if keys.state in name}
    passing = [name for name in found if any(part in name for part in _PASSING)]
    for name in passing:
        assert client.pttl(keys.state + name) != -1, f"{name} has no lifetime"
        del found[name]
    state = found.pop("")
    outcome: Outcome = {f"state {name}": state.get(name.encode()) for name in _STATE}
    outcome["trimmed"] = text(state[b"trimmed"])
    outcome["notifications"] = found.pop(":notifications", [])
    outcome["replies"] = [_reply(fields) for _, fields in found.pop(":replies", [])]
    outcome["journal"] = [_journaled(fields) for _, fields in found.pop(":journal", [])]
    outcome["symbols"] = {text(name): _record(value) for name, value in found.pop(":symbols", {}).items()}
    outcome["removed"] = {text(name): _record(value) for name, value in found.pop(":removed", {}).items()}
    outcome["holds"] = found.pop(":holds", set())
    outcome["digests"] = {
        text(name): json.loads(value) if value[:1] == b"{" else value
        for name, value in found.pop(":digests", {}).items()
    }
    outcome["calendars"] = found.pop(":calendars", {})
    outcome["bars"] = {name: _bars(name, found.pop(name)) for name in sorted(found) if ":bars:" in name}
    # The main feed is empty at the end, but its last id is kept; windows and cursors may say where a process was.
    outcome["keys"] = sorted(found)
    return outcome


def still_kept(whole: Outcome, trimmed: str, history: int) -> Outcome:
    """What is left of the outcome of a session that has forgotten nothing, once it has forgotten up to an id."""
    here = order(trimmed)
    kept = dict(whole)
    kept["trimmed"] = trimmed
    kept["notifications"] = [each for each in whole["notifications"] if order(text(each[0])) > here]
    removed = {name: record for name, record in whole["removed"].items() if order(record["removed_entry"]) > here}
    kept["removed"] = removed
    gone = {name: record for name, record in whole["removed"].items() if name not in removed}
    days = {name: trading_days.decode(value) for name, value in whole["calendars"].items()}

    def is_kept(name: str) -> bool:
        *before, symbol, _, day = name.split(":")
        if len(before) > 2:  # ":removed:<since>:bars:…"
            of = f"{symbol} {before[2]}"
            if of in gone:
                return False
            record = removed[of]
        else:
            record = whole["symbols"][symbol]
        calendar = days[record["calendar"].encode()]
        first = max(0, calendar.current(time_ms(trimmed)) - history)
        return day in {each.label for each in calendar.days[first:]}

    kept["bars"] = {name: bars for name, bars in whole["bars"].items() if is_kept(name)}
    return kept


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Where two outcomes differ, a line for each part."""
    return [
        f"{part}: {_difference(expected.get(part), found.get(part))}"
        for part in sorted(expected.keys() | found.keys())
        if expected.get(part) != found.get(part)
    ]


def _difference(expected: Any, found: Any) -> str:
    if isinstance(expected, list) and isinstance(found, list):
        for at, (one, other) in enumerate(zip(expected, found, strict=False)):
            if one != other:
                return f"at {at} {str(one)[:400]} is expected, {str(other)[:400]} is there"
        return f"{len(expected)} are expected, {len(found)} are there: {str((expected + found)[-1])[:400]}"
    if isinstance(expected, dict) and isinstance(found, dict):
        names = sorted(expected.keys() | found.keys(), key=str)
        differing = [name for name in names if expected.get(name) != found.get(name)]
        return "; ".join(f"{name!r}: {_difference(expected.get(name), found.get(name))}" for name in differing)
    return f"{str(expected)[:400]} is expected, {str(found)[:400]} is there"


def _reply(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    known = {text(name): text(value) for name, value in fields.items() if name != b"entry"}
    return known | {"result": _without_wall_time(json.loads(known["result"]))}


def _journaled(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    known: dict[str, Any] = {text(name): text(value) for name, value in fields.items()}
    if "results" in known:
        known["results"] = _without_wall_time(json.loads(known["results"]))
    return known


def _record(value: bytes) -> dict[str, Any]:
    """Without the name of the feed, which is random, and its end: how far the producer had come."""
    decode_record(value)
    record: dict[str, Any] = json.loads(value)
    return {name: _without_wall_time(of) for name, of in record.items() if name not in ("feed", "through_ms")}


def _without_wall_time(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _without_wall_time(of) for name, of in found.items() if name != "held_ms"}
    return found


def _bars(name: str, runs: Mapping[bytes, bytes]) -> list[tuple[float, ...]]:
    symbol, interval, _ = name.split(":")[-3:]
    return [tuple(bar) for bar in bars_of(symbol, interval, runs)]
