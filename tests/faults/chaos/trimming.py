"""What an undisturbed session would have left, had its notifications been forgotten as those of the disturbed one."""

from __future__ import annotations

from dataclasses import replace

from playhead.days import decode as decode_days
from playhead.entries import order, time_ms
from playhead.journal import parse
from tests.faults.chaos.evidence import Evidence


def as_trimmed(undisturbed: Evidence, trimmed: str) -> Evidence:
    """The evidence without what goes with the notifications up to an id: what was removed by then, and session data of
    days that are neither current there nor history."""
    gone = {name for name, each in undisturbed.removed.items() if order(each["removed_entry"]) <= order(trimmed)}
    removed = {name: each for name, each in undisturbed.removed.items() if name not in gone}
    put_aside = tuple(f"removed:{since}:bars:{symbol}:" for symbol, since in map(str.split, gone))
    first_days = _first_days(undisturbed, trimmed)

    def is_kept(key: str) -> bool:
        if key.startswith(put_aside) or (key == "removed" and not removed):
            return False
        if not key.startswith("bars:") and ":bars:" not in key:
            return True
        symbol, _, day = key.split(":")[-3:]
        return day >= first_days[symbol]

    return replace(
        undisturbed,
        state={**undisturbed.state, "trimmed": trimmed},
        removed=removed,
        data={key: digest for key, digest in undisturbed.data.items() if is_kept(key)},
        keys=tuple(filter(is_kept, undisturbed.keys)),
        notifications=tuple(entry for entry in undisturbed.notifications if order(entry) > order(trimmed)),
    )


def _first_days(evidence: Evidence, trimmed: str) -> dict[str, str]:
    """The first trading day that is kept, of each symbol."""
    history = parse(evidence.journal, "undisturbed").config.history
    firsts = {}
    for name, text in evidence.calendars.items():
        days = decode_days(text)
        firsts[name] = days.days[max(0, days.current(time_ms(trimmed)) - history)].label
    records = {name.split()[0]: record for name, record in evidence.removed.items()} | dict(evidence.symbols)
    return {symbol: firsts[record["calendar"]] for symbol, record in records.items()}
