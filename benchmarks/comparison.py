"""Which figures are put beside which, and what is aimed at. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure by its key, alone or as a multiple of another one. The aim is for the multiple, where there is one."""

    of: str
    against: str | None = None
    beside: str = ""
    """What the other figure is, in words."""
    at_least: float | None = None
    at_most: float | None = None

    def value(self, figures: Mapping[str, Figure]) -> float | None:
        """The figure or the multiple, `None` where something of it was not measured."""
        if self.of not in figures:
            return None
        if self.against is None:
            return figures[self.of].median
        return figures[self.of].ratio(figures[self.against]) if self.against in figures else None

    def reached(self, figures: Mapping[str, Figure]) -> bool | None:
        """Whether it is as aimed at; `None` where nothing is aimed at, or nothing was measured."""
        value = self.value(figures)
        if value is None or self.at_least is self.at_most is None:
            return None
        low = 0.0 if self.at_least is None else self.at_least
        high = float("inf") if self.at_most is None else self.at_most
        return low <= value <= high


SPIKE: Final = "three bare processes"
ALL: Final[Mapping[str, tuple[Comparison, ...]]] = {
    "Bars a second": (
        Comparison("throughput.many-pipeline", "throughput.many-spike", SPIKE, at_least=0.7),
        Comparison("throughput.many-pipeline", "throughput.many-nautilus", "nautilus_trader 1.221", at_least=10),
        Comparison("throughput.many-pipeline", "throughput.many-backtrader", "backtrader 1.9.78"),
        Comparison("throughput.many-pipeline-with-read", "throughput.many-spike-with-read", SPIKE),
        Comparison("throughput.few-pipeline", "throughput.few-spike", SPIKE, at_least=0.7),
        Comparison("throughput.few-pipeline", "throughput.few-nautilus", "nautilus_trader 1.221", at_least=4),
        Comparison("throughput.few-pipeline", "throughput.few-backtrader", "backtrader 1.9.78"),
        Comparison("throughput.few-pipeline-with-read", "throughput.few-spike-with-read", SPIKE),
        Comparison("scaling.wide", "scaling.narrow", "as many bars of fewer symbols", at_least=0.9),
        Comparison("scaling.wide-with-read", "scaling.narrow-with-read", "as many bars of fewer symbols", at_least=0.9),
        Comparison("scaling.consumers", "scaling.narrow", "one consumer", at_least=2),
    ),
    "The pause of an addition": (
        Comparison("addition.p50", at_most=10),
        Comparison("addition.p99", at_most=40),
        Comparison("addition.seen-p50"),
        Comparison("addition.seen-p99"),
        Comparison("addition.at-once", at_most=500),
    ),
    "From the coordinator to a consumer": (
        Comparison("delivery.few-p50", at_most=1),
        Comparison("delivery.few-p99", at_most=5),
        Comparison("delivery.paced-p50", at_most=1),
        Comparison("delivery.paced-p99", at_most=5),
        Comparison("delivery.fast-p50"),
        Comparison("delivery.fast-p99"),
    ),
    "Reading a whole day on every tick": (
        Comparison("reads.tenth"),
        Comparison("reads.last", "reads.tenth", "the tenth tick", at_most=1.5),
    ),
    "Memory": (
        Comparison("footprint.full-speed", at_most=120),
        Comparison("footprint.one-tick", at_most=200),
        Comparison("footprint.redis-late", "footprint.redis-early", "first third", at_most=1.05),
        Comparison("footprint.processes-late", "footprint.processes-early", "first third", at_most=1.05),
        Comparison("footprint.producer", at_most=100),
        Comparison("footprint.coordinator", at_most=100),
        Comparison("footprint.worker", at_most=100),
        Comparison("footprint.consumer", at_most=100),
    ),
    "The command line": (
        Comparison("cli.session", "cli.nothing", "a program of Typer that imports redis", at_most=1.3),
        Comparison("cli.help", "cli.nothing-help", "the help of that program"),
    ),
}
"""By the headings of the tables. A key is the name of a measurement and that of a figure of it."""
