"""A coordinator that notes when it releases each tick: `python -m benchmarks.timed_coordinator URL`.

It is the coordinator as it is, but for one thing: around each call of the script `advance` it looks at the clock. It
says that it is ready, and when a line comes on its input it ends, and prints for each session and tick the monotonic
time just before the call that put it into the notifications.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import redis

from coordinator import __main__ as service
from playhead.connection import URL_VARIABLE
from playhead.scripts import Script

ADVANCE: Final = "advance"
STATE, NEW_CLOCK = 0, 3
"""Where the script has these among its keys and its arguments."""


def main(url: str) -> int:
    sent: dict[str, dict[int, float]] = defaultdict(dict)
    run = Script.__call__

    def timed(script: Script, client: redis.Redis, keys: Sequence[str], args: Sequence[Any], *meanwhile: Any) -> Any:
        if script.name == ADVANCE:
            sent[keys[STATE]][int(args[NEW_CLOCK])] = time.monotonic()
        return run(script, client, keys, args, *meanwhile)

    Script.__call__ = timed  # type: ignore[method-assign, assignment]
    os.environ[URL_VARIABLE] = url
    threading.Thread(target=end_when_told, daemon=True).start()
    print("ready", flush=True)
    code = service.main()
    print(json.dumps(sent), flush=True)
    return code


def end_when_told() -> None:
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
