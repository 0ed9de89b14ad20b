"""How much is measured: sizes and repetitions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from benchmarks.dataset import DataSet
from playhead.errors import InvalidInput

Size = tuple[int, int]
"""Symbols and trading days."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the measurements are made with. By default what is recorded, for which a quiet machine needs a quarter of an
    hour, and a few minutes more when the data sets are written for the first time."""

    cache: Path
    """Where data sets are kept."""

    runs: int = 5
    """Of each contender, in turn."""

    many: Size = (500, 20)
    few: Size = (10, 250)
    wide: Size = (5_000, 1)
    narrow: Size = (500, 10)
    """As many bars as `wide`."""
    big: Size = (500, 250)
    """The data set from which symbols are added."""

    consumers: int = 4
    nautilus_bars: int = 400_000
    backtrader_bars: int = 60_000
    """A peer gets as many of the first ticks as have so many bars: it is asked for a rate, and all of them may take it
    minutes."""

    additions: int = 120
    added_at_once: int = 100
    session_symbols: int = 100
    """Symbols that a session has before others are added."""

    sessions: int = 4
    """That run side by side at the speed of 60."""
    paced_s: float = 60.0
    fast_s: float = 30.0
    read_days: int = 60
    kept: Size = (500, 20)
    """Over whose days memory is looked at."""
    starts: int = 40
    """Of each command, in turn."""

    @classmethod
    def small(cls, cache: Path) -> Self:
        """Seconds of each, to see that everything works. No figure of it says anything."""
        return cls(
            cache,
            runs=2,
            many=(50, 2),
            few=(10, 5),
            wide=(500, 1),
            narrow=(50, 10),
            big=(50, 10),
            nautilus_bars=20_000,
            backtrader_bars=5_000,
            additions=10,
            added_at_once=20,
            session_symbols=10,
            sessions=2,
            paced_s=4.0,
            fast_s=2.0,
            read_days=3,
            kept=(50, 8),
            starts=3,
        )

    def data(self, size: Size) -> DataSet:
        """The data set of a size. Raises `InvalidInput` for one that cannot be."""
        return DataSet(*size, self.cache)

    def changed(self, settings: Iterable[str]) -> Self:
        """The same with others of its fields: `runs=3`, `many=500x5`. Raises `InvalidInput`."""
        known = {each.name: each.type for each in fields(self) if each.name != "cache"}
        given: dict[str, Any] = {}
        for setting in settings:
            name, _, text = setting.partition("=")
            if name not in known:
                raise InvalidInput(f"{setting!r} sets nothing that there is; write name=value, of {', '.join(known)}")
            parts = text.split("x") if known[name] == "Size" else [text]
            try:
                numbers = [float(part) if known[name] == "float" else int(part) for part in parts]
            except ValueError:
                numbers = []
            if len(numbers) != (2 if known[name] == "Size" else 1) or min(numbers) <= 0:
                form = "a size such as 500x20" if known[name] == "Size" else "a number above 0"
                raise InvalidInput(f"{setting!r}: {text!r} is not {form}")
            given[name] = tuple(numbers) if known[name] == "Size" else numbers[0]
        return replace(self, **given)
