"""The registered consumers of a session: who is there, how far each has come, and how far it lags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import redis

from playhead import config as configs
from playhead import days as trading_days
from playhead.connection import text
from playhead.consumer import CONSUMER_DEAD_MS
from playhead.days import TradingDays, ticks_between
from playhead.entries import is_entry, time_ms
from playhead.intervals import interval_ms
from playhead.keys import Keys
from playhead.names import is_consumer
from playhead.times import MAX_TIME_MS

Life = Literal["alive", "silent", "left", "dropped"]
"""`silent` has shown no life for 3 s: its name can be taken, and it is dropped where the clock would wait for it.
`left` has ended well, and goes on after its position when it comes back; so may one that was `dropped`, unless what it
needs is gone."""

_FIELDS: Final = ("history", "noted", "first_ms", "config", "waiting_for")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_SCAN_COUNT: Final = 1_000


@dataclass(frozen=True, slots=True)
class ConsumerInfo:
    """One registered consumer at one moment.

    `cursor` is the last notification that it is known to have done, `None` where that is no position; `position_ms` is
    its market time, `None` before the first. `lag_ms` is the market time between there and the last notification,
    `lag_ticks` how many ticks the trading hours have in between: so many are still to do, or fewer where minutes have
    no bar. `silent_ms` is how long ago in wall time it last showed life, `None` where it has left or was dropped.
    `is_waited_for` says that the clock has been standing for it.
    """

    name: str
    life: Life
    cursor: str | None
    position_ms: int | None
    lag_ms: int | None
    lag_ticks: int | None
    silent_ms: int | None
    is_waited_for: bool


class Consumers:
    """Reads those of one session, at the cost of one call each time. It remembers who was there, so that one that is
    dropped from now on is still shown."""

    def __init__(self, client: redis.Redis, keys: Keys, *, with_dropped: bool = False) -> None:
        """`with_dropped` finds those that were dropped before, too: all keys of the server are gone through once."""
        self._client = client
        self._keys = keys
        self._with_dropped = with_dropped
        self._names: tuple[str, ...] = ()
        self._hours: tuple[TradingDays, ...] = ()
        self._step_ms = 0

    def read(self) -> tuple[ConsumerInfo, ...]:
        """All of them by name, in one consistent step; none where there is no session. Raises `Malformed`."""
        if self._with_dropped:
            self._names = tuple(sorted(self._scanned()))
            self._with_dropped = False
        while True:
            pipe = self._client.pipeline(transaction=True)
            pipe.time()
            pipe.hmget(self._keys.state, _FIELDS)
            pipe.hgetall(self._keys.consumers)
            pipe.hlen(self._keys.calendars)
            for name in self._names:
                pipe.hmget(self._keys.consumer(name), ["cursor", "history"])
            now, values, beats, calendars, *records = _answers(pipe.execute(raise_on_error=False))
            found = {text(name): text(beat) for name, beat in beats.items()}
            names = tuple(sorted({*self._names, *filter(is_consumer, found)}))
            if names == self._names:
                break
            self._names = names  # the records of those who came are needed too
        state = dict(zip(_FIELDS, values, strict=True))
        if state["history"] is None:
            return ()
        if calendars != len(self._hours):
            given = self._client.hgetall(self._keys.calendars)
            self._hours = tuple(trading_days.decode(each) for each in given.values())
            self._step_ms = interval_ms(configs.decode(text(state["config"] or b"").encode()).interval)
        now_ms = int(now[0]) * 1000 + int(now[1]) // 1000
        each = zip(names, records, strict=True)
        known = (self._info(name, found.get(name), record, state, now_ms) for name, record in each)
        return tuple(info for info in known if info is not None)

    def _info(
        self, name: str, beat: str | None, record: Any, state: Mapping[str, bytes | None], now_ms: int
    ) -> ConsumerInfo | None:
        cursor, history = record if isinstance(record, list) else (None, None)
        if beat is None and (history is None or history != state["history"]):
            return None  # of an earlier session of this name, or deleted by a hand
        silent_ms = _silent_ms(beat, now_ms)
        life: Life = "dropped" if beat is None else "left"
        if silent_ms is not None:
            life = "alive" if silent_ms < CONSUMER_DEAD_MS else "silent"
        waited_for = text(state["waiting_for"] or b"").split(",")
        at = text(cursor or b"")
        is_position = is_entry(at) and time_ms(at) <= MAX_TIME_MS
        position_ms, lag_ms, lag_ticks = self._lag(at, state) if is_position else (None, None, None)
        return ConsumerInfo(
            name,
            life,
            at if is_position else None,
            position_ms,
            lag_ms,
            lag_ticks,
            silent_ms,
            is_waited_for=name in waited_for,
        )

    def _lag(self, cursor: str, state: Mapping[str, bytes | None]) -> tuple[int | None, int, int]:
        """The market time of a position, and what lies between there and the last notification."""
        noted = text(state["noted"] or b"")
        last_ms = min(MAX_TIME_MS, time_ms(noted)) if is_entry(noted) else 0
        first = text(state["first_ms"] or b"")
        position_ms = time_ms(cursor) or None
        from_ms = position_ms or min(last_ms, int(first) if _NUMBER.fullmatch(first) else 0)
        lag_ticks = ticks_between(self._hours, from_ms, last_ms, self._step_ms) if from_ms < last_ms else 0
        return position_ms, max(0, last_ms - from_ms), lag_ticks

    def _scanned(self) -> Iterable[str]:
        prefix = len(self._keys.consumer("x")) - 1
        keys = self._client.scan_iter(self._keys.all_consumers, count=_SCAN_COUNT)
        return {name for name in (text(key)[prefix:] for key in keys) if is_consumer(name)}


def _answers(found: list[Any]) -> list[Any]:
    """The answers of a pipeline, of which those to reading the consumers' own records may be errors."""
    for answer in found[:4]:
        if isinstance(answer, Exception):
            raise answer
    return found


def _silent_ms(beat: str | None, now_ms: int) -> int | None:
    """How long ago the last heartbeat was; `None` for who has left, and for what is no heartbeat."""
    beat_ms = int(beat) if beat is not None and _NUMBER.fullmatch(beat) else 0
    # Nobody has beaten in time to come: who says so has not beaten.
    return max(0, now_ms - beat_ms) if 0 < beat_ms <= now_ms + CONSUMER_DEAD_MS else None
