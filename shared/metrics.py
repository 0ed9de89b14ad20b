"""What a process counts and measures, for Prometheus: what all roles have. Each has a `metrics.py` for its own.

They stand at the level of their modules, in a registry of ours: RQ runs a job by its name, so nothing could be handed
down to it. A series with the label `session` is there while this process serves that session.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

import playhead

REGISTRY: Final = CollectorRegistry()
SESSION: Final = "session"
ROLE: Final = "role"
M = TypeVar("M", bound=MetricWrapperBase)
_of_sessions: Final[list[MetricWrapperBase]] = []
_served: Final[set[str]] = set()

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each that nobody asks for
ProcessCollector(registry=REGISTRY)


def counter(name: str, what: str, *labels: str) -> Counter:
    """A metric that only grows; its name ends with `_total`."""
    return _kept(Counter(name, what, labels, registry=REGISTRY), labels)


def gauge(name: str, what: str, *labels: str) -> Gauge:
    """A metric that goes up and down."""
    return _kept(Gauge(name, what, labels, registry=REGISTRY), labels)


def histogram(name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
    """How often a value lay below each of the buckets; the name ends with the unit."""
    return _kept(Histogram(name, what, labels, registry=REGISTRY, buckets=buckets), labels)


def _kept(metric: M, labels: Sequence[str]) -> M:
    if SESSION in labels:
        _of_sessions.append(metric)
    return metric


BUILD: Final = gauge(
    "playhead_build_info", "Always 1: the version that this process runs, and its role.", ROLE, "version"
)
SESSIONS: Final = gauge("playhead_sessions", "Sessions that this process serves.", ROLE)
LEASES: Final = counter("playhead_leases_taken_total", "Sessions taken, at their start or from another process.", ROLE)
FAILURES: Final = counter("playhead_serving_failures_total", "Attempts to serve a session that failed.", ROLE)
HELD_UP: Final = gauge("playhead_held_up", "1 while the role cannot go on with the session, else 0.", SESSION, ROLE)
AVAILABLE: Final = gauge("playhead_redis_available", "1 while Redis answers and takes writes, else 0.", ROLE)
OUTAGES: Final = counter("playhead_redis_outages_total", "How often Redis went away, or refused writes.", ROLE)
OUTAGE_S: Final = counter(
    "playhead_redis_outage_seconds_total", "How long Redis was away, in outages that ended.", ROLE
)


def begin(role: str) -> None:
    """Shows what every process of a role has, from its beginning on."""
    try:
        version: str = playhead.__version__
    except PackageNotFoundError:  # a checkout that is not installed
        version = "unknown"
    BUILD.labels(role, version).set(1)


def begin_service(role: str) -> None:
    """The same for what a role has that takes sessions."""
    SESSIONS.labels(role).set_function(lambda: len(_served))
    LEASES.labels(role)
    FAILURES.labels(role)


def begin_session(role: str, session: str) -> None:
    """The session was taken."""
    LEASES.labels(role).inc()
    HELD_UP.labels(session, role).set(0)
    _served.add(session)


def end_session(session: str) -> None:
    """The session is another's, or nobody's: its series go."""
    _served.discard(session)
    for metric in _of_sessions:
        metric.remove_by_labels({SESSION: session})


def served() -> tuple[str, ...]:
    """The sessions that this process serves, sorted."""
    return tuple(sorted(_served.copy()))
