"""All processes of a run: the server, the services, the consumers, the network between them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from shared.redis_server import RedisServer
from tests.faults.chaos.fault import COUNTS, Role
from tests.faults.chaos.follower import Follower
from tests.faults.chaos.network import Network
from tests.support.services import Service, Services

SERVICES: Final = (Role.COORDINATOR, Role.PRODUCER, Role.WORKER)
EXACT: Final = COUNTS[Role.CONSUMER] - 1
"""The consumer whose output is in one transaction with its position."""
CLIENT: Final = f"{Role.CLIENT}-0"
LOGS_KEPT: Final = 6
"""Logs of processes that have died, of each name."""
LIMITS: Final = {"feed_ticks_ahead": 24, "retained_ticks": 100, "consumer_silence_ms": 120_000}
"""So few ticks that the producer is at work until shortly before the end, and that the clock has to wait for consumers:
for as long as it takes to start one again on a busy machine, since one that is dropped misses ticks, as it should."""


def names(*roles: Role) -> Iterator[str]:
    """The names of all processes of some roles."""
    for role in roles:
        yield from (f"{role}-{number}" for number in range(COUNTS[role]))


class Fleet:
    """Starts all at the beginning of a `with` block, and ends all with it; a service that does not end well fails it.

    Processes are started by the thread that makes it, and die with that thread.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stack = ExitStack()
        self._serves = True
        self._server_killed = False

    def __enter__(self) -> Self:
        with self._stack as stack:
            # Under `everysec` a server that is killed may lose what it has acknowledged, while the disk is slow.
            self.server = stack.enter_context(
                RedisServer.start(directory=self._directory / "redis", appendfsync="always")
            )
            linked = [*names(*SERVICES, Role.CONSUMER), CLIENT]
            self.network = stack.enter_context(Network(self.server.port, linked))
            self._services = {name: self._started(name, stack) for name in names(*SERVICES)}
            (environment, *_) = (each.environment for each in self._services.values())
            output = self._directory / "consumers"
            output.mkdir()
            self.followers = [
                Follower(name, self.network.url(name), output, environment, number == EXACT)
                for number, name in enumerate(names(Role.CONSUMER))
            ]
            for each in self.followers:
                stack.callback(each.stop)
            for services in self._services.values():
                services.wait_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The server itself, past the network that is disturbed."""
        return self.server.url

    def process(self, name: str) -> Service:
        """The one that has this name now."""
        if name in self._services:
            return self._services[name].running[0]
        return next(each.service for each in self.followers if each.name == name)

    def hit_server(self, *, kill: bool) -> bool:
        """Kills or suspends Redis. False where it is dead already, or suspended and only to be suspended."""
        if not self._serves and (not kill or self._server_killed):
            return False
        self._serves, self._server_killed = False, kill
        if kill:
            self.server.kill()
        else:
            os.kill(self.server.pid, signal.SIGSTOP)
        return True

    def mend_server(self, *, killed: bool) -> None:
        """Starts it again, or lets it go on unless it was killed meanwhile."""
        if killed:
            self.server.restart()
        elif not self._server_killed:
            os.kill(self.server.pid, signal.SIGCONT)
        self._serves = not self._server_killed or killed
        self._server_killed = self._server_killed and not killed

    def mend(self, name: str) -> None:
        """Starts again what was killed."""
        if name in self._services:
            self._services[name].heal()
            old = sorted(self._services[name].directory.glob("*.log"))[:-LOGS_KEPT]
            for log in old:
                log.unlink()
        else:
            next(each for each in self.followers if each.name == name).mend()

    def _started(self, name: str, stack: ExitStack) -> Services:
        directory = self._directory / name
        directory.mkdir()
        services = Services(self.network.url(name), directory, **LIMITS)
        stack.enter_context(services)
        services.start(name.partition("-")[0], wait=False)
        return services
