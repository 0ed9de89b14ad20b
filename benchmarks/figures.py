"""Figures of several runs, and how two of them compare. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

DIGITS: Final = 4
"""Significant ones of a value that is kept: no measurement is better than that."""


@dataclass(frozen=True)
class Figure:
    """What was measured once or several times: a value a run, in `unit`. `details` are for whoever asks why."""

    what: str
    unit: str
    values: tuple[float, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.what} has no value: it was never measured")

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest."""
        return min(self.values), max(self.values)

    def ratio(self, other: Figure) -> float:
        """The median as a multiple of the other's. Raises `ValueError` where they are of different units."""
        if self.unit != other.unit:
            raise ValueError(f"{self.what} is in {self.unit} and {other.what} in {other.unit}")
        return self.median / other.median if other.median else float("inf")


def interleaved(contenders: Mapping[str, Callable[[], float]], runs: int) -> dict[str, tuple[float, ...]]:
    """The values of all contenders, each measured in turn: A B C A B C. What slows the machine slows all of them."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, measure in contenders.items():
            found[name].append(measure())
    return {name: tuple(values) for name, values in found.items()}


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent lie, between its neighbours in proportion."""
    if not values:
        raise ValueError("there are no values")
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def rounded(value: float) -> float:
    """A value to its significant digits."""
    return float(f"{value:.{DIGITS}g}")


def shown(value: float) -> str:
    """A value to be read: with commas above a thousand, with three significant digits below."""
    if abs(value) >= 1_000:
        return f"{round(float(f'{value:.3g}')):,}"
    return f"{float(f'{value:.3g}'):g}"
