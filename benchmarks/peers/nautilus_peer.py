"""How fast nautilus_trader delivers bars to one strategy: `python nautilus_peer.py ARRAY TICKS`.

ARRAY is a file of numpy with values of shape (ticks, symbols, 5). Prints `bars` and `seconds` as JSON.
"""

import json
import sys
import time

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

OPEN_NS, MINUTE_NS = 1_751_463_000_000_000_000, 60_000_000_000


class Count(Strategy):
    """Takes every bar and reads its close."""

    def __init__(self, bar_types: list[BarType]) -> None:
        super().__init__(StrategyConfig())
        self.bar_types = bar_types
        self.seen = 0
        self.total = 0.0

    def on_start(self) -> None:
        for bar_type in self.bar_types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        self.seen += 1
        self.total += bar.close.as_double()


def main(array: str, ticks: int) -> None:
    values = np.load(array, mmap_mode="r")[:ticks]
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(Venue("XNYS"), OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USD)], base_currency=USD)
    bar_types = []
    for number in range(values.shape[1]):
        instrument = TestInstrumentProvider.equity(symbol=f"S{number:04d}", venue="XNYS")
        engine.add_instrument(instrument)
        bar_types.append(BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL"))
    bars = []
    for tick, rows in enumerate(values):
        at_ns = OPEN_NS + tick * MINUTE_NS
        for bar_type, row in zip(bar_types, rows.tolist(), strict=True):
            prices = (Price(value, 2) for value in row[:4])
            bars.append(Bar(bar_type, *prices, Quantity(row[4], 0), at_ns, at_ns))
    count = Count(bar_types)
    engine.add_strategy(count)
    engine.add_data(bars, sort=False)
    begun_s = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - begun_s
    print(json.dumps({"bars": count.seen, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
