"""A consumer that reads every close: `python -m benchmarks.consumer URL SESSION NAME`, started by the measurements.

It says that it is ready, waits for a line on its input, follows the session from its start to its end, and prints what
it has seen as one line of JSON. Times are those of the monotonic clock, which all processes of a machine share. With a
fourth word, `times`, it says of each tick when it had it in hand.
"""

from __future__ import annotations

import json
import sys
import time

from playhead import Session, Tick


def main(url: str, session: str, name: str, also: str = "") -> int:
    print("ready", flush=True)
    sys.stdin.readline()
    last_s = total = 0.0
    ticks = bars = 0
    handed: dict[int, float] = {}
    with Session(session, url) as followed:
        for message in followed.subscribe(name, from_start=True):
            if not isinstance(message, Tick):
                continue
            if also or not ticks:
                handed[message.clock_ms] = time.monotonic()
            for group in message.groups:
                total += float(group.values[:, 3].sum())
                bars += len(group.symbols)
            ticks += 1
            last_s = time.monotonic()
    first_s = min(handed.values(), default=0.0)
    seen = {"first_s": first_s, "last_s": last_s, "ticks": ticks, "bars": bars, "closes": total}
    print(json.dumps(seen | ({"handed": handed} if also else {})), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
