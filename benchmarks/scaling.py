"""What more symbols and more consumers cost: as many bars with ten times the symbols; four consumers and one.

All bars of a single day are read before its first tick, so of many symbols on one day the rate with the first read
says more.
"""

from __future__ import annotations

from dataclasses import replace
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
        "wide": replace(found["wide"], what=size),
        "wide-with-read": replace(found["wide-with-read"], what=f"{size}, with the first read"),
        "narrow": found[one],
        "narrow-with-read": found[f"{one}-with-read"],
        "consumers": replace(found[several], what=f"{scale.consumers} consumers, summed"),
    }
