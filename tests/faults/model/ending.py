"""What must hold of a session that has ended: judged by itself, and beside a run in which nothing happened."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from playhead.codec import bars_of
from playhead.commands import SCHEDULED
from playhead.journal import Journal
from playhead.keys import Keys
from playhead.messages import ConsumerDropped, Message
from playhead.repetition import differences
from tests.faults.model.checks import Checks, Violation
from tests.faults.model.consumer import Reader
from tests.faults.model.store import Items, Store
from tests.faults.model.tape import Tape
from tests.faults.model.undisturbed import Undisturbed

PASSING = ":staged:", ":lease:"
"""Parts of the names of keys that expire by themselves."""
CLIENTS = ":out:", ":consumer", ":acks", ":answered", ":replies", ":commands", ":holds"
"""The same of keys that a run has where consumers follow it and commands are given by hand."""


def check_transcripts(readers: Iterable[Reader], emitted: Sequence[Message], store: Store, *, all_kept: bool) -> None:
    """Whether each consumer was handed all that was emitted, in order: once with transactions, else again at most."""
    entries = [message.entry for message in emitted]
    for reader in readers:
        output = store.get(reader.output.encode(), Items)
        if output is None:
            handed: dict[str, Message] = {}
            for message in reader.written:
                if handed.setdefault(message.entry, message).type != message.type:
                    raise Violation(f"4 order: {reader.name} was handed {message.entry} as two things")
            seen = list(handed)
        else:
            seen = [entry.decode() for entry in output]
        # Where few are kept, the first may be gone when a consumer comes; one that was dropped may miss the last.
        begins = entries.index(seen[0]) if seen and seen[0] in entries and not all_kept else 0
        due = entries[begins : begins + len(seen)] if reader.fell_behind else entries[begins:]
        if seen != due:
            raise Violation(f"4 order: {reader.name} was handed {seen}, and {due} were emitted")


def check_replies(checks: Checks, journal: Journal, sent: Iterable[str], commands: int) -> None:
    """Whether each command was answered, carried out at most once, and answered each time with the same."""
    by_id: dict[str, list[str]] = {}
    for reply in checks.replies:
        of = by_id.setdefault(reply["id"], [])
        told = json.dumps(reply, sort_keys=True)
        if told not in of:
            of.append(told)
    done = Counter(entry.id for entry in journal.entries if entry.id is not None)
    for id in sent:
        replies = [json.loads(told) for told in by_id.get(id, ())]
        statuses = [reply["status"] for reply in replies]
        final = [status for status in statuses if status != SCHEDULED]
        if len(final) != 1 or len(statuses) > 2:
            raise Violation(f"6 commands: {id} has the outcomes {statuses}")
        if done[id] > 1 or (done[id] == 0 and final[0] in ("ok", "partial")):
            raise Violation(f"6 commands: {id} ({final[0]}) was carried out {done[id]} times")
    scheduled = sum(
        SCHEDULED in told for of in by_id.values() for told in of if json.loads(told)["status"] == SCHEDULED
    )
    if len(checks.replies) != commands + scheduled:
        raise Violation(
            f"6 commands: {len(checks.replies)} replies to {commands} commands, {scheduled} of them scheduled"
        )


def check_equal(
    first: Journal, emitted: Sequence[Message], store: Store, again: Undisturbed, *, all_kept: bool
) -> None:
    """Whether a run in which nothing happened is the same one."""
    if found := differences(first, again.journal):
        raise Violation(f"6 equal runs: {'; '.join(found)}")
    ours, theirs = _without_places(emitted), _without_places(again.emitted)
    if ours != theirs:
        at = next(
            (at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
        )
        raise Violation(
            f"6 equal runs: of the notifications number {at} is {ours[at : at + 1]}, and was {theirs[at : at + 1]}"
        )
    # Where a session was stopped, it depends on the producer how far ahead of that it has come, and with it the feeds.
    of_producer = () if first.status == "finished" else ("windows", "feed:")
    here, there = (_normal_keys(of, of_producer) for of in (store, again.store))
    if not here <= there or (all_kept and here != there):
        raise Violation(f"6 left behind: the keys {sorted(here - there)} are too many, {sorted(there - here)} too few")


def check_failure(journal: Journal) -> None:
    """A session may fail of one thing alone: the history with which it was to begin could not be had."""
    if not journal.config.history or any(entry.op != "day-opened" and entry.id is None for entry in journal.entries):
        raise Violation(f"6 liveness: the session failed: {journal.error}")


def check_session_data(store: Store, keys: Keys, tape: Tape, members: Iterable[str], clock_ms: int) -> None:
    """Whether session data of the current days is what it must be."""
    for symbol in members:
        label = tape.hours(symbol).days.day(clock_ms).label
        for interval in tape.config.intervals:
            runs = store.hgetall(keys.bars(symbol, interval, label).encode())
            bars, due = list(bars_of(symbol, interval, runs)), tape.current(symbol, interval, clock_ms)
            if bars != due:
                raise Violation(f"5 equivalence: session data of {symbol} {interval} is {bars}, and should be {due}")


def check_nothing_left(store: Store) -> None:
    """Whether what is staged and what is leased goes away by itself."""
    for key in store.values:
        if any(part in key.decode() for part in PASSING) and key not in store.expiry_ms:
            raise Violation(f"6 left behind: {key.decode()} has no lifetime")
        if key in store.expiry_ms and not any(part in key.decode() for part in PASSING):
            raise Violation(f"6 left behind: {key.decode()} expires")


def _without_places(emitted: Sequence[Message]) -> list[object]:
    """What was said at which market time. Where consumers were dropped, the ids of other events are others."""
    return [_plain(message) for message in emitted if not isinstance(message, ConsumerDropped)]


def _plain(message: Message) -> object:
    if message.type == "tick":
        return message.clock_ms, [(symbol, interval, bar) for symbol, interval, bar in message.bars()]  # type: ignore[union-attr]
    return replace(message, entry="")


def _normal_keys(store: Store, but: tuple[str, ...]) -> set[str]:
    """The names of the keys, without what differs from run to run: random ids, numbers of events, and consumers."""
    found = set()
    for key in store.present():
        name = key.decode()
        if any(part in name for part in (*PASSING, *CLIENTS)):
            continue
        if name.partition("}:")[2].startswith(but):
            continue
        found.add(re.sub(r"(add-)[0-9a-f]{32}|(removed:[0-9]+)-[0-9]+", r"\1\2", name))
    return found
