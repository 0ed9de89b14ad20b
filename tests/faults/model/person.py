"""Who gives commands: by the client library, again under the same id where no reply comes, and by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from playhead.commander import Commander
from playhead.commands import Resume, Speed
from playhead.connection import connect
from playhead.errors import CommandRejected, CommandTimeout, InvalidInput, RedisUnavailable, SessionNotFound
from playhead.keys import Keys
from tests.faults.model.plan import URL, Given, Plan

HOLD: Final = "lunch"
"""A hold that is placed by another hand."""
AGAIN_S: Final = 0.1
T = TypeVar("T")
OVER: Final = (b"finished", b"stopped", b"failed")


class Person:
    """Gives the commands of a plan one after the other, and in the end sees to it that the session goes on."""

    def __init__(self, session: str, plan: Plan) -> None:
        self.over = False
        self.sent: dict[str, Given] = {}
        self._session = session
        self._plan = plan

    def act(self) -> None:
        """All that the person does."""
        keys, client = Keys(self._session), connect(URL)
        self._commander = Commander(client, keys)
        for given in self._plan.commands:
            time.sleep(given.after_ms / 1000)
            self.sent[given.id] = given
            for _ in range(given.times):
                self._give(given)
        for _ in range(self._plan.hands):
            self._insist(lambda: client.sadd(keys.holds, HOLD))
            time.sleep(0.2)
            self._insist(lambda: client.srem(keys.holds, HOLD))
        number = 0
        while self._insist(lambda: client.hget(keys.state, "status")) not in OVER:
            self._insist(lambda: client.srem(keys.holds, HOLD))  # placing it may have come late
            for command in (Speed(None), Resume()):
                number += 1
                self._give(Given(0, command, f"on-{number}", None, True, 1))
            time.sleep(0.5)
        self.over = True

    def _give(self, given: Given) -> None:
        """Sends until it is known that the command has arrived."""
        self.sent[given.id] = given
        while True:
            try:
                if given.waits:
                    self._commander.send(given.command, given.id, 2.0, given.at)
                else:
                    self._commander._write(given.command, given.id, given.at)
                return
            except (CommandRejected, InvalidInput):
                return
            except (RedisUnavailable, CommandTimeout, SessionNotFound):
                time.sleep(AGAIN_S)

    def _insist(self, call: Callable[[], T]) -> T:
        """Asks until the server answers."""
        while True:
            try:
                return call()
            except RedisUnavailable:
                time.sleep(AGAIN_S)
