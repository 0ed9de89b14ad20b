"""Sessions of one test on a stack: started through the CLI container, watched on the published port."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from playhead import sessions
from playhead.bars import Bars
from playhead.connection import connect
from playhead.errors import RedisUnavailable
from playhead.info import SessionInfo
from playhead.keys import Keys
from playhead.session import Session
from tests.e2e.support.docker import Container, Outcome
from tests.e2e.support.recorder import read, transcript_key
from tests.e2e.support.stack import Stack
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.transcript import Item
from tests.support.waiting import wait_until

DAY: Final = "2025-07-02"
NOON_MS: Final = OPEN_MS + 156 * MINUTE_MS  # 12:06 in New York, the time of the description
TIMEOUT_S: Final = 60.0
Dump = dict[str, list[tuple[float, ...]]]


class Story:
    """A session, named as the test says, and those that it is compared with."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self.name = name
        self.keys = Keys(name)
        self.client = connect(stack.url)
        self._consumers: list[Container] = []

    def start(self, *symbols: str, name: str = "", source: str = "sample:", run_until: str | None = "12:06") -> None:
        """Starts a session of RIVN, by default, at full speed, and waits for its pause if it is to have one."""
        arguments = ["--id", name or self.name, "--symbols", ",".join(symbols or ("RIVN",)), "--date", DAY]
        arguments += ["--source", source, *(("--run-until", run_until) if run_until else ())]
        self.cli("session", "start", *arguments, session=False)
        if run_until:
            self.wait_for("paused", name)

    def cli(self, *arguments: str, session: bool = True) -> Outcome:
        """Runs a command on this session in the CLI's container. Raises where it fails."""
        outcome = self.try_cli(*arguments, session=session)
        assert outcome.code == 0, f"playhead {' '.join(arguments)}: {outcome.out}{outcome.err}"
        return outcome

    def try_cli(self, *arguments: str, session: bool = True) -> Outcome:
        """The same, whatever becomes of it."""
        return self.stack.cli(*arguments, *(("--session", self.name) if session else ()))

    def opened(self, name: str = "") -> Session:
        """The session, on the published port."""
        return Session(name or self.name, self.stack.url)

    def info(self, name: str = "") -> SessionInfo:
        with self.opened(name) as session:
            info = session.info()
        assert info is not None
        return info

    def wait_for(self, status: str, name: str = "") -> SessionInfo:
        """Waits until a session has a status. A failed one does not get there. Redis may be away meanwhile."""
        info: SessionInfo | None = None

        def there() -> bool:
            nonlocal info
            with suppress(RedisUnavailable):
                info = self.info(name)
                assert info.status == status or info.status != "failed", info.error
            return info is not None and info.status == status

        wait_until(there, TIMEOUT_S, f"session {name or self.name} to be {status}")
        assert info is not None
        return info

    def wait_clock(self, clock_ms: int) -> None:
        """Waits until the clock has come so far."""
        wait_until(lambda: (self.info().clock_ms or 0) >= clock_ms, TIMEOUT_S, f"the clock to be at {clock_ms}")

    def wait_added(self, *symbols: str) -> None:
        """Waits until symbols are in session data. Redis may be away meanwhile."""

        def there() -> bool:
            with suppress(RedisUnavailable):
                info = self.info()
                return info.active and set(symbols) <= set(info.symbols)
            return False

        wait_until(there, TIMEOUT_S, f"{', '.join(symbols)} to be added to {self.name}")

    def consume(self, consumer: str) -> Container:
        """A recorder in a container of its own."""
        container = self.stack.consume(self.name, consumer)
        self._consumers.append(container)
        return container

    def transcript(self, consumer: str) -> list[Item]:
        """What a recorder has written down so far."""
        found: Any = self.client.lrange(transcript_key(self.name, consumer), 0, -1)
        return read(found)

    def wait_ended(self, *consumers: Container) -> None:
        """Waits until consumers have ended well."""
        for container in consumers:
            wait_until(lambda each=container: not each.state()["Running"], TIMEOUT_S, "a consumer to end")  # type: ignore[misc]
            assert container.state()["ExitCode"] == 0

    def dump(self, name: str = "") -> Dump:
        """All session data."""
        with self.opened(name) as session:
            found = {symbol: session.bars(symbol) for symbol in session.symbols() or ()}
        return {symbol: rows(bars) for symbol, bars in found.items()}

    def notifications(self, name: str = "") -> list[tuple[str, dict[bytes, bytes]]]:
        """All that are kept."""
        found: Any = self.client.xrange(Keys(name or self.name).notifications)
        return [(entry.decode(), fields) for entry, fields in found]

    def gated(self, gate: str) -> str:
        """The URI of a source that waits at a gate, as the containers see it."""
        return f"gate:/gates/{self.name}-{gate}"

    def wait_at(self, gate: str) -> None:
        """Waits until somebody waits at a gate."""
        waiting = self.stack.settings.gates / f"{self.name}-{gate}.waiting"
        wait_until(waiting.exists, TIMEOUT_S, f"somebody to wait at the gate {gate}")

    def open(self, gate: str) -> None:
        (self.stack.settings.gates / f"{self.name}-{gate}").touch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for container in self._consumers:
            container.remove()
        for name in sessions.sessions(self.stack.url):
            if name.startswith(self.name):
                sessions.delete(self.client, name)
        self.client.close()


def rows(bars: Bars | None) -> list[tuple[float, ...]]:
    assert bars is not None
    return [tuple(bar) for bar in bars]
