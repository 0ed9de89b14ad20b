"""What a session leaves: all that is compared between a disturbed run and an undisturbed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import redis

from playhead.commands import SCHEDULED
from playhead.connection import text
from playhead.digest import digest_of_runs
from playhead.journal import Journal, lines, read_journal
from playhead.keys import Keys
from playhead.symbols import decode
from tests.support.transcript import Item

STATE = (
    "status",
    "clock_ms",
    "first_ms",
    "end_ms",
    "zone",
    "active",
    "run_hash",
    "noted",
    "events",
    "trimmed",
    "error",
)
"""Fields of the state that follow from what was done; the others tell of leases, holds and wall clocks."""
DIGESTS_S = 60.0
OF_SOURCE = ("loaded", "written", "queued", "dropped", "missing")
"""What of a receipt does not depend on wall clocks."""


@dataclass(frozen=True)
class Evidence:
    """`calendars` has the trading days of each as JSON, `data` the digest of each key of session data, `replies` the
    different final replies to each command, `transcripts` what each consumer wrote.

    `keys` are without the session's prefix, `lasting` those of them that do not go away by themselves.
    """

    journal: tuple[str, ...]
    state: Mapping[str, str]
    calendars: Mapping[str, str]
    symbols: Mapping[str, Any]
    removed: Mapping[str, Any]
    data: Mapping[str, str]
    keys: tuple[str, ...]
    lasting: tuple[str, ...]
    notifications: tuple[str, ...]
    replies: Mapping[str, Sequence[Mapping[str, str]]]
    transcripts: Mapping[str, Sequence[Item]]


def gathered(client: redis.Redis, keys: Keys, transcripts: Mapping[str, Sequence[Item]]) -> Evidence:
    """Of a session that has ended. Only reads; waits for the digests."""
    journal: Journal = read_journal(client, keys, DIGESTS_S)
    found = sorted(text(key) for key in client.scan_iter(f"{keys.state}*", count=1_000))
    lasting = [key for key in found if client.pttl(key) == -1]
    prefix = f"{keys.state}:"
    found.remove(keys.state)
    state = {text(name): text(value) for name, value in client.hgetall(keys.state).items()}
    notifications: Any = client.xrange(keys.notifications)
    return Evidence(
        journal=tuple(lines(journal)),
        state={name: state[name] for name in STATE if name in state},
        calendars={text(name): text(days) for name, days in client.hgetall(keys.calendars).items()},
        symbols=_records(client, keys.symbols),
        removed=_records(client, keys.removed),
        data=dict(_data(client, prefix, found)),
        keys=tuple(key.removeprefix(prefix) for key in found),
        lasting=tuple(key.removeprefix(prefix) for key in lasting),
        notifications=tuple(text(entry) for entry, _ in notifications),
        replies=_replies(client, keys),
        transcripts=transcripts,
    )


def _data(client: redis.Redis, prefix: str, keys: Sequence[str]) -> Any:
    for key in keys:
        name = key.removeprefix(prefix)
        if name.startswith("bars:") or (name.startswith("removed:") and ":bars:" in name):
            runs: Any = client.hgetall(key)
            yield name, digest_of_runs(name.split(":")[-2], runs)


def _records(client: redis.Redis, key: str) -> Mapping[str, Any]:
    """The symbols' records, without the feed that they came in and how long the clock stood."""
    found = {}
    for name, value in client.hgetall(key).items():
        fields = asdict(decode(value))
        fields["receipt"] = {name: fields["receipt"][name] for name in OF_SOURCE if name in fields["receipt"]}
        del fields["feed"], fields["through_ms"]
        found[text(name)] = fields
    return found


def _replies(client: redis.Redis, keys: Keys) -> Mapping[str, list[Mapping[str, str]]]:
    found: dict[str, list[Mapping[str, str]]] = {}
    entries: Any = client.xrange(keys.replies)
    for _, fields in entries:
        reply = {text(name): text(value) for name, value in fields.items()}
        final = found.setdefault(reply["id"], [])
        if reply["status"] != SCHEDULED and reply not in final:
            final.append(reply)
    return found
