"""Bar intervals as text (`1m`, `5m`, `1h`) and in milliseconds."""

from __future__ import annotations

import re
from functools import lru_cache

from playhead.errors import InvalidInput

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS}
_INTERVAL = re.compile(r"([1-9][0-9]{0,4})([smh])")


@lru_cache(maxsize=1024)
def interval_ms(text: str) -> int:
    """The length of an interval in milliseconds. Raises `InvalidInput` for anything but 1s to 24h."""
    match = _INTERVAL.fullmatch(text)
    length_ms = int(match[1]) * _UNITS_MS[match[2]] if match else 0
    if not 0 < length_ms <= DAY_MS:
        raise InvalidInput(f"interval {text[:40]!r} is not a whole number of s, m or h up to 24h, such as 1m")
    return length_ms
