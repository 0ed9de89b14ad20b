"""What it costs to read a symbol's whole day on every tick: the last tick of the day against the tenth.

The time is that of `Session.bars` and a look at the last close, in a consumer that follows at full speed
(`benchmarks.reader`). It is the median over the trading days of a run.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from benchmarks.figures import Figure, rounded
from benchmarks.rig import Rig
from benchmarks.scale import Scale
from playhead import Session

NAME: Final = "reads"
EARLY: Final = 10
"""The tick of a day that the last one is compared with, counted from 1."""


def measure(scale: Scale) -> dict[str, Figure]:
    """Figures of the tenth tick of a day and of the last one, a value a run."""
    runs = [run(scale) for _ in range(scale.runs)]
    what = f"read of the whole day at {{}}, {scale.read_days} days"
    return {
        "tenth": Figure(what.format("the tenth tick"), "µs", tuple(tenth for tenth, _ in runs)),
        "last": Figure(what.format("the last tick"), "µs", tuple(last for _, last in runs)),
    }


def run(scale: Scale) -> tuple[float, float]:
    """What a read takes at the tenth tick of a day and at the last one, microseconds, in one session."""
    data = scale.data(scale.few)
    with Rig("producer", "coordinator") as rig:
        reader = rig.probe("benchmarks.reader", NAME, "reader", data.names[0])
        config = data.config(days=scale.read_days, expect=("reader",))
        Session.start(NAME, config, rig.url, wait_s=0).close()
        reader.begin()
        days = reader.answer()["days"]
    if len(days) != scale.read_days:
        raise RuntimeError(f"the reader has seen {len(days)} days of {scale.read_days}")
    return rounded(median(day[EARLY - 1] for day in days)), rounded(median(day[-1] for day in days))
