"""The main job in one terminal: replay RIVN to two analyses, add AAPL at 12:06, play on to the close, and compare the
session with one that had AAPL from the start.

    python -m examples.demo

It runs a Redis of its own, unless `PLAYHEAD_REDIS_URL` names one, and leaves nothing behind.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from typing import Final, Self

from playhead import Bar, Session, SessionConfig, SymbolConfig, Tick
from playhead.cli.summary import data_lines
from playhead.connection import URL_VARIABLE, connect, text
from playhead.entries import time_ms
from playhead.keys import Keys
from shared.processes import Processes
from shared.redis_server import RedisServer

DAY: Final = date(2025, 7, 2)
STOP: Final = "12:06"
SERVICES: Final = {"producer": "producer", "coordinator": "coordinator", "worker": "workers"}
CONSUMERS: Final = {"vwap": ("--minutes", "120"), "cross": ()}
PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.02

say = partial(print, flush=True)


def main() -> int:
    with ExitStack() as stack:
        url = os.environ.get(URL_VARIABLE) or stack.enter_context(RedisServer.start()).url
        services = stack.enter_context(Processes({URL_VARIABLE: url}))
        for name, module in SERVICES.items():
            services.start(name, [sys.executable, "-m", module])

        say(f"\n== RIVN on {DAY}, two analyses, the clock stops at {STOP}\n")
        session = stack.enter_context(start("demo", ("RIVN",), url, STOP))
        stack.callback(session.delete)
        consumers = [stack.enter_context(Consumer(name, url, options)) for name, options in CONSUMERS.items()]
        wait_for(lambda: status(session) == "paused", "the stop")
        wait_for(lambda: all(each.position(session) == session.clock() for each in consumers), "the analyses")
        summary(session)

        say("\n== AAPL is added\n")
        session.add_symbol("AAPL")
        summary(session)

        say("\n== On to the close\n")
        session.resume()
        wait_for(lambda: status(session) == "finished", "the close")
        all_well = all(each.ended_well() for each in consumers)
        summary(session)

        say("\n== The same day with AAPL from the start, to compare\n")
        whole = stack.enter_context(start("demo-whole", ("RIVN", "AAPL"), url, None))
        stack.callback(whole.delete)
        wait_for(lambda: status(whole) == "finished", "the close")
        equal, result = verdict(session, whole, all_well)
    say(f"\n{result}")
    return 0 if equal else 1


def start(name: str, symbols: tuple[str, ...], url: str, run_until: str | None) -> Session:
    """A session at full speed on sample bars."""
    config = SessionConfig(tuple(map(SymbolConfig, symbols)), DAY, DAY, run_until=run_until)
    return Session.start(name, config, url, PATIENCE_S)


class Consumer:
    """An analysis in a process of its own, as its users run it; what it prints is shown with its name."""

    def __init__(self, name: str, url: str, options: Sequence[str]) -> None:
        self._name = name
        command = [sys.executable, "-m", f"examples.{name}", "--session", "demo", "--name", name, "--url", url]
        self._process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        self._printer = threading.Thread(target=self._show, daemon=True)
        self._printer.start()
        self._client = connect(url)

    def position(self, session: Session) -> int:
        """The market time that it has dealt with."""
        cursor = self._client.hget(Keys(session.name).consumer(self._name), "cursor")
        return time_ms(text(cursor)) if cursor else 0

    def ended_well(self) -> bool:
        """Waits for its end."""
        self._process.wait(PATIENCE_S)
        self._printer.join()
        return self._process.returncode == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._client.close()

    def _show(self) -> None:
        for line in self._process.stdout or ():
            say(f"{self._name:>6} | {line.rstrip()}")


def status(session: Session) -> str:
    info = session.info()
    return info.status if info else "gone"


def wait_for(reached: Callable[[], bool], what: str) -> None:
    """Waits for a condition, with a bound."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > deadline_s:
            sys.exit(f"{what} did not come within {PATIENCE_S:g} s")
        time.sleep(LOOK_S)


def summary(session: Session) -> None:
    """What `playhead data session` prints."""
    info = session.info()
    say("\n".join(data_lines(info)) if info else "the session is gone")


def verdict(added: Session, whole: Session, all_well: bool) -> tuple[bool, str]:
    """Compares session data, and every tick after the addition, bar by bar."""
    symbols = whole.symbols() or ()
    same_data = symbols == added.symbols() and all(added.bars(symbol) == whole.bars(symbol) for symbol in symbols)
    info = added.info()
    since_ms = (info.symbols["AAPL"].record.added_ms or 0) if info else 0
    ours, theirs = ticks(added, since_ms), ticks(whole, since_ms)
    if same_data and ours == theirs and ours and all_well:
        bars = " and ".join(f"{len(whole.bars(symbol) or ())} bars of {symbol}" for symbol in symbols)
        return True, f"equal to a session that had AAPL from the start: {bars}, {len(ours)} ticks after the addition"
    return False, f"NOT equal: same data {same_data}, same ticks {ours == theirs}, analyses ended well {all_well}"


def ticks(session: Session, since_ms: int) -> dict[int, list[tuple[str, str, Bar]]]:
    """Every tick of a finished session after a time, with its bars."""
    with session.subscribe(from_start=True) as items:
        return {
            item.clock_ms: list(item.bars()) for item in items if isinstance(item, Tick) and item.clock_ms > since_ms
        }


if __name__ == "__main__":
    sys.exit(main())
