"""A consumer process as the run holds it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import redis

from tests.faults.chaos.consumer import END, output, transcript
from tests.faults.chaos.network import tied
from tests.support.services import REPOSITORY, Service
from tests.support.transcript import Item, read

LAST_BYTES: Final = 4_096
"""Of a transcript: the line with its end is in them."""


class Follower:
    """One consumer: it is told each session, and told again all that are not over after it was killed."""

    def __init__(self, name: str, url: str, directory: Path, environment: Mapping[str, str], exact: bool) -> None:
        self.name = name
        self.exact = exact
        self._url = url
        self._directory = directory
        self._environment = environment
        self._sessions: set[str] = set()
        self._lock = threading.Lock()  # rounds begin in threads of their own
        self.service = self._launch()

    def follow(self, session: str) -> None:
        """Begins with a session."""
        with self._lock:
            self._sessions.add(session)
            self._tell(session)

    def mend(self) -> None:
        """Starts it again where it is dead."""
        with self._lock:
            if not self.service.alive:
                self._stdin.close()
                self.service = self._launch()
                for session in self._sessions:
                    if not self.has_ended(session):
                        self._tell(session)

    def has_ended(self, session: str) -> bool:
        """Whether it has come to the end of a session."""
        file = transcript(self._directory, session, self.name)
        if not file.exists():
            return False
        with file.open("rb") as written:
            written.seek(max(0, file.stat().st_size - LAST_BYTES))
            text = written.read()
        return text.endswith(b"\n") and text.splitlines()[-1].startswith(f'{{"{END}"'.encode())

    def items(self, session: str, client: redis.Redis) -> list[Item]:
        """All that it has written of a session that it has followed to the end. Raises `RedisUnavailable`."""
        if self.exact:
            return [json.loads(line) for line in client.lrange(output(session, self.name), 0, -1)]
        return [item for item in read(transcript(self._directory, session, self.name)) if END not in item]

    def leave(self, session: str) -> str:
        """Forgets a session. The error with which it has ended, or nothing."""
        with self._lock:
            self._sessions.discard(session)
        file = transcript(self._directory, session, self.name)
        end = read(file)[-1]
        file.unlink()
        return str(end[END])

    def stop(self) -> None:
        """Kills it: it has nothing in hand."""
        self.service.resume()
        self.service.kill()
        self._stdin.close()

    def _launch(self) -> Service:
        options = ["exact"] if self.exact else []
        command = tied(
            sys.executable, "-m", "tests.faults.chaos.consumer", self.name, self._url, str(self._directory), *options
        )
        log = self._directory / f"{self.name}.log"
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=REPOSITORY,
                env=dict(self._environment),
            )
        return Service("consumer", log, process)

    @property
    def _stdin(self) -> IO[bytes]:
        assert self.service.process.stdin is not None
        return self.service.process.stdin

    def _tell(self, session: str) -> None:
        # One that has just been killed is told when it is there again.
        with suppress(BrokenPipeError):
            self._stdin.write(f"{session}\n".encode())
