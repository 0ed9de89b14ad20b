"""The metrics of a session that are read when they are asked for: from what serves it here, and out of Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.exceptions import ResponseError
from rq import Queue

from coordinator.consumers import Consumers
from coordinator.metrics import (
    ADDED,
    ADDITIONS,
    BARS,
    CALLED_OFF,
    CLOCK,
    DROPPED,
    FAILED,
    JOBS,
    LAG,
    PARTIAL,
    PAUSE_S,
    REJECTED,
    SENT,
    SUCCEEDED,
    TICKS,
)
from coordinator.pace import Pace
from coordinator.state import State
from coordinator.store import Store
from playhead.connection import text
from playhead.entries import order
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from playhead.keys import JOBS_QUEUE, Keys
from shared.lease import Lease
from shared.metrics import SESSION, served
from shared.readings import whole

CONSUMER: Final = "consumer"
MOST_CONSUMERS: Final = 50
"""Consumers of a session that are shown one by one: those that are furthest behind."""

_shown: Final[WeakValueDictionary[str, Meters]] = WeakValueDictionary()


class Meters:
    """What one session counts while this process serves it. All series are there from the beginning, at 0."""

    def __init__(self, session: str) -> None:
        self._ticks, self._bars = TICKS.labels(session), BARS.labels(session)
        self._clock, self._lag = CLOCK.labels(session), LAG.labels(session)
        for each in (PAUSE_S, SENT, DROPPED):
            each.labels(session)
        for outcome in (ADDED, PARTIAL, REJECTED, CALLED_OFF):
            ADDITIONS.labels(session, outcome)
        for outcome in (SUCCEEDED, FAILED):
            JOBS.labels(session, outcome)
        self._state: State | None = None
        self._pace: Pace | None = None
        _shown[session] = self

    def follow(self, state: State, pace: Pace) -> None:
        """Shows the clock of this state from now on: it is read when it is asked for."""
        self._state, self._pace = state, pace
        self._clock.set_function(lambda: state.clock_ms / 1000)
        self._lag.set_function(lambda: lag_s(state, pace, time.monotonic()))

    def released(self, ticks: int, bars: int) -> None:
        """Counts what one move of the clock has released."""
        self._ticks.inc(ticks)
        self._bars.inc(bars)

    def behind_s(self, cursor: str) -> float:
        """How far a consumer is behind what went out, in market time without the hours in which all is closed."""
        if self._state is None or self._pace is None or order(cursor) >= order(self._state.noted):
            return 0.0
        return self._pace.clock.open_ms(order(cursor)[0], order(self._state.noted)[0]) / 1000


def lag_s(state: State, pace: Pace, now_s: float) -> float:
    """How far the clock is behind what its speed asks for, in seconds of market time. It moves by whole bars."""
    reading_ms = pace.clock.reading(now_s)
    if reading_ms is None or state.ended or state.stop_ticks is not None:
        return 0.0
    step_ms = interval_ms(state.config.interval)
    due_ms = min(reading_ms - reading_ms % step_ms, state.end_ms, state.stop_ms or state.end_ms, state.due_ms)
    return pace.clock.open_ms(state.clock_ms, due_ms) / 1000


def read_sessions(client: redis.Redis) -> Iterator[Metric]:
    """What stands in Redis of the sessions that this process serves."""
    holds = GaugeMetricFamily("playhead_holds", "Holds: the clock stands while there is one.", labels=[SESSION])
    skipped = CounterMetricFamily(
        "playhead_entries_skipped",
        "Entries of other hands that were taken out of the session's streams.",
        labels=[SESSION],
    )
    registered = GaugeMetricFamily("playhead_consumers", "Consumers that are registered.", labels=[SESSION])
    waited_for = GaugeMetricFamily(
        "playhead_consumers_waited_for",
        "Consumers for whom the clock has waited for more than a second.",
        labels=[SESSION],
    )
    lag = GaugeMetricFamily(
        "playhead_consumer_lag_seconds",
        "Market time that a consumer is behind the last tick, without closed hours.",
        labels=[SESSION, CONSUMER],
    )
    for name in served():
        found = _read(client, name)
        if found is None:
            continue
        holds.add_metric([name], found.holds)
        skipped.add_metric([name], found.skipped)
        waited_for.add_metric([name], found.waited_for)
        registered.add_metric([name], found.registered)
        for behind_s, each in found.behind[:MOST_CONSUMERS]:
            lag.add_metric([name, each], behind_s)
    yield from (holds, skipped, registered, waited_for, lag)


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands in Redis of one session. `behind` has the lag of each consumer (seconds), the furthest first."""

    holds: int
    skipped: int
    waited_for: int
    registered: int
    behind: Sequence[tuple[float, str]]


def _read(client: redis.Redis, name: str) -> _Found | None:
    """`None` where the keys of the session are not as they should be: its service says that, and the others go on."""
    meters, keys = _shown.get(name), Keys(name)
    if meters is None:
        return None
    pipe = client.pipeline(transaction=False)
    pipe.scard(keys.holds)
    pipe.hmget(keys.state, ["skipped", "waiting_for"])
    try:
        holds, (skipped, waited_for) = pipe.execute()
        standing = Consumers(Store(client, Lease(client, keys, "", 0))).standing()
    except (ResponseError, Malformed):
        return None
    behind = sorted(((meters.behind_s(at), each) for each, at in standing.cursors.items()), reverse=True)
    return _Found(
        holds=int(holds),
        skipped=whole(skipped) or 0,
        waited_for=len(text(waited_for).split(",")) if waited_for else 0,
        registered=len(standing.beats_ms),
        behind=behind,
    )


def read_queue(client: redis.Redis) -> Iterator[Metric]:
    """How many jobs no worker has come to yet, those of all sessions."""
    yield GaugeMetricFamily(
        "playhead_queue_jobs", "Jobs that wait for a worker.", value=Queue(JOBS_QUEUE, client).count
    )
