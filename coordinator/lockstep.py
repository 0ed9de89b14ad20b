"""How many ticks may go out before the slowest consumer has acknowledged what went out before. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from playhead.entries import BEGINNING, order

_Position = tuple[int, int]
_BEGINNING: Final = order(BEGINNING)


class Lockstep:
    """The last ticks that went out, and how far each consumer that is waited for has come.

    `lead` is how many ticks the clock may be ahead of the slowest of them. `emitted` are the close times (UTC
    milliseconds, in order) of the last ticks; as many as `lead` of them do.
    """

    def __init__(self, lead: int, emitted: Iterable[int] = ()) -> None:
        self._lead = lead
        self._emitted: deque[_Position] = deque(maxlen=lead)
        self._acknowledged: dict[str, _Position] = {}
        for close_ms in emitted:
            self.emit(close_ms)

    def emit(self, close_ms: int) -> None:
        """Counts a tick that went out."""
        self._emitted.append((close_ms, 0))

    def follow(self, cursors: Mapping[str, str]) -> None:
        """Says which consumers are waited for, and the entry up to which each has acknowledged everything."""
        self._acknowledged = {name: order(cursor) for name, cursor in cursors.items()}

    def acknowledge(self, name: str, cursor: str) -> bool:
        """Takes what one consumer says. False where that is nothing new of somebody who is waited for."""
        position = order(cursor)
        if position <= self._acknowledged.get(name, position):
            return False
        self._acknowledged[name] = position
        return True

    @property
    def room(self) -> int | None:
        """How many ticks may go out now; `None` where nobody is waited for."""
        if not self._acknowledged:
            return None
        return self._lead - self._since(min(self._acknowledged.values()))

    @property
    def behind(self) -> tuple[str, ...]:
        """Those for whom the next tick waits, sorted."""
        return tuple(
            sorted(name for name, position in self._acknowledged.items() if self._since(position) == self._lead)
        )

    def _since(self, position: _Position) -> int:
        """How many ticks went out after a position; `lead` stands for more as well."""
        count = 0
        for emitted in reversed(self._emitted):
            if emitted <= position:
                break
            count += 1
        return count
