"""Repeating a session from its journal, and saying in what the second run differs from the first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from playhead.commands import AddSymbol, RemoveSymbol, Stop
from playhead.config import ScriptedCommand, SessionConfig
from playhead.journal import Digests, Entry, Journal
from playhead.times import full_text

REPEATED: Final = (AddSymbol.op, RemoveSymbol.op, Stop.op)
"""What changes a run, and is done again. A pause, a speed, or a time at which to stop the clock changes nothing."""
TELLING: Final = (*REPEATED, "day-opened", "session-finished")
"""What has to stand in the journal of a run that is repeated, at the same market time and in the same order."""


def repeated(journal: Journal) -> SessionConfig:
    """The configuration of a session that repeats a run, as fast as it goes and without pauses.

    Consumers are not waited for, and nothing is recorded: the record of the first run would be written over.
    """
    script = tuple(
        ScriptedCommand("", _fields(entry), entry.clock_ms) for entry in journal.entries if entry.op in REPEATED
    )
    return replace(journal.config, speed=None, run_until=None, script=script, lead=None, expect=(), record=None)


def differences(first: Journal, again: Journal) -> list[str]:
    """In what a run that was repeated differs from the first one, as sentences; none for an equal one."""
    found: list[str] = []
    if first.run_hash != again.run_hash:
        found.append(f"the run hash is {again.run_hash or 'missing'}, and was {first.run_hash or 'missing'}")
    if first.status != again.status:
        reason = f" ({again.error})" if again.error else ""
        found.append(f"the session is {again.status}{reason}, and was {first.status}")
    if first.clock_ms != again.clock_ms:
        found.append(f"it ended at {_end(again)}, and ended at {_end(first)} before")
    found += _entry_differences(first, again)
    if not again.complete:
        found.append("the bars were not compared: its digests are not all there, as no coordinator serves it any more")
    else:
        found += _data_differences(first.digests, again.digests)
    return found


def _entry_differences(first: Journal, again: Journal) -> Iterator[str]:
    """Every symbol with another outcome, up to the first entry at which the runs have parted."""
    theirs, ours = _telling(first), _telling(again)
    before = "the beginning"
    for was, now in zip(theirs, ours, strict=False):
        what, other = _what(was, first.zone), _what(now, again.zone)
        if (was.clock_ms, was.op) != (now.clock_ms, now.op):
            yield f"after {before} came {other}, and {what} before"
            return
        yield from _outcome_differences(was, now, what)
        if was.run_hash != now.run_hash:
            yield f"the runs part between {before} and {what}"
            return
        before = what
    if len(theirs) != len(ours):
        yield f"{len(ours)} things were done, and {len(theirs)} before"
    elif first.run_hash != again.run_hash:
        yield f"the runs part after {before}"


def _outcome_differences(was: Entry, now: Entry, what: str) -> Iterator[str]:
    for symbol, outcome in (was.results or {}).items():
        other = (now.results or {}).get(symbol, {})
        if other.get("status") != outcome.get("status"):
            reason = f" ({other['error']})" if "error" in other else ""
            status = other.get("status", "not answered")
            yield f"{symbol} of {what} is {status}{reason}, and was {outcome.get('status')}"


def _data_differences(first: Digests, again: Digests) -> Iterator[str]:
    """The first trading day on which there are other bars, or none that were digested, with its symbols."""
    for day in sorted(first, key=lambda name: (name.split(":")[1:], name)):
        here = again.get(day, {})
        others = sorted(symbol for symbol, digest in first[day].items() if here.get(symbol) != digest)
        if others:
            calendar, date, interval = day.split(":")
            yield f"the first bars that differ are those of {', '.join(others)} ({interval}) on {date} of {calendar}"
            return


def _telling(journal: Journal) -> Sequence[Entry]:
    return [each for each in journal.entries if each.op in TELLING]


def _fields(entry: Entry) -> dict[str, str]:
    """The command again: what failed then fails for the reason that is recorded, and no source is asked."""
    given = {name: value for name, value in entry.fields.items() if name != "rejected"}
    if entry.id is not None:
        given["id"] = entry.id
    failed = {
        symbol: str(of.get("error")) for symbol, of in (entry.results or {}).items() if of.get("status") == "rejected"
    }
    if entry.op == AddSymbol.op and failed:
        given["rejected"] = json.dumps(failed, separators=(",", ":"))
    return given


def _what(entry: Entry, zone: str) -> str:
    return f"{entry.op} at {full_text(entry.clock_ms, zone)}"


def _end(journal: Journal) -> str:
    return "the beginning" if journal.clock_ms is None else full_text(journal.clock_ms, journal.zone)
