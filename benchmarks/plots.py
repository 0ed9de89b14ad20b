"""Plots of what was recorded, as SVG in `docs/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

mpl.use("svg")

from matplotlib import pyplot  # the backend is chosen first: none needs a screen

from benchmarks.figures import Figure

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs"
OURS, OTHERS = "#1f6feb", "#8b949e"
CONTENDERS: Final = {
    "pipeline": "Playhead",
    "spike": "three bare processes",
    "nautilus": "nautilus_trader",
    "backtrader": "backtrader",
}
# Text stays text, and the same figures are the same file.
STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "playhead",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(figures: Mapping[str, Figure], folder: Path = FOLDER) -> dict[str, str]:
    """Draws what there are figures for. Returns the file's name for each heading of the tables."""
    drawn = {}
    plots: dict[str, tuple[str, Callable[[Mapping[str, Figure], Any], bool]]] = {
        "Bars a second": ("performance-throughput.svg", _throughput),
        "The pause of an addition": ("performance-addition.svg", _additions),
        "From the coordinator to a consumer": ("performance-delivery.svg", _delivery),
    }
    with mpl.rc_context(STYLE):
        for heading, (name, plot) in plots.items():
            figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
            if plot(figures, axes):
                figure.savefig(folder / name, metadata={"Date": None})
                drawn[heading] = name
            pyplot.close(figure)
    return drawn


def _throughput(figures: Mapping[str, Figure], axes: Any) -> bool:
    """Bars by contender, a group a data set; a line from the lowest to the highest run."""
    bars = [
        (f"{words}\n{figure.what}", figure, name == "pipeline")
        for size in ("few", "many")
        for name, words in reversed(CONTENDERS.items())
        if (figure := figures.get(f"throughput.{size}-{name}"))
    ]
    for at, (_, figure, ours) in enumerate(bars):
        low, high = figure.spread
        around = [[figure.median - low], [high - figure.median]]
        axes.barh(at, figure.median, xerr=around, color=OURS if ours else OTHERS, ecolor="black", capsize=2)
    axes.figure.set_figheight(0.5 + 0.5 * len(bars))
    axes.set_yticks(range(len(bars)), [label for label, _, _ in bars])
    axes.set_xscale("log")
    axes.set_xlabel("bars a second, end to end, log scale")
    return bool(bars)


def _additions(figures: Mapping[str, Figure], axes: Any) -> bool:
    return _shares(axes, figures, {"addition.p50": "one symbol"}, "pause of an addition, ms")


def _delivery(figures: Mapping[str, Figure], axes: Any) -> bool:
    lines = {"delivery.paced-p50": "speed 60", "delivery.fast-p50": "speed 3,600"}
    return _shares(axes, figures, lines, "from the coordinator's call to the consumer, ms")


def _shares(axes: Any, figures: Mapping[str, Figure], lines: Mapping[str, str], what: str) -> bool:
    """Of all that was measured, which share took at most so long."""
    known = {label: figures[key].details["all"] for key, label in lines.items() if key in figures}
    for (label, values), color in zip(known.items(), (OURS, OTHERS), strict=False):
        axes.step(np.sort(values), 100 * np.arange(1, len(values) + 1) / len(values), label=label, color=color)
    axes.set_xlabel(what)
    axes.set_ylabel("% at most")
    axes.set_xlim(left=0)
    axes.grid(axis="y", alpha=0.3)
    if len(known) > 1:
        axes.legend(frameon=False)
    return bool(known)
