"""What a producer shows of its sessions, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import redis
from prometheus_client.core import GaugeMetricFamily, Metric

from playhead.keys import Keys
from shared.metrics import SESSION, counter, served
from shared.readings import whole

PUBLISHED: Final = counter("playhead_ticks_published_total", "Ticks that were published to the main feed.", SESSION)


def read_feeds(client: redis.Redis) -> Iterator[Metric]:
    """How far the feeds of the sessions that this process serves are ahead of their clocks, in market time."""
    ahead = GaugeMetricFamily(
        "playhead_feed_ahead_seconds", "Market time from the clock to the end of the main feed.", labels=[SESSION]
    )
    names = served()
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hmget(Keys(name).state, ["clock_ms", "published"])
    for name, answer in zip(names, pipe.execute(raise_on_error=False) if names else (), strict=True):
        clock_ms, published = answer if isinstance(answer, list) else (None, None)
        clock_ms, last_ms = whole(clock_ms), whole((published or b"").partition(b"-")[0])
        if clock_ms is not None and last_ms is not None:
            ahead.add_metric([name], max(0, last_ms - clock_ms) / 1000)
    yield ahead
