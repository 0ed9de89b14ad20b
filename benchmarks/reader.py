"""A consumer that reads a symbol's whole day on every tick: `python -m benchmarks.reader URL SESSION NAME SYMBOL`.

As `benchmarks.consumer` it begins when it is told to. It prints, for each trading day, how long each read took, in
microseconds.
"""

from __future__ import annotations

import json
import sys
import time

from playhead import DayOpened, Session, Tick


def main(url: str, session: str, name: str, symbol: str) -> int:
    print("ready", flush=True)
    sys.stdin.readline()
    days: list[list[float]] = [[]]
    with Session(session, url) as followed:
        for message in followed.subscribe(name, from_start=True):
            if isinstance(message, DayOpened) and days[-1]:
                days.append([])
            if not isinstance(message, Tick):
                continue
            begun_ns = time.perf_counter_ns()
            bars = followed.bars(symbol)
            last = bars.close[-1] if bars else None
            days[-1].append((time.perf_counter_ns() - begun_ns) / 1000)
            if bars is None or len(bars) != len(days[-1]) or not last:
                raise RuntimeError(f"at {message.entry} {symbol} should have {len(days[-1])} bars")
    print(json.dumps({"days": days}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
