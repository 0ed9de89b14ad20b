"""Gives a session its commands, as a person and a program would, through a network that is disturbed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import redis

from playhead.commands import SCHEDULED, Command, Reply, Resume, Speed, encode
from playhead.config import EXPECT_HOLD
from playhead.connection import text
from playhead.errors import CommandRejected, CommandTimeout, RedisUnavailable, SessionExists
from playhead.keys import Keys
from playhead.patience import Patience
from playhead.session import Session
from tests.faults.chaos.plan import Act, Hold, Plan

LIMIT_S: Final = 60.0
"""What has not changed for so long stands still."""
HURRY_S: Final = 4.0
"""So long after the last act a session that still runs is told to run as fast as it goes."""
LOOK_S: Final = 0.05
HAND: Final = "hand"
"""The hold that is placed by hand."""
OVER: Final = ("finished", "stopped", "failed")


class Stuck(AssertionError):
    """Something that has to come has not come."""


@dataclass(frozen=True)
class _State:
    status: str
    clock_ms: int
    holds: frozenset[str]


class Driver:
    """One session. `sent` has each command with the outcome that was told, `None` where nobody waited for it."""

    def __init__(self, name: str, url: str, direct: redis.Redis) -> None:
        """`url` leads through the disturbed network, `direct` past it."""
        self.name = name
        self.sent: dict[str, Mapping[str, str] | None] = {}
        self.wrong: list[str] = []
        self._url = url
        self._direct = direct
        self._keys = Keys(name)
        self._numbers = count()
        self._patience = Patience(LIMIT_S)

    def start(self, plan: Plan) -> None:
        """Creates the session."""

        def create() -> None:
            # One that was created although the reply was lost is there at the next attempt.
            with suppress(SessionExists):
                Session.start(self.name, plan.config, self._url, wait_s=0).close()

        self._patience.get(create)

    def play(self, plan: Plan) -> None:
        """Does what the plan says, and brings the session to its end. Raises `Stuck`."""
        self._await(self._has_begun, "its begin")
        self._refuse_failure()
        with self._patience.get(lambda: Session(self.name, self._url)) as session:
            for act in plan.acts:
                time.sleep(act.wait_s)
                if isinstance(act.what, Hold):
                    self._hold(act.what)
                else:
                    self._send(session, act.what, act)
            self._bring_to_its_end(session)
        self._refuse_failure()

    def _send(self, session: Session, command: Command, act: Act | None = None) -> None:
        id = f"{self.name}-{next(self._numbers)}"
        at = act.at if act is not None else None
        self.sent[id] = None
        if act is not None and act.twice:
            self._write_by_hand({"id": id, **encode(command), **({"at": at} if at is not None else {})})
        reply = self._answered(session, command, id, at)
        if reply.status != SCHEDULED:
            self.sent[id] = {"entry": reply.entry, "status": reply.status}

    def _answered(self, session: Session, command: Command, id: str, at: str | None) -> Reply:
        """The reply to a command, asked for under the same id until it comes."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            try:
                return session.send(command, id, at=at)
            except CommandRejected as error:
                if error.reply is None:
                    raise
                return error.reply
            except (CommandTimeout, RedisUnavailable):
                continue
        raise Stuck(f"command {id} ({command.op}) was not answered within {LIMIT_S:g} s")

    def _write_by_hand(self, fields: Mapping[str, str]) -> None:
        with suppress(RedisUnavailable):
            self._direct.xadd(self._keys.commands, dict(fields))  # type: ignore[arg-type]  # redis-py wants a wider type

    def _hold(self, hold: Hold) -> None:
        """Places a hold past all commands. While it is there the clock must not move."""

        def place() -> int:
            pipe = self._direct.pipeline()
            pipe.sadd(self._keys.holds, HAND)
            pipe.hget(self._keys.state, "clock_ms")
            return int(pipe.execute()[1])

        held_at = self._patience.get(place)
        time.sleep(hold.lasts_s)
        now = int(self._patience.get(lambda: self._direct.hget(self._keys.state, "clock_ms")) or 0)
        self._patience.get(lambda: self._direct.srem(self._keys.holds, HAND))
        if now != held_at:
            self.wrong.append(f"the clock went from {held_at} to {now} under the hold {HAND}")

    def _bring_to_its_end(self, session: Session) -> None:
        hurry_s = time.monotonic() + HURRY_S

        def ended() -> bool:
            nonlocal hurry_s
            now = self._state()
            if now.status in OVER:
                # What still waits for its market time is refused then, by whoever serves the session.
                return not self._patience.get(lambda: self._direct.exists(self._keys.schedule))
            if "user" in now.holds:
                self._send(session, Resume())
            if time.monotonic() > hurry_s:
                hurry_s = float("inf")
                self._send(session, Speed(None))
            return False

        self._await(ended, "its end")

    def _has_begun(self) -> bool:
        now = self._state()
        return now.status in OVER or (
            now.status not in ("", "created") and not any(name.startswith(EXPECT_HOLD) for name in now.holds)
        )

    def _refuse_failure(self) -> None:
        if self._state().status == "failed":
            reason = self._patience.get(lambda: self._direct.hget(self._keys.state, "error"))
            raise Stuck(f"{self.name} has failed: {text(reason or b'')}")

    def _state(self) -> _State:
        def read() -> Any:
            pipe = self._direct.pipeline()
            pipe.hmget(self._keys.state, "status", "clock_ms")
            pipe.smembers(self._keys.holds)
            return pipe.execute()

        (status, clock), holds = self._patience.get(read)
        return _State(text(status or b""), int(clock or 0), frozenset(map(text, holds)))

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for as long as anything changes."""
        last, deadline = self._state(), time.monotonic() + LIMIT_S
        while not condition():
            now = self._state()
            if now != last:
                last, deadline = now, time.monotonic() + LIMIT_S
            elif time.monotonic() > deadline:
                state = self._patience.get(lambda: self._direct.hgetall(self._keys.state))
                raise Stuck(f"{self.name} has stood still for {LIMIT_S:g} s before {what}: {now}, {state}")
            time.sleep(LOOK_S)
