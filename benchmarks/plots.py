"""Plots of what was recorded, as SVG in `docs/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib import figure as drawing

from benchmarks.figures import Figure, percentile, shown

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
            figure = drawing.Figure(figsize=(7, 3), layout="constrained")
            if plot(figures, figure.subplots()):
                figure.savefig(folder / name, metadata={"Date": None})
                drawn[heading] = name
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
        axes.annotate(shown(figure.median), (high, at), (6, 0), textcoords="offset points", va="center")
    axes.figure.set_figheight(0.5 + 0.5 * len(bars))
    axes.set_yticks(range(len(bars)), [label for label, _, _ in bars])
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("bars a second: the median, and the lowest to the highest run")
    return bool(bars)


def _additions(figures: Mapping[str, Figure], axes: Any) -> bool:
    return _shares(axes, figures, {"addition.p50": "one symbol"}, "pause of an addition, ms")


def _delivery(figures: Mapping[str, Figure], axes: Any) -> bool:
    lines = {
        "delivery.few-p50": "few symbols, speed 60",
        "delivery.paced-p50": "many, speed 60",
        "delivery.fast-p50": "many, speed 3,600",
    }
    return _shares(axes, figures, lines, "from the coordinator's call to the consumer, ms")


def _shares(axes: Any, figures: Mapping[str, Figure], lines: Mapping[str, str], what: str) -> bool:
    """Of all that was measured, which share took at most so long. The axis ends a little after the 99th of 100."""
    known = {label: figures[key].details["all"] for key, label in lines.items() if key in figures}
    for (label, values), color in zip(known.items(), (OURS, OTHERS), strict=False):
        axes.step(np.sort(values), 100 * np.arange(1, len(values) + 1) / len(values), label=label, color=color)
    axes.set_xlabel(what)
    axes.set_ylabel("% at most")
    if known:
        axes.set_xlim(0, 1.2 * max(percentile(values, 99) for values in known.values()))
    axes.grid(axis="y", alpha=0.3)
    if len(known) > 1:
        axes.legend(frameon=False)
    return bool(known)
