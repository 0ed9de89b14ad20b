"""A process in which a write to Redis that has no crash point ends everything.

What it passes it notes."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import redis
from redis.connection import AbstractConnection

from playhead.crash_points import Write

UNNAMED_WRITE: Final = 70
"""Exit code of a process that wrote past all points."""
_SCRIPTS: Final = frozenset({"EVAL", "EVALSHA", "FCALL"})
"""They may write; the server refuses it to their forms that read only."""


def write_commands(client: redis.Redis) -> frozenset[str]:
    """The commands that change something, as the server itself says."""
    found: dict[str, Any] = client.command()
    return _SCRIPTS | {name.upper() for name, command in found.items() if "write" in map(str, command["flags"])}


class _Here(threading.local):
    """The writes that this thread is in: two where a signal handler writes in the midst of another one."""

    def __init__(self) -> None:
        self.writes: list[str] = []


class WriteGuard:
    """What a process passes goes to a file: a line for each write (its name, how many of that name there were by then),
    and one more with the commands where something is sent in it that changes something.
    """

    def __init__(self, commands: frozenset[str], notes: Path) -> None:
        self._commands = commands
        self._notes = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._here = _Here()
        self._counts: Counter[str] = Counter()

    def install(self) -> None:
        """From now on, and for the rest of the process."""
        guard = self
        enter, leave = Write.__enter__, Write.__exit__
        connections: Any = AbstractConnection
        send, pack = connections.send_command, connections.pack_commands

        def entering(write: Write) -> None:
            guard.note(write.name)
            enter(write)

        def leaving(
            write: Write,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            guard._here.writes.pop()
            leave(write, kind, error, trace)

        def sending(connection: Any, *args: Any, **options: Any) -> Any:
            guard.check([args])
            return send(connection, *args, **options)

        def packing(connection: Any, commands: Iterable[Any]) -> Any:
            all_of_them = list(commands)
            guard.check(all_of_them)
            return pack(connection, all_of_them)

        Write.__enter__, Write.__exit__ = entering, leaving  # type: ignore[method-assign]
        connections.send_command, connections.pack_commands = sending, packing

    def note(self, write: str) -> None:
        """Notes that a write begins in this thread."""
        self._counts[write] += 1
        self._here.writes.append(f"{write} {self._counts[write]}")
        os.write(self._notes, f"{self._here.writes[-1]}\n".encode())

    def check(self, commands: Iterable[Any]) -> None:
        """Ends the process where one of these commands changes something and nobody has said so."""
        names = [str(command[0]).upper() for command in commands]
        writes = [name for name in names if name in self._commands]
        if writes and not self._here.writes:
            traceback.print_stack()
            print(f"a write without a crash point: {' '.join(names)}", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(UNNAMED_WRITE)
        if writes:
            os.write(self._notes, f"{self._here.writes[-1]} {' '.join(writes)}\n".encode())


@dataclass(frozen=True)
class Passing:
    """A write, and which of its name it was; with what was sent in it, where that is noted."""

    write: str
    number: int
    commands: tuple[str, ...]


def passed(notes: Path) -> list[Passing]:
    """What a process has noted."""
    lines = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
    return [Passing(write, int(number), tuple(commands)) for write, number, *commands in lines]
