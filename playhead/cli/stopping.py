"""Ctrl-C and SIGTERM as an orderly end."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """The person or the system has asked this process to end. Not an `Exception`: nobody may swallow it."""


class StopSignals:
    """Turns the first signal to end into `Stopped`, raised in the main thread; later ones change nothing.

    Both handlers are set whatever was inherited: a shell starts a background child of a script with SIGINT
    ignored. SIGHUP stays ignored where it was (`nohup`).
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether a signal has come: asked too, since an exception raised in a finalizer is lost."""
        self._ignoring = False
        self._before: dict[signal.Signals, Any] = {}

    def ignore(self) -> None:
        """From here on signals change nothing: cleaning up must not be cut short."""
        self._ignoring = True

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.asked and not self._ignoring:
            self.asked = True
            raise Stopped
