"""Giving the coordinator commands, and waiting for what it replies."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import redis

from playhead.commands import SCHEDULED, Command, Reply, decode, decode_reply, encode
from playhead.connection import text
from playhead.errors import CommandRejected, CommandTimeout, InvalidInput, RedisUnavailable, SessionNotFound
from playhead.keys import Keys
from playhead.scripts import Script
from playhead.times import parse_moment

REPLY_TIMEOUT_S: Final = 10.0
ADD_TIMEOUT_S: Final = 90.0
"""An addition ends by its own deadline, 30 s unless the coordinator is told otherwise, and answers then."""
BLOCK_MS: Final = 1_000
_REPLIES: Final = 100
_PAUSE_S: Final = 0.1
_ANY_DATE: Final = date(2000, 1, 1)
COORDINATOR: Final = "coordinator"
REJECTED: Final = "rejected"
SENT: Final = "sent"
"""Status of a `Reply` that was not waited for."""

_send = Script("playhead", "send")
logger = logging.getLogger(__name__)


class Commander:
    """Sends commands to the coordinator of one session."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def send(
        self, command: Command, id: str | None = None, timeout_s: float = REPLY_TIMEOUT_S, at: str | None = None
    ) -> Reply:
        """The reply to a command. The same `id` is never carried out twice, and answered each time.

        With `at`, a market time as typed, it is scheduled for that time, and `outcome` has the final reply.

        Raises `InvalidInput` for what no coordinator would take, `CommandRejected` with the reply,
        `CommandTimeout` if there is none in time, `SessionNotFound`, `RedisUnavailable`.
        """
        id = id or uuid.uuid4().hex
        _, seen = self._write(command, id, at)
        begun = time.monotonic()
        deadline = begun + timeout_s
        away = told = False
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                if away:
                    # The server that answers now may have lost it, and the reply. Under its id it is carried out once.
                    _, seen = self._write(command, id, at)
                    away = False
                entries = self._replies_after(seen, left_s)
                # Commands are carried out one after the other, and an addition has a deadline of its own.
                waits = not entries and bool(self._client.exists(self._keys.operation))
            except RedisUnavailable as error:
                if not told:
                    logger.warning("%s; waiting for the reply", error)
                entries, away, told, waits = [], True, True, True
                time.sleep(min(_PAUSE_S, left_s))
            for entry, fields in entries:
                seen = entry.decode()
                if fields.get(b"id") == id.encode():
                    return _accepted(command.op, decode_reply(fields))
            if waits:
                deadline = max(deadline, min(time.monotonic() + timeout_s, begun + ADD_TIMEOUT_S))
        try:
            raise CommandTimeout(self._silence(command, id, timeout_s))
        except RedisUnavailable as error:
            raise CommandTimeout(f"{error}; it may still be carried out: ask again under the id {id}") from error

    def post(self, command: Command, id: str | None = None) -> Reply:
        """Sends a command and does not wait: the reply has the status `sent`. Raises as `send` does."""
        id = id or uuid.uuid4().hex
        entry, _ = self._write(command, id)
        return Reply(id, entry, SENT)

    def outcome(self, id: str, timeout_s: float | None = None) -> Reply:
        """The final reply to a scheduled command, once its time has come; without `timeout_s` as long as that takes.

        Raises `CommandRejected` with the reply, `CommandTimeout`, `SessionNotFound`, `InvalidInput` for an id under
        which nothing was answered.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        last = self._client.hget(self._keys.answered, id)
        if last is None:
            self._need_session(f"answered {id}")
            raise InvalidInput(f"session {self._keys.session} has answered no command of the id {id[:80]!r}")
        entries: Any = self._client.xrange(self._keys.replies, last, last)
        seen = text(last)
        while True:
            for entry, fields in entries:
                seen = entry.decode()
                if fields.get(b"id") == id.encode() and fields.get(b"status") != SCHEDULED.encode():
                    return _accepted("the command", decode_reply(fields))
            left_s = BLOCK_MS / 1000 if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                raise CommandTimeout(
                    f"the time of command {id} in session {self._keys.session} has not come within {timeout_s:g} s; "
                    "it stays scheduled"
                )
            try:
                entries = self._replies_after(seen, left_s)
                if not entries:
                    self._need_session(f"carried out {id}")
            except RedisUnavailable:
                time.sleep(min(_PAUSE_S, left_s))

    def _need_session(self, done: str) -> None:
        if not self._client.exists(self._keys.state):
            raise SessionNotFound(f"session {self._keys.session} was deleted before it {done}")

    def _write(self, command: Command, id: str, at: str | None = None) -> tuple[str, str]:
        """The entry of the command, and the id of the last reply before it."""
        fields = encode(command)
        if at is not None:
            parse_moment(at, "UTC", _ANY_DATE)
            fields["at"] = at
        decode({name.encode(): text.encode() for name, text in fields.items()})
        args = [part for pair in {"id": id, **fields}.items() for part in pair]
        keys = [self._keys.state, self._keys.commands, self._keys.replies]
        try:
            answer = _send(self._client, keys, args)
        except RedisUnavailable:
            # Perhaps only the reply was lost. Under the same id the command runs once.
            answer = _send(self._client, keys, args)
        if answer is None:
            raise SessionNotFound(f"there is no session {self._keys.session} any more; nothing was sent")
        entry, last = answer
        return entry.decode(), last.decode()

    def _replies_after(self, seen: str, left_s: float) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        block_ms = max(1, min(BLOCK_MS, int(left_s * 1000)))
        found: Any = self._client.xread({self._keys.replies: seen}, count=_REPLIES, block=block_ms)
        return next(iter(found.values()), []) if found else []

    def _silence(self, command: Command, id: str, timeout_s: float) -> str:
        session = self._keys.session
        if not self._client.exists(self._keys.state):
            return f"session {session} was deleted before it answered {command.op}"
        if self._client.exists(self._keys.lease(COORDINATOR)):
            return (
                f"the coordinator of {session} did not answer {command.op} within {timeout_s:g} s; "
                f"it may still carry it out: ask again under the id {id}"
            )
        return (
            f"no coordinator serves session {session}; nobody answered {command.op} within {timeout_s:g} s; "
            f"start one with `playhead coordinator`: it will carry the command out (id {id})"
        )


def _accepted(what: str, reply: Reply) -> Reply:
    if reply.status == REJECTED:
        raise CommandRejected(reply.error or f"{what} was rejected without a reason", reply)
    return reply
