"""A session written by hand: what the coordinator would leave in Redis, without a coordinator."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from playhead import config as configs
from playhead import days as trading_days
from playhead import keys, symbols
from playhead.bars import Bars
from playhead.codec import group_field, pack, pack_names
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import connect
from playhead.days import TradingDays
from playhead.intervals import interval_ms
from playhead.keys import Keys
from playhead.scripts import Script
from playhead.symbols import SymbolRecord
from shared.hours import Hours

MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000  # 2025-07-02 09:30 in New York
ZONE = "America/New_York"
DATE = date(2025, 7, 2)
DAY = DATE.isoformat()
CALENDAR = "XNYS"
RECORD = SymbolRecord(calendar=CALENDAR, zone=ZONE)

Fields = dict[bytes | bytearray | memoryview | str | int | float, bytes | bytearray | memoryview | str | int | float]
"""What redis-py takes as the fields of an entry."""

_create = Script("playhead", "create")


def config_for(symbols: Iterable[str], interval: str = "1m", last: date = DATE, history: int = 0) -> SessionConfig:
    """A session with these symbols, of one day or more."""
    given = tuple(SymbolConfig(symbol) for symbol in symbols)
    return SessionConfig(given, DATE, last, interval=interval, history=history)


def days_of(config: SessionConfig, calendar: str = CALENDAR) -> TradingDays:
    """The trading days that a session has of a calendar."""
    return Hours.in_session(calendar, config).days


def values_at(symbol: str, start_ms: int) -> list[float]:
    """Five numbers that no other symbol and minute has: a reader that mixes bars up is found out."""
    base = float(sum(map(ord, symbol)) * 1_000 + (start_ms - OPEN_MS) // MINUTE_MS)
    return [base, base + 0.5, base - 0.5, base + 0.25, base * 100]


def bars_for(symbol: str, starts: Sequence[int], interval: str = "1m") -> Bars:
    """What a correct read of these minutes gives."""
    values = np.array([values_at(symbol, start) for start in starts], np.float64).reshape(len(starts), 5)
    return Bars(symbol, interval, np.array(starts, np.int64), values)


class Tape:
    """A running session whose ticks, events and trims a test writes when it wants them."""

    def __init__(
        self,
        url: str,
        name: str,
        symbols: Sequence[str] = ("AAPL", "MSFT"),
        interval: str = "1m",
        last: date = DATE,
        history: int = 0,
    ) -> None:
        self.client = connect(url)
        self.keys = Keys(name)
        self.config = config_for(symbols, interval, last, history)
        self.days = days_of(self.config)
        self.clock_ms = OPEN_MS
        self.history = f"history-{name}"
        self._given = tuple(symbols)
        self._interval = interval

    def create(self) -> Tape:
        """The state as `Session.start` leaves it."""
        self.client.sadd(keys.SESSIONS, self.keys.session)
        _create(self.client, [self.keys.state], [configs.encode(self.config), self.history, 1, "max"])
        return self

    def begin(self) -> Tape:
        """The state as the coordinator leaves it when it has taken the session up."""
        self.client.hset(self.keys.calendars, CALENDAR, trading_days.encode(self.days))
        for symbol in self._given:
            self.client.hset(self.keys.symbols, symbol, symbols.encode(RECORD))
        end_ms = self.days.days[-1].close_ms
        self.set(status="running", clock_ms=self.clock_ms, zone=ZONE, ready=1, end_ms=end_ms)
        return self

    def bars_key(self, symbol: str) -> str:
        """The key of session data of the current trading day."""
        return self.keys.bars(symbol, self._interval, self.days.day(self.clock_ms).label)

    def close(self) -> None:
        self.client.close()

    def set(self, **fields: str | int) -> None:
        """Sets fields of the state."""
        self.client.hset(self.keys.state, mapping={name: str(value) for name, value in fields.items()})

    def tick(self, *symbols: str, minutes: int = 1) -> str:
        """Releases the next tick, with a bar of each symbol, `minutes` later. Returns its id."""
        step_ms = interval_ms(self._interval)
        names = sorted(symbols or self._given)
        data = [self.bars_key(name) for name in names]  # of the day before, where a day opens with this tick
        self.clock_ms += minutes * step_ms
        start_ms = self.clock_ms - step_ms
        frame = pack(np.array([values_at(name, start_ms) for name in names]))
        pipe = self.client.pipeline()
        for at, key in enumerate(data):
            pipe.hset(key, str(start_ms), frame[at].tobytes())
        field = group_field(self._interval, start_ms)
        entry = f"{self.clock_ms}-0"
        pipe.xadd(self.keys.notifications, {"type": "tick", field: pack_names(names) + frame.tobytes()}, id=entry)
        pipe.hset(self.keys.state, mapping={"clock_ms": str(self.clock_ms), "noted": entry, "events": "0"})
        pipe.execute()
        return entry

    def ticks(self, count: int) -> list[str]:
        """Releases so many ticks with all symbols of the start. Returns their ids."""
        return [self.tick() for _ in range(count)]

    def open_day(self) -> str:
        """Moves the clock to the next open, without a bar. Returns the event's id."""
        self.clock_ms = self.days.next_open_ms(self.clock_ms)
        self.set(clock_ms=self.clock_ms, events=0)
        return self.event("day-opened", calendar=CALENDAR, date=self.days.day(self.clock_ms).label)

    def write_history(self, symbol: str, *starts: int) -> None:
        """Writes bars of trading days before the current one, a run each."""
        for day in self.days.before(self.clock_ms, len(self.days)):
            for bar in bars_for(symbol, [at for at in starts if day.open_ms <= at < day.close_ms], self._interval):
                packed = pack(np.array([values_at(symbol, bar.start_ms)])).tobytes()
                self.client.hset(self.keys.bars(symbol, self._interval, day.label), str(bar.start_ms), packed)

    def event(self, kind: str, **fields: str) -> str:
        """Emits an event at the present clock. Returns its id."""
        entry = f"{self.clock_ms}-{self.client.hincrby(self.keys.state, 'events', 1)}"
        pipe = self.client.pipeline()
        texts: Fields = {"type": kind}
        texts.update(fields)
        pipe.xadd(self.keys.notifications, texts, id=entry)
        pipe.hset(self.keys.state, "noted", entry)
        pipe.execute()
        return entry

    def add_symbol(self, symbol: str) -> str:
        """Adds a symbol with all its minutes since the day's open, as a commit does. Returns the event's id."""
        open_ms = self.days.day(self.clock_ms).open_ms
        bars = bars_for(symbol, range(open_ms, self.clock_ms, MINUTE_MS))
        entry = self.event("symbol-added", symbols=symbol, command="c1")
        record = replace(RECORD, feed="add-1", added_ms=self.clock_ms, added_entry=entry)
        pipe = self.client.pipeline()
        if len(bars):
            pipe.hset(self.bars_key(symbol), str(open_ms), pack(bars.values).tobytes())
        pipe.hset(self.keys.symbols, symbol, symbols.encode(record))
        pipe.execute()
        return entry

    def finish(self) -> str:
        """Ends the session at its last close. Returns the event's id."""
        entry = self.event("session-finished")
        self.set(status="finished")
        return entry

    def fail(self, error: str) -> str:
        """Ends the session with an error. Returns the event's id."""
        entry = self.event("session-failed", error=error)
        self.set(status="failed", error=error)
        return entry

    def trim(self, through: str) -> None:
        """Forgets the notifications up to an id."""
        ms, _, number = through.partition("-")
        self.client.xtrim(self.keys.notifications, minid=f"{ms}-{int(number) + 1}", approximate=False)
        self.set(trimmed=through)

    def cursor(self, consumer: str) -> str | None:
        """The saved position of a registered consumer."""
        saved = self.client.hget(self.keys.consumer(consumer), "cursor")
        return None if saved is None else str(saved, "ascii") if isinstance(saved, bytes) else saved

    def replies(self, entry: str, id: str, status: str, error: str = "", **result: object) -> None:
        """Answers a command as the coordinator does."""
        fields: Fields = {
            "id": id,
            "entry": entry,
            "status": status,
            "error": error,
            "result": json.dumps(result),
        }
        self.client.xadd(self.keys.replies, fields)
