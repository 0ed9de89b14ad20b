"""How long a tick takes to a consumer, in a session that runs at a speed.

What is timed begins just before the coordinator calls the script `advance`, which puts the tick into the
notifications, and ends when the loop of the consumer has the tick in hand: the way to the server, the script, the way
to the consumer and its library are in it, so it is a little more than the time from the entry in the stream. The
coordinator runs as it is, with a look at the clock before that call (`benchmarks.timed_coordinator`); both ends read
the machine's monotonic clock. Whether the tick came when it was due is another question.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

from benchmarks.figures import Figure, percentile, rounded
from benchmarks.rig import Rig
from benchmarks.scale import Scale, Size
from playhead import Session
from playhead.keys import Keys

SPEED: Final = 60.0
FAST: Final = 3_600.0
FIRST_TICKS: Final = 1
"""Left out: the first tick of a session comes while consumers are still settling down."""
TIMEOUT_S: Final = 60.0


def measure(scale: Scale) -> dict[str, Figure]:
    """Figures at a tick a second in some sessions side by side, and at many ticks a second in one."""
    found = {}
    for name, size, speed, sessions, lasts_s in (
        ("few", scale.few, SPEED, scale.sessions, scale.paced_s),
        ("paced", scale.many, SPEED, scale.sessions, scale.paced_s),
        ("fast", scale.many, FAST, 1, scale.fast_s),
    ):
        late_ms = latencies_ms(scale, size, speed, sessions, lasts_s)
        side_by_side = f", {sessions} sessions" if sessions > 1 else ""
        what = f"tick of {size[0]} symbols at speed {speed:g}{side_by_side}, {len(late_ms)} ticks"
        for percent in (50, 99):
            value = rounded(percentile(late_ms, percent))
            found[f"{name}-p{percent}"] = Figure(
                f"{what}, p{percent}", "ms", (value,), {"all": late_ms} if percent == 50 else {}
            )
    return found


def latencies_ms(scale: Scale, size: Size, speed: float, sessions: int, lasts_s: float) -> list[float]:
    """How long each tick of all sessions took, sorted."""
    names = [f"delivery-{number}" for number in range(sessions)]
    with Rig("producer") as rig, ExitStack() as stack:
        coordinator = rig.probe("benchmarks.timed_coordinator")
        rig.warm_up(scale.cache)
        followed = []
        for name in names:
            consumer = rig.probe("benchmarks.consumer", name, "measured", "times")
            config = scale.data(size).config(speed=speed, expect=("measured",))
            session = stack.enter_context(Session.start(name, config, rig.url, wait_s=TIMEOUT_S))
            consumer.begin()
            followed.append((session, consumer))
        time.sleep(lasts_s)
        handed = {}
        for session, consumer in followed:
            session.stop()
            handed[session.name] = consumer.answer()["handed"]
        coordinator.begin()
        sent = coordinator.answer()
    return sorted(late for name in names for late in _late_ms(sent[Keys(name).state], handed[name]))


def _late_ms(sent: dict[str, float], handed: dict[str, float]) -> list[float]:
    """Milliseconds from one to the other of each tick. Raises `RuntimeError` for a tick of which nobody knows when it
    was sent."""
    found = []
    for clock, had_s in list(handed.items())[FIRST_TICKS:]:
        if clock not in sent:
            raise RuntimeError(f"the coordinator has not noted when it sent the tick of {clock}")
        found.append(rounded((had_s - sent[clock]) * 1000))
    return found
