"""Says what is passed over: the first time, and then once a minute with how often."""

from __future__ import annotations

import time
from typing import Final

from shared.logs import SessionLog

AGAIN_S: Final = 60.0
"""What has been said of a key is said again after this time at the earliest."""


class Skips:
    """What a coordinator found in the streams of its session that none of ours has written."""

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._said: dict[str, tuple[float, int]] = {}  # when it was said last, and how often it came since then

    def say(self, key: str, reason: str) -> None:
        """Says that something in a key is passed over, and why."""
        said_s, unsaid = self._said.get(key, (float("-inf"), 0))
        now_s = time.monotonic()
        if now_s - said_s < AGAIN_S:
            self._said[key] = said_s, unsaid + 1
            return
        more = f" ({unsaid} more since that was last said)" if unsaid else ""
        self._log.warning("what another hand has written to %s is passed over: %s%s", key, reason, more)
        self._said[key] = now_s, 0
