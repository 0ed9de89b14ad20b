"""What more symbols and more consumers cost: as many bars with ten times the symbols; four consumers and one."""

from __future__ import annotations

from functools import partial

from benchmarks.figures import Figure
from benchmarks.scale import Scale
from benchmarks.throughput import compare, pipeline


def measure(scale: Scale) -> dict[str, Figure]:
    """Figures of bars a second, of all consumers together."""
    wide, narrow = scale.data(scale.wide), scale.data(scale.narrow)
    one, several = "one-consumer", f"{scale.consumers}-consumers"
    contenders = {"wide": partial(pipeline, wide), one: partial(pipeline, narrow)}
    contenders[several] = partial(pipeline, narrow, scale.consumers)
    found = compare(contenders, narrow, scale.runs)
    size = f"{wide.symbols:,} symbols x {wide.days} {'day' if wide.days == 1 else 'days'}"
    return {
        "wide": Figure(size, found["wide"].unit, found["wide"].values, found["wide"].details),
        "narrow": found[one],
        "consumers": Figure(
            f"{scale.consumers} consumers, summed", found[several].unit, found[several].values, found[several].details
        ),
    }
