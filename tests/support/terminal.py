"""A command on a terminal of its own: a pseudo-terminal, and an emulator that knows what stands on its screen."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import pyte

from tests.support.services import REPOSITORY
from tests.support.waiting import wait_until

TIMEOUT_S = 30.0
_READ_BYTES = 1 << 16
_OF_A_WINDOW = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
"""Variables that say something else than the window does."""


class Terminal:
    """The command line on a terminal of some size. A thread reads what it writes."""

    def __init__(
        self, *arguments: str, environment: Mapping[str, str], columns: int = 80, lines: int = 24, term: str = "xterm"
    ) -> None:
        self.written = bytearray()
        """Everything that came, escape sequences too."""
        self._screen = pyte.HistoryScreen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.RLock()
        self._master, slave = pty.openpty()
        self._set_size(slave, columns, lines)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "playhead.cli", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=REPOSITORY,
            env={name: value for name, value in environment.items() if name not in _OF_A_WINDOW} | {"TERM": term},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C comes by the terminal, as for a person
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def lines(self) -> list[str]:
        """What stands on the screen now, without blanks at the ends of lines."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    def is_drawn(self) -> bool:
        """Whether a whole screen stands there. On the other screen each drawing goes from the first place to the last,
        and comes in pieces: before the last there is a part of the new one above a part of the one before.
        """
        with self._lock:
            cursor = self._screen.cursor
            return not self.is_alternate() or (cursor.y, cursor.x) == (self._screen.lines - 1, self._screen.columns)

    @property
    def text(self) -> str:
        """The same in one piece, without empty lines at its end."""
        return "\n".join(self.lines).rstrip()

    def shows_cursor(self) -> bool:
        with self._lock:
            return not self._screen.cursor.hidden

    def is_alternate(self) -> bool:
        """Whether it draws on the other screen, behind which the one before is kept."""
        on, off = bytes(self.written).rfind(b"\x1b[?1049h"), bytes(self.written).rfind(b"\x1b[?1049l")
        return on > off

    def shows(self, *texts: str, timeout_s: float = TIMEOUT_S) -> str:
        """Waits until all these stand on a whole screen at once. Returns the screen."""
        seen = ""

        def there() -> bool:
            nonlocal seen
            with self._lock:
                seen = self.text
                return self.is_drawn() and all(each in seen for each in texts)

        try:
            wait_until(there, timeout_s, f"{texts} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{seen}") from None
        return seen

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def resize(self, columns: int, lines: int) -> None:
        """Makes the window larger or smaller; the command is told by the signal, as by a real one."""
        with self._lock:
            self._screen.resize(lines, columns)
        self._set_size(self._master, columns, lines)

    def ended(self, timeout_s: float = TIMEOUT_S) -> int:
        """Waits for its end and for all that it has written. Returns the exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        os.close(self._master)

    def _set_size(self, descriptor: int, columns: int, lines: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def _read(self) -> None:
        while True:
            try:
                found = os.read(self._master, _READ_BYTES)
            except OSError:  # the other end is closed
                return
            if not found:
                return
            self.written += found
            with self._lock:
                self._stream.feed(found)
