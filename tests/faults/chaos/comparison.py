"""In what a disturbed run differs from the undisturbed one that repeats it, as sentences."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from playhead.entries import order
from playhead.journal import parse
from playhead.repetition import differences as journal_differences
from tests.faults.chaos.evidence import Evidence
from tests.faults.chaos.trimming import as_trimmed
from tests.support.transcript import Item

OF_CLIENTS: Final = ("commands", "replies", "answered", "consumers", "consumer:", "acks", "lease:", "out:", "staged:")
"""Keys that tell of those who gave commands, followed and served, and what goes away by itself."""
OF_TIMING: Final = ("feed:", "windows", "holds")
"""Keys of a session that was stopped which tell how far it had been prepared, and whether it was paused then."""
MOST: Final = 20
"""Differences of one kind that are told."""


def differences(
    disturbed: Evidence, undisturbed: Evidence, sent: Mapping[str, Mapping[str, str] | None], exact: str
) -> list[str]:
    """All of them. `sent` has the outcome that the sender of each command was told, `exact` is the consumer whose items
    must not come twice."""
    undisturbed = as_trimmed(undisturbed, disturbed.state["trimmed"])
    first, again = (parse(of.journal, name) for of, name in ((disturbed, "disturbed"), (undisturbed, "undisturbed")))
    found = journal_differences(first, again)
    found += _of_mappings("field {} of the state", disturbed.state, undisturbed.state)
    found += _of_mappings("symbol {}", disturbed.symbols, undisturbed.symbols)
    found += _of_mappings("the removed symbol {}", disturbed.removed, undisturbed.removed)
    found += _of_mappings("the session data {}", disturbed.data, undisturbed.data)
    found += _of_keys(disturbed, undisturbed)
    if disturbed.notifications != undisturbed.notifications:
        found.append("the notifications have other ids")
    (expected,) = undisturbed.transcripts.values()
    for consumer, items in disturbed.transcripts.items():
        found += _of_transcripts(consumer, items, expected, exact=consumer == exact)
    return [*found, *_of_outcomes(disturbed, sent)]


def _of_mappings(what: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    names = sorted({*ours, *theirs})
    found = [
        f"{what.format(name)} is {ours.get(name)}, undisturbed {theirs.get(name)}"
        for name in names
        if ours.get(name) != theirs.get(name)
    ]
    return found[:MOST]


def _of_keys(disturbed: Evidence, undisturbed: Evidence) -> Iterator[str]:
    apart: tuple[str, ...] = OF_CLIENTS
    if disturbed.state.get("status") == "stopped":
        apart += OF_TIMING
    ours, theirs = ({key for key in of.keys if not key.startswith(apart)} for of in (disturbed, undisturbed))
    yield from (f"the key {key} is left behind" for key in sorted(ours - theirs))
    yield from (f"the key {key} is missing" for key in sorted(theirs - ours))
    yield from (f"the key {key} is staged for ever" for key in disturbed.lasting if key.startswith("staged:"))


def once(items: Sequence[Item]) -> list[Item]:
    """Items of which a consumer was handed some again, each once. Raises `AssertionError` where one came as another, or
    where one came late."""
    found: dict[str, Item] = {}
    for item in items:
        entry = item["entry"]
        if entry in found:
            assert found[entry] == item, f"{entry} was handed out again as another item"
            continue
        assert not found or order(next(reversed(found))) < order(entry), f"{entry} came after a later one"
        found[entry] = item
    return list(found.values())


def _of_transcripts(consumer: str, items: Sequence[Item], expected: Sequence[Item], *, exact: bool) -> Iterator[str]:
    repeated = [entry for entry, count in Counter(item["entry"] for item in items).items() if count > 1]
    if exact and repeated:
        yield f"{consumer} has {repeated[0]} twice, and each should be there exactly once"
    try:
        seen = once(items)
    except AssertionError as error:
        yield f"{consumer}: {error}"
        return
    for was, should_be in zip(seen, expected, strict=False):
        if was != should_be:
            names = [name for name in {**was, **should_be} if was.get(name) != should_be.get(name)]
            yield f"{consumer} saw {was['entry']} with other {', '.join(names)} than it was"
            return
    if len(seen) != len(expected):
        yield f"{consumer} saw {len(seen)} items, undisturbed {len(expected)}"


def _of_outcomes(disturbed: Evidence, sent: Mapping[str, Mapping[str, str] | None]) -> Iterator[str]:
    done = Counter(entry.get("id") for entry in map(json.loads, disturbed.journal) if entry.get("type") == "entry")
    for id, told in sent.items():
        replies = disturbed.replies.get(id, [])
        if len(replies) != 1:
            yield f"command {id} has {len(replies)} outcomes"
        elif told is not None and told != {name: replies[0][name] for name in told}:
            yield f"the sender of command {id} was told {told}, and the outcome is {replies[0]}"
        if done[id] > 1:
            yield f"command {id} was carried out {done[id]} times"
