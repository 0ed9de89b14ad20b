"""Data sources that do not behave, registered by entry point as anybody's are.

With this folder on `PYTHONPATH` the services find them; no test imports this module.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from playhead.bars import Bars
from shared.sources.sample import SampleSource
from shared.sources.source import OneByOne

POLL_S = 0.01


def leave_trace(job: Any, *_: Any) -> None:
    """A callback of a job, which no worker may run: makes the file that the job's description names."""
    Path(job.description).touch()


class _Unruly(OneByOne):
    adjusted = False

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.path = Path(uri.partition(":")[2])

    def symbols(self) -> list[str]:
        return []

    def check(self) -> None:
        return None


class GateSource(_Unruly):
    """`gate:PATH`: gives what `sample:` gives, once there is a file PATH. Whoever waits adds its process id, on a line
    of its own, to the file PATH.waiting.
    """

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        with self.path.with_name(f"{self.path.name}.waiting").open("a") as waiting:
            waiting.write(f"{os.getpid()}\n")
        while not self.path.exists():
            time.sleep(POLL_S)
        return SampleSource("sample:").get_bars(symbol, interval, start, end)


class RaisingSource(_Unruly):
    """`raises:`: an error that no source may raise, for symbols that begin with FIRE; others are as in `sample:`."""

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        if symbol.startswith("FIRE"):
            raise RuntimeError(f"the disk under {symbol} is on fire")
        return SampleSource("sample:").get_bars(symbol, interval, start, end)


class HangingSource(_Unruly):
    """`hangs:`: never answers."""

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        while True:
            time.sleep(POLL_S)


class SlowSource(_Unruly):
    """`slow:MS`: gives what `sample:` gives, after so many milliseconds."""

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        time.sleep(int(self.path.name) / 1000)
        return SampleSource("sample:").get_bars(symbol, interval, start, end)


class FailingSource(_Unruly):
    """`fails:PATH`: what `sample:` gives, while there is no file PATH. With the word `hang` in it the source does not
    answer while it is there; with any other it fails with that.
    """

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        while (word := self.path.read_text() if self.path.exists() else "") == "hang":
            time.sleep(POLL_S)
        if word:
            raise OSError(word)
        return SampleSource("sample:").get_bars(symbol, interval, start, end)
