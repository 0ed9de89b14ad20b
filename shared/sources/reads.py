"""How long data sources take to answer, and how often they do not, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.metrics import counter, gauge, histogram
from shared.sources.source import DataSource
from shared.sources.uri import split_scheme

BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60)
SOURCE: Final = "source"

_READS_S: Final = histogram(
    "playhead_source_read_seconds", "How long a read of a data source took that ended well.", BUCKETS_S, SOURCE
)
_FAILURES: Final = counter("playhead_source_failures_total", "Reads of a data source that ended with an error.", SOURCE)
_READING: Final = gauge("playhead_source_reads", "Reads of a data source that have not ended yet.", SOURCE)


@contextmanager
def measured(source: DataSource) -> Iterator[None]:
    """Measures a read. It is counted under the scheme of the source: `sample`, `csv`, `parquet`, one that was added."""
    scheme, _ = split_scheme(source.uri)
    begun_s = time.monotonic()
    failures = _FAILURES.labels(scheme)
    with _READING.labels(scheme).track_inprogress(), failures.count_exceptions():
        yield
    _READS_S.labels(scheme).observe(time.monotonic() - begun_s)
