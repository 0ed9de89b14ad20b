"""Reading a window from its source, however long that takes and however often it fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Final

from playhead.errors import InvalidInput, PlayheadError
from shared.background import in_background
from shared.stretch import Entry

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
"""Between an attempt that failed and the next one: twice as long each time, but no longer than this."""
SILENT_S: Final = 10.0
"""An attempt that takes longer than this is said: the source may hang."""
PATIENCE_S: Final = 60.0
"""After this time another attempt is made beside one that has not ended; after twice that another one, and so on."""
MOST_AT_ONCE: Final = 4
WAIT_S: Final = 0.02
"""How long one look waits for an attempt to end."""


class CannotBeRead(PlayheadError):
    """A session cannot begin: its source does not have what it is to replay."""


class Reading:
    """One window on its way. The source is asked in threads: that may take longer than a lease lives, or for ever, and
    what is asked later may be answered sooner. The first answer counts.
    """

    def __init__(self, read: Callable[[], list[Entry]], name: str, sources: str, first: bool) -> None:
        """`sources` names what is read. For the `first` window of a session only disks and networks are waited
        for: what a source has not got it will not get."""
        self.trouble = ""
        """Why there is nothing yet; empty where nothing is wrong."""
        self._read = read
        self._name = name
        self._sources = sources
        self._first = first
        self._attempts: set[Future[list[Entry]]] = set()
        self._begun_s = 0.0
        self._next_s = 0.0  # when another attempt is made
        self._pause_s = FIRST_PAUSE_S
        self._patience_s = PATIENCE_S

    @property
    def rests(self) -> bool:
        """Whether nothing is being read just now."""
        return not self._attempts

    def entries(self) -> list[Entry] | None:
        """The entries of the window, once they are there. Waits a little for them. Raises `CannotBeRead`."""
        now_s = time.monotonic()
        if now_s >= self._next_s and len(self._attempts) < MOST_AT_ONCE:
            self._attempts.add(in_background(self._read, self._name))
            self._begun_s, self._next_s = now_s, now_s + self._patience_s
            self._patience_s *= 2
        if not self._attempts:
            return None
        for attempt in wait(self._attempts, WAIT_S, return_when=FIRST_COMPLETED).done:
            self._attempts.remove(attempt)
            error = attempt.exception()
            if error is None:
                self.trouble = ""
                return attempt.result()
            self._has_failed(error)
        if self._attempts and not self.trouble and now_s - self._begun_s >= SILENT_S:
            self.trouble = f"{self._sources} has not answered for more than {SILENT_S:g} s; it is waited for"
        return None

    def _has_failed(self, error: BaseException) -> None:
        reason = str(error) if isinstance(error, PlayheadError) else f"{type(error).__name__}: {error}"
        # A disk or a network that fails now may do better soon. Whatever else a source says before it has given
        # anything it will say again: a wrong path, a symbol that it does not know.
        if self._first and (isinstance(error, InvalidInput) or not isinstance(error, OSError)):
            raise CannotBeRead(reason) from error
        self.trouble = reason
        self._next_s = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
