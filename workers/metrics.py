"""What a worker shows of its jobs, for Prometheus."""

from __future__ import annotations

from typing import Final

from shared.metrics import counter, gauge, histogram

STAGED: Final = "staged"
STALE: Final = "stale"
FAILED: Final = "failed"
BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

JOBS: Final = counter("playhead_worker_jobs_total", "Attempts of jobs that this worker has ended.", "outcome")
JOB_S: Final = histogram("playhead_worker_job_seconds", "How long an attempt took.", BUCKETS_S)
BUSY: Final = gauge("playhead_worker_busy", "1 while this worker has a job, else 0.")
for outcome in (STAGED, STALE, FAILED):
    JOBS.labels(outcome)
