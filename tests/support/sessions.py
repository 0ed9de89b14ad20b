"""Session names of a test's own, and the proof that it leaves nothing behind."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from playhead.connection import text
from playhead.keys import SESSIONS
from playhead.sessions import delete

SCAN_COUNT = 1_000


@contextmanager
def own_sessions(url: str, owner: str) -> Iterator[str]:
    """A session name that nobody else has. Sessions whose names begin with it belong to the owner too.

    Afterwards their keys are deleted. Any other `playhead:` key left without an expiry fails the test.
    """
    digest = hashlib.sha256(owner.encode()).hexdigest()[:8]
    name = f"t-{digest}-{secrets.token_hex(4)}"
    with redis.Redis.from_url(url, decode_responses=True) as client:
        before = set(client.scan_iter("playhead:*", count=SCAN_COUNT))
        yield name
        delete_sessions(client, name)
        after = set(client.scan_iter("playhead:*", count=SCAN_COUNT)) - before - {SESSIONS}
        leaked = sorted(key for key in after if client.ttl(key) == -1)
    if leaked:
        pytest.fail(f"the test left keys without an expiry: {', '.join(leaked)}", pytrace=False)


def delete_sessions(client: redis.Redis, name: str) -> None:
    """Deletes every key of the sessions whose names begin with `name`, those that are being served too."""
    keys = client.scan_iter(f"playhead:{{{name}*", count=SCAN_COUNT)
    found = {text(key).partition("{")[2].partition("}")[0] for key in keys}
    listed = {text(member) for member in client.smembers(SESSIONS)}
    for session in found | {member for member in listed if member.startswith(name)}:
        delete(client, session)
