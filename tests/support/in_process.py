"""Producer, coordinator and workers in the test's own process and thread, on a real server: every run is the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coordinator.replay import Replay
from playhead import config as configs
from playhead import messages
from playhead.almanac import Almanac
from playhead.bars import Bars
from playhead.codec import bars_of
from playhead.commands import AddSymbol, Command, Resume, RunUntil, decode_reply, encode
from playhead.config import SessionConfig
from playhead.connection import connect, text
from playhead.days import TradingDays
from playhead.keys import SESSIONS, Keys
from playhead.messages import Message
from playhead.scripts import Script
from playhead.speed import speed_text
from playhead.symbols import decode as decode_record
from producer.publisher import Publisher
from shared.lease import Lease
from shared.settings import Settings
from workers.stage import stage

TIMEOUT_S = 20.0
_create = Script("playhead", "create")


class Inline:
    """Runs each job where it is sent, in place of a queue and a worker."""

    def send(self, session: str, attempts: Mapping[int, str]) -> None:
        for job, attempt in attempts.items():
            stage(session, job, attempt)

    def waits(self, session: str, attempt: str) -> bool:
        return False

    def close(self) -> None:
        return None


class InProcess:
    """One session, driven step by step until a condition holds. `limits` are settings, by their names."""

    def __init__(self, url: str, name: str, config: SessionConfig, **limits: int) -> None:
        self.keys = Keys(name)
        self.client = connect(url)
        self.client.sadd(SESSIONS, name)
        history = [configs.encode(config), name, 0, speed_text(config.speed)]
        assert _create(self.client, [self.keys.state], history) == 1
        self._settings = Settings(url, url, **limits)  # type: ignore[arg-type]  # all that are left are numbers
        self.take_over()

    def take_over(self) -> None:
        """Gives the session to a new coordinator and a new producer, as after a crash of both."""
        self.client.delete(self.keys.lease("coordinator"), self.keys.lease("producer"))
        self._replay = Replay(self.client, self._lease("coordinator"), self._settings)
        self._replay._dispatcher = Inline()  # type: ignore[assignment]  # the queue is tested elsewhere
        self._publisher = Publisher(self.client, self._lease("producer"), self._settings)

    def run(self, until: Callable[[], bool], what: str) -> None:
        """Steps producer and coordinator until a condition holds."""
        deadline = time.monotonic() + TIMEOUT_S
        while not until():
            self._publisher.poll()
            self._replay.poll()
            assert time.monotonic() < deadline, f"{what} did not come: {self.client.hgetall(self.keys.state)}"

    def poll(self, times: int) -> None:
        """So many steps of producer and coordinator."""
        for _ in range(times):
            self._publisher.poll()
            self._replay.poll()

    def send(self, command: Command) -> Any:
        """The reply to a command."""
        entry = self.client.xadd(self.keys.commands, encode(command))  # type: ignore[arg-type]
        found: list[Any] = []

        def answered() -> bool:
            replies: Any = self.client.xrange(self.keys.replies)
            found.extend(fields for _, fields in replies if fields[b"entry"] == entry)
            return bool(found)

        self.run(answered, f"a reply to {command}")
        return decode_reply(found[0])

    def run_until(self, time_text: str) -> None:
        """Runs until the clock has stopped at a time."""
        reply = self.send(RunUntil(time_text))
        assert reply.status == "ok", reply
        self.run(lambda: self.client.scard(self.keys.holds) == 1, f"the stop at {time_text}")

    def add(self, symbols: Sequence[str]) -> Any:
        """The reply to an addition."""
        return self.send(AddSymbol(tuple(symbols)))

    def finish(self) -> None:
        """Plays to the end."""
        self.send(Resume())
        self.run(lambda: self.client.hget(self.keys.state, "status") == b"finished", "the end")

    def clock_ms(self) -> int:
        return int(self.client.hget(self.keys.state, "clock_ms") or 0)

    def data(self, symbol: str, interval: str) -> Bars:
        """Session data of a symbol."""
        return self.days_data(symbol, interval, self.days(symbol).day(self.clock_ms()).label)

    def days_data(self, symbol: str, interval: str, day: str) -> Bars:
        """All that there is of a symbol on one trading day."""
        runs: Any = self.client.hgetall(self.keys.bars(symbol, interval, day))
        return bars_of(symbol, interval, runs)

    def days(self, symbol: str) -> TradingDays:
        """The trading days of a symbol that is there."""
        record = decode_record(self.client.hget(self.keys.symbols, symbol) or b"")
        return Almanac(self.client, self.keys).of(record.calendar)

    def expiring(self) -> list[str]:
        """Keys that go away by themselves, and may not: all but those that are staged, and the leases."""
        names = [text(key) for key in self.client.scan_iter(f"{self.keys.state}*", count=1000)]
        lasting = [name for name in names if not name.startswith((f"{self.keys.state}:staged:", self.keys.lease("")))]
        return sorted(name for name in lasting if self.client.pttl(name) != -1)

    def symbols(self) -> set[str]:
        return {text(symbol) for symbol in self.client.hkeys(self.keys.symbols)}

    def notifications(self) -> list[Message]:
        """All that was emitted, in order."""
        entries: Any = self.client.xrange(self.keys.notifications)
        return [messages.decode(entry, fields) for entry, fields in entries]

    def close(self) -> None:
        """Takes the session away."""
        self._publisher.close()
        keys = list(self.client.scan_iter(f"{self.keys.state}*", count=1000))
        self.client.delete(*keys)
        self.client.srem(SESSIONS, self.keys.session)
        self.client.close()

    def _lease(self, role: str) -> Lease:
        lease = Lease(self.client, self.keys, role, lifetime_ms=60_000)
        assert lease.acquire()
        return lease
