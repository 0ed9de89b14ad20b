"""How long the clock stands for an addition, with warm workers, from a large Parquet data set.

A session stands at ever other clocks of its days; at each a symbol is added and removed again. What the receipt says is
`held_ms`: the time from the script that places the hold to the one that makes the symbol visible, by the clock of the
server. Beside it is what the caller sees: from the command to its reply.
"""

from __future__ import annotations

import time
from typing import Any, Final

from benchmarks.figures import Figure, percentile, rounded
from benchmarks.rig import Rig
from benchmarks.scale import Scale
from playhead import Session
from playhead.intervals import MINUTE_MS
from playhead.times import typed

NAME: Final = "addition"
STEP_TICKS: Final = 37
"""Between two clocks: no divisor of a day, so that early and late ones come."""
WORKERS: Final = 2
WARM_UPS: Final = 3
TIMEOUT_S: Final = 60.0
LOOK_S: Final = 0.002


class Standing:
    """A paused session, from whose data set symbols are added."""

    def __init__(self, rig: Rig, scale: Scale) -> None:
        data = scale.data(scale.big)
        self._waiting = data.names[scale.session_symbols :]
        self._next = 0
        self._clocks = (data.starts + MINUTE_MS).tolist()
        """The clock after each tick: every minute has one."""
        self._ticks = STEP_TICKS
        config = data.config(symbols=scale.session_symbols, run_until=typed(self._clock_ms))
        self._session = Session.start(NAME, config, rig.url, wait_s=TIMEOUT_S)
        self._await_clock()

    def add(self, symbols: int) -> tuple[float, float]:
        """Adds other symbols than last time, and removes them. Returns `held_ms`, and ms from command to reply."""
        chosen = [self._waiting[(self._next + number) % len(self._waiting)] for number in range(symbols)]
        self._next += symbols
        begun_s = time.perf_counter()
        reply = self._session.add_symbol(*chosen)
        seen_ms = (time.perf_counter() - begun_s) * 1000
        held = _held_ms(reply.result, chosen)
        self._session.remove_symbol(*chosen)
        return held, seen_ms

    def move(self) -> None:
        """Goes on to another clock."""
        self._ticks += STEP_TICKS
        self._session.step(STEP_TICKS)
        self._await_clock()

    def close(self) -> None:
        self._session.close()

    @property
    def _clock_ms(self) -> int:
        return int(self._clocks[self._ticks - 1])

    def _await_clock(self) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while self._session.clock() != self._clock_ms:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"the clock stands at {self._session.clock()}, and not at {self._clock_ms}")
            time.sleep(LOOK_S)


def measure(scale: Scale) -> dict[str, Figure]:
    """Figures of one symbol at a time, one worker, and of many at once, two workers."""
    one = additions(scale, 1, 1, scale.additions)
    many = additions(scale, WORKERS, scale.added_at_once, scale.runs)
    size = f"{scale.big[0]} symbols x {scale.big[1]} days"
    held, seen = ([rounded(each[which]) for each in one] for which in (0, 1))
    what = f"one symbol out of {size}, {len(held)} additions"
    found = {}
    for percent in (50, 99):
        found[f"p{percent}"] = Figure(
            f"{what}, p{percent}", "ms", (percentile(held, percent),), {"all": held} if percent == 50 else {}
        )
        found[f"seen-p{percent}"] = Figure(
            f"the same from command to reply, p{percent}", "ms", (rounded(percentile(seen, percent)),)
        )
    at_once = f"{scale.added_at_once} symbols in one pause, {WORKERS} workers"
    found["at-once"] = Figure(at_once, "ms", tuple(each[0] for each in many), {"seen": [each[1] for each in many]})
    return found


def additions(scale: Scale, workers: int, symbols: int, times: int) -> list[tuple[float, float]]:
    """`held_ms`, and ms from command to reply, of each of some additions of so many symbols."""
    with Rig("producer", "coordinator", *["worker"] * workers) as rig:
        session = Standing(rig, scale)
        for _ in range(WARM_UPS):
            session.add(symbols)
            session.move()
        found = []
        for _ in range(times):
            found.append(session.add(symbols))
            session.move()
        session.close()
    return found


def _held_ms(result: Any, symbols: list[str]) -> float:
    """How long the clock stood. Raises `RuntimeError` where not all were added, or not in one pause."""
    pauses = {(result[symbol]["clock_ms"], result[symbol]["held_ms"]) for symbol in symbols}
    if len(pauses) != 1:
        raise RuntimeError(f"{len(symbols)} symbols were added in {len(pauses)} pauses")
    return float(pauses.pop()[1])
