"""The whole system as a test uses it: sessions that real services serve, the command line, consumers."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis

from playhead.bars import Bars
from playhead.commands import Reply, Resume, Speed, decode_reply
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import connect
from playhead.errors import CommandRejected
from playhead.info import SessionInfo
from playhead.keys import Keys
from playhead.session import Session
from shared.sources.registry import open_source
from tests.support.services import REPOSITORY, Services
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.transcript import Consumer
from tests.support.waiting import wait_until

DAY = "2025-07-02"
NOON_MS = OPEN_MS + 156 * MINUTE_MS  # 12:06 in New York, the time of the description
CLOSE_MS = OPEN_MS + 390 * MINUTE_MS
TIMEOUT_S = 30.0
P = TypeVar("P", "Running", Consumer)


def next_database(url: str) -> str:
    """The URL of the database after the one of a URL: sessions of one are not seen in the other."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}").geturl()


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it answered with `--json`."""
        return json.loads(self.out)


class Running:
    """A command of the command line in a process of its own."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "playhead.cli", *arguments]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=dict(environment),
        )

    def ended(self, timeout_s: float = TIMEOUT_S) -> Outcome:
        """Waits for its end."""
        out, err = self.process.communicate(timeout=timeout_s)
        return Outcome(self.process.returncode, out, err)

    def kill(self) -> None:
        """SIGKILL, where it still runs."""
        self.process.kill()
        with self.process:  # closes its pipes too
            pass


class Gate:
    """A source that a worker enters, and where it then waits until it is opened."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / f"gate-{secrets.token_hex(4)}"
        self.uri = f"gate:{self._file}"

    def entered(self, times: int = 1) -> int:
        """Waits until so many jobs have come to it. The process id of the last one's worker."""
        waiting = self._file.with_name(f"{self._file.name}.waiting")
        wait_until(lambda: waiting.exists() and len(waiting.read_text().split()) >= times, TIMEOUT_S, "a worker")
        return int(waiting.read_text().split()[times - 1])

    def open(self) -> None:
        """Lets everybody through, from now on."""
        self._file.touch()


class System:
    """Running services, and sessions whose names begin with `name`."""

    def __init__(self, services: Services, name: str, directory: Path) -> None:
        self.services = services
        self.name = name
        self.directory = directory
        self.url = services.url
        self.client = connect(services.url)
        self._sessions: list[Session] = []
        self._processes: list[Running | Consumer] = []
        services.mark()

    def start(
        self,
        *symbols: str,
        name: str = "",
        day: str = DAY,
        source: str = "sample:",
        interval: str = "1m",
        speed: float | None = None,
        run_until: str | None = "12:06",
    ) -> Session:
        """A session that runs, by default of RIVN until it pauses at 12:06; waits for that pause."""
        given = tuple(SymbolConfig(symbol) for symbol in symbols or ("RIVN",))
        on = date.fromisoformat(day)
        config = SessionConfig(given, on, on, source, interval=interval, speed=speed, run_until=run_until)
        session = Session.start(name or self.name, config, self.url, wait_s=TIMEOUT_S)
        self._sessions.append(session)
        if run_until is not None:
            wait_for(session, "paused")
        return session

    def cli(self, *arguments: str, **environment: str) -> Outcome:
        """Runs a command, by default on this test's session, to its end."""
        return self.begin_cli(*arguments, **environment).ended()

    def begin_cli(self, *arguments: str, **environment: str) -> Running:
        """Runs a command and does not wait for its end."""
        ours = {"PLAYHEAD_SESSION": self.name, "PLAYHEAD_REDIS_URL": self.url}
        return self._kept(Running(arguments, self.services.environment | ours | environment))

    def consume(self, session: Session, consumer: str) -> Consumer:
        """A consumer in a process of its own. One of the same name goes on in the same file."""
        file = self.directory / f"{session.name}-{consumer}.jsonl"
        return self._kept(Consumer(self.services, session.name, consumer, file))

    def keys(self, name: str = "") -> Keys:
        return Keys(name or self.name)

    def log_text(self) -> str:
        """What the services have logged since this test began."""
        return self.services.log_text()

    def close(self) -> None:
        """Ends what a test that failed has left running."""
        for each in self._processes:
            each.kill()
        for session in self._sessions:
            session.close()
        self.client.close()

    def _kept(self, process: P) -> P:
        self._processes.append(process)
        return process


def info_of(session: Session) -> SessionInfo:
    """The summary of a session that is there."""
    info = session.info()
    assert info is not None
    return info


def wait_for(session: Session, status: str) -> SessionInfo:
    """Waits until a session has a status. A failed one does not get there."""
    info = info_of(session)

    def there() -> bool:
        nonlocal info
        info = info_of(session)
        assert info.status == status or info.status != "failed", info.error
        return info.status == status

    wait_until(there, TIMEOUT_S, f"session {session.name} to be {status}")
    return info


def play_to_the_end(session: Session) -> None:
    """Takes every pause and pace away, and waits for the last close."""
    session.send(Speed(None), timeout_s=TIMEOUT_S)  # whoever is to answer may just have been killed
    with suppress(CommandRejected):  # one that was running at a pace may be over by then: that is what is waited for
        session.send(Resume(), timeout_s=TIMEOUT_S)
    wait_for(session, "finished")


def run_on_at_noon(session: Session) -> None:
    """Lets a session that pauses at 12:06 run on, so slowly that the clock reads 12:06 for another minute."""
    session.set_speed(1)
    assert session.resume().result["holds"] == []


def recorded(symbol: str, interval: str = "1m", until_ms: int = CLOSE_MS) -> Bars:
    """What the source has of the day's regular hours, or of a part of them."""
    return open_source("sample:").get_bars(symbol, interval, OPEN_MS, until_ms)


def published(client: redis.Redis, keys: Keys) -> bool:
    """Whether the producer has nothing more to do in a session of one day that is paused."""
    windows: Any = client.hgetall(keys.windows)
    last: Any = client.xrevrange(keys.feed("main"), count=1)
    if not last:
        return False
    number = last[0][0].decode().partition("-")[2]
    return bool(number == ("2" if b"final" in windows else "1"))


def replies(system: System) -> list[Reply]:
    """All replies to the commands of this test's session."""
    found: Any = system.client.xrange(system.keys().replies)
    return [decode_reply(fields) for _, fields in found]


def added(system: System) -> list[str]:
    """The symbols of its events, in their order."""
    found: Any = system.client.xrange(system.keys().notifications)
    return [fields[b"symbols"].decode() for _, fields in found if fields[b"type"] == b"symbol-added"]
