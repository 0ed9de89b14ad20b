"""What a coordinator counts and measures, for Prometheus."""

from __future__ import annotations

from typing import Final

from shared.metrics import SESSION, counter, gauge, histogram

ADDED: Final = "added"
PARTIAL: Final = "partial"
REJECTED: Final = "rejected"
CALLED_OFF: Final = "called_off"
SUCCEEDED: Final = "succeeded"
FAILED: Final = "failed"
OUTCOME: Final = "outcome"
PAUSES_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

TICKS: Final = counter("playhead_ticks_released_total", "Ticks that went out to the consumers.", SESSION)
BARS: Final = counter("playhead_bars_released_total", "Bars in these ticks.", SESSION)
CLOCK: Final = gauge(
    "playhead_clock_timestamp_seconds", "The clock: market time, in seconds since 1970 (UTC).", SESSION
)
LAG: Final = gauge(
    "playhead_clock_lag_seconds", "Market time that the clock is behind its speed, 0 without one.", SESSION
)
PAUSE_S: Final = histogram(
    "playhead_addition_pause_seconds", "How long the clock stood for an addition.", PAUSES_S, SESSION
)
ADDITIONS: Final = counter(
    "playhead_additions_total", "Commands to add symbols, by what came of them.", SESSION, OUTCOME
)
SENT: Final = counter("playhead_jobs_sent_total", "Attempts of jobs that were put into the queue.", SESSION)
JOBS: Final = counter("playhead_jobs_total", "Attempts of jobs, by what came of them.", SESSION, OUTCOME)
DROPPED: Final = counter("playhead_consumers_dropped_total", "Consumers that are not waited for any more.", SESSION)


def ended(session: str, outcome: str, pause_s: float) -> None:
    """Counts an addition for which the clock has stood."""
    ADDITIONS.labels(session, outcome).inc()
    PAUSE_S.labels(session).observe(pause_s)
