"""How fast backtrader delivers bars to one strategy: `python backtrader_peer.py ARRAY TICKS`.

ARRAY is a file of numpy with values of shape (ticks, symbols, 5). Prints `bars` and `seconds` as JSON.
"""

import json
import sys
import time

import backtrader
import numpy as np
import pandas as pd


class Count(backtrader.Strategy):
    """Reads the close of every symbol at every tick."""

    seen = 0
    total = 0.0

    def next(self) -> None:
        for data in self.datas:
            self.total += data.close[0]
        self.seen += len(self.datas)


def main(array: str, ticks: int) -> None:
    values = np.load(array, mmap_mode="r")[:ticks]
    minutes = pd.date_range("2025-07-02 09:30", periods=len(values), freq="min")
    cerebro = backtrader.Cerebro(stdstats=False)
    for number in range(values.shape[1]):
        columns = ["open", "high", "low", "close", "volume"]
        frame = pd.DataFrame(np.array(values[:, number]), index=minutes, columns=columns)
        cerebro.adddata(backtrader.feeds.PandasData(dataname=frame, timeframe=backtrader.TimeFrame.Minutes))
    cerebro.addstrategy(Count)
    begun_s = time.perf_counter()
    (strategy,) = cerebro.run()
    seconds = time.perf_counter() - begun_s
    print(json.dumps({"bars": strategy.seen, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
