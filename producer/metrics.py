"""What a producer shows of its sessions, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import redis
from prometheus_client.core import GaugeMetricFamily, Metric

from playhead.keys import Keys
from playhead.symbols import MAIN_FEED
from shared.metrics import SESSION, counter, served
from shared.readings import whole

PUBLISHED: Final = counter("playhead_ticks_published_total", "Entries that were published to the main feed.", SESSION)


def read_feeds(client: redis.Redis) -> Iterator[Metric]:
    """How far the feeds of the sessions that this process serves are ahead of their clocks."""
    ahead = GaugeMetricFamily(
        "playhead_feed_ahead_ticks", "Entries of the main feed ahead of the clock.", labels=[SESSION]
    )
    names = served()
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.xlen(Keys(name).feed(MAIN_FEED))
    for name, answer in zip(names, pipe.execute(raise_on_error=False) if names else (), strict=True):
        if (length := whole(answer)) is not None:
            ahead.add_metric([name], length)
    yield ahead
