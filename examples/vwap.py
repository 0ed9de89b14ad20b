"""Says when a price crosses its volume-weighted average of the last minutes.

    python -m examples.vwap --session demo --name vwap

It takes every symbol that it sees, also those that are added while it runs: these have their whole day at
once.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from examples.following import following, options
from playhead import Bars, Session, SymbolAdded, Tick
from playhead.times import full_clock_text

MINUTE_MS = 60_000

say = partial(print, flush=True)  # at once, also into a pipe


def vwap(bars: Bars, minutes: int, clock_ms: int) -> float | None:
    """The average of the typical price weighted by volume, over the last minutes; `None` if nothing was traded."""
    window = bars.between(clock_ms - minutes * MINUTE_MS, clock_ms)
    volume = float(window.volume.sum())
    typical = (window.high + window.low + window.close) / 3
    return float(np.dot(typical, window.volume)) / volume if volume else None


def seen(session: Session, symbol: str) -> int:
    """How many bars of a symbol the session shows at this position."""
    return len(session.bars(symbol) or ())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--minutes", type=int, default=30)
    given = parser.parse_args()

    above: dict[str, bool] = {}
    before: dict[str, int] = {}
    with following(given) as (session, items):
        zone = None
        for item in items:
            zone = zone or (info.zone if (info := session.info()) else "UTC")
            clock = full_clock_text(item.clock_ms, zone)
            match item:
                case SymbolAdded(symbols=symbols):
                    for symbol in symbols:
                        say(f"{clock}  {symbol}: {before.get(symbol, 0)} bars before, {seen(session, symbol)} at once")
                case Tick():
                    before = {symbol: seen(session, symbol) for symbol in session.symbols() or ()}
                    for symbol in item.symbols:
                        bars = session.bars(symbol)
                        average = vwap(bars, given.minutes, item.clock_ms) if bars is not None else None
                        if bars is None or average is None:
                            continue
                        price = float(bars.close[-1])
                        if above.get(symbol, price > average) != (price > average):
                            word = "above" if price > average else "below"
                            say(f"{clock}  {symbol} {word} its VWAP: {price:.2f}, average {average:.2f}")
                        above[symbol] = price > average
                case _:
                    say(f"{clock}  {item.type}")


if __name__ == "__main__":
    main()
