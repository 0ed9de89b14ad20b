"""Says when the short moving average of a symbol's closes crosses the long one.

    python -m examples.cross --session demo --name cross

A symbol that is added while it runs can signal at the next tick: its averages reach back to the open.
"""

from __future__ import annotations

from functools import partial

from examples.following import following, options
from playhead import Bars, Session, SymbolAdded, Tick
from playhead.times import full_clock_text

say = partial(print, flush=True)  # at once, also into a pipe


def short_above_long(bars: Bars, short: int, long: int) -> bool | None:
    """Whether the mean of the last `short` closes is above that of the last `long` ones; `None` without so many."""
    if len(bars) < long:
        return None
    return bool(bars.close[-short:].mean() > bars.close[-long:].mean())


def signals(session: Session, tick: Tick, above: dict[str, bool], short: int, long: int) -> list[str]:
    """What crossed in this tick; `above` remembers which side each symbol is on."""
    lines = []
    for symbol in tick.symbols:
        bars = session.bars(symbol)
        now = short_above_long(bars, short, long) if bars is not None else None
        if bars is None or now is None:
            continue
        if above.setdefault(symbol, now) != now:
            turn = "up through" if now else "down through"
            lines.append(f"{symbol}: the {short}-bar average turned {turn} the {long}-bar one at {bars.close[-1]:.2f}")
        above[symbol] = now
    return lines


def seen(session: Session, symbol: str) -> int:
    """How many bars of a symbol the session shows at this position."""
    return len(session.bars(symbol) or ())


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--short", type=int, default=10)
    parser.add_argument("--long", type=int, default=40)
    given = parser.parse_args()

    above: dict[str, bool] = {}
    before: dict[str, int] = {}
    with following(given) as (session, items):
        zone = None
        for item in items:
            zone = zone or (info.zone if (info := session.info()) else "UTC")
            clock = full_clock_text(item.clock_ms, zone)
            match item:
                case Tick():
                    before = {symbol: seen(session, symbol) for symbol in session.symbols() or ()}
                    for line in signals(session, item, above, given.short, given.long):
                        say(f"{clock}  {line}")
                case SymbolAdded(symbols=symbols):
                    for symbol in symbols:
                        say(f"{clock}  {symbol}: {before.get(symbol, 0)} bars before, {seen(session, symbol)} at once")
                case _:
                    say(f"{clock}  {item.type}")


if __name__ == "__main__":
    main()
