"""What stands in Redis of a session, as its state. Another hand may have written it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from coordinator.state import State
from playhead.config import decode as decode_config
from playhead.connection import text
from playhead.days import NEVER_MS
from playhead.entries import BEGINNING, is_entry
from playhead.errors import Malformed
from playhead.names import check_symbol
from playhead.speed import parse_speed
from playhead.symbols import SymbolRecord
from playhead.symbols import decode as decode_record
from playhead.times import MAX_TIME_MS
from shared import run_hash

STATUSES: Final = ("created", "running", "paused", "finished", "stopped", "failed")
_NUMBER: Final = re.compile(rb"[0-9]{12}")
_WHOLE: Final = re.compile(r"[0-9]{1,15}")
Fields = Mapping[bytes, bytes]


def read_state(
    state: Fields,
    records: Fields,
    removed: Fields,
    operation: Fields,
    held: bool,
    due: Sequence[tuple[bytes, float]],
) -> State:
    """The state of a session. `due` is the first of the schedule: a member and its market time.

    Raises `Malformed` with the field that is not as it should be, and `InvalidInput` for what the configuration says.
    """
    fields = {text(name): text(value) for name, value in state.items()}
    status = fields.get("status", "")
    if status not in STATUSES:
        raise Malformed(f"the state has the status {status[:40]!r}, which there is not")
    number, stray = _due(due)
    return State(
        history=fields.get("history", ""),
        status=status,
        config=decode_config(state[b"config"]),
        records=dict(map(_record, records.items())),
        clock_ms=_time(fields, "clock_ms") or 0,
        end_ms=_time(fields, "end_ms") or 0,
        zone=fields.get("zone", "UTC"),
        speed=parse_speed(fields.get("speed", "")),
        stop_ms=_time(fields, "stop_ms"),
        stop_ticks=_time(fields, "stop_ticks"),
        commands_at=_entry(fields, "commands_at"),
        trimmed=_entry(fields, "trimmed"),
        noted=_entry(fields, "noted"),
        operation=operation,
        held=held,
        warming="warming" in fields,
        due=number,
        stray=stray,
        run_hash=fields.get("run_hash", run_hash.BEGINNING),
        skipped=fields.get("skipped", "0"),
        removed=dict(map(_removed, removed.items())),
    )


def _due(found: Sequence[tuple[bytes, float]]) -> tuple[tuple[str, int] | None, bytes | None]:
    """The number of the next scheduled command and its market time; or what stands there and is no number."""
    if not found:
        return None, None
    member, at_ms = found[0]
    if not _NUMBER.fullmatch(member):
        return None, member
    return (f"@{int(member)}", int(min(max(at_ms, 0), NEVER_MS))), None


@lru_cache(maxsize=16_384)  # mostly they are as they were: an addition must not cost more with many symbols
def _record(item: tuple[bytes, bytes]) -> tuple[str, SymbolRecord]:
    return check_symbol(text(item[0])), decode_record(item[1])


@lru_cache(maxsize=16_384)
def _removed(item: tuple[bytes, bytes]) -> tuple[str, SymbolRecord]:
    symbol, _, since = text(item[0]).partition(" ")
    if not is_entry(since):
        raise Malformed(f"{text(item[0])[:80]!r} is no symbol and since when it was there")
    return f"{check_symbol(symbol)} {since}", decode_record(item[1])


def _time(fields: Mapping[str, str], name: str) -> int | None:
    found = fields.get(name)
    if found is None:
        return None
    if not _WHOLE.fullmatch(found) or int(found) > MAX_TIME_MS:
        raise Malformed(f"the state has {found[:40]!r} as {name}, which is no number")
    return int(found)


def _entry(fields: Mapping[str, str], name: str) -> str:
    found = fields.get(name, BEGINNING)
    if not is_entry(found):
        raise Malformed(f"the state has {found[:40]!r} as {name}, which is no id of an entry")
    return found
