"""Which trading day each symbol of a session is in, as the session says it."""

from __future__ import annotations

import redis

from playhead import days as trading_days
from playhead.days import TradingDays
from playhead.errors import Malformed
from playhead.keys import Keys


class Almanac:
    """The trading days of a session's calendars. They do not change, so each is read once."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._known: dict[str, TradingDays] = {}

    def of(self, calendar: str) -> TradingDays:
        """The trading days of a calendar. Raises `Malformed` where the session does not have them."""
        if calendar not in self._known:
            text = self._client.hget(self._keys.calendars, calendar)
            if text is None:
                raise Malformed(f"session {self._keys.session} has no trading days of calendar {calendar[:40]!r}")
            self._known[calendar] = trading_days.decode(text)
        return self._known[calendar]
