"""The session as a consumer sees it at its position: nothing later, however far the coordinator has run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

from playhead import symbols as records
from playhead.almanac import Almanac
from playhead.bars import Bars
from playhead.closing import closes_of
from playhead.codec import bars_of
from playhead.columns import Columns
from playhead.connection import text
from playhead.days import TradingDay, TradingDays
from playhead.entries import BEGINNING, time_ms
from playhead.errors import UnknownSymbol
from playhead.intervals import interval_ms
from playhead.keys import Keys
from playhead.messages import Group, Message, SymbolAdded, SymbolRemoved, Tick
from playhead.names import parse_symbol
from playhead.patience import Patience
from playhead.place import FIELDS, Place, state_of
from playhead.symbols import SymbolRecord

MAX_WAITING_BARS: Final = 1 << 16
"""Bars of delivered ticks that may wait for the columns: 46 bytes each, and 40 more once one is taken."""


@dataclass(frozen=True, slots=True)
class Past:
    """Bars of past trading days, by day and as one."""

    days: Mapping[str, Bars]
    bars: Bars


class View:
    """Reads as of a position.

    The first read of a symbol takes its session data in one step. That may hold bars later than the position;
    they are kept back until the position reaches them. Bars that came after that step are in the ticks which
    are delivered later, so these are taken from there: a later read costs the new bars, not the day. Ticks
    are only put aside when they are delivered; a symbol takes its bars when it is read, or when too many
    wait.

    A symbol that was removed is there for a position before that, and its bars are then read where they were put
    aside. One that was removed and added again is two, each with bars of its own.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: Keys,
        place: Place,
        position: str,
        patience: Patience,
    ) -> None:
        self.position = position
        self.clock_ms = time_ms(position)
        self._client = client
        self._keys = keys
        self._place = place
        self._patience = patience
        self._almanac = Almanac(client, keys)
        self._columns: dict[tuple[str, str], Columns] = {}
        self._taken: dict[tuple[str, str], int] = {}
        self._past: dict[tuple[str, str, int], Past] = {}
        self._waiting: list[Group] = []
        self._waiting_bars = 0
        self._there: Mapping[str, SymbolRecord] | None = None

    def deliver(self, message: Message) -> None:
        """Moves the position to a message that is handed to the consumer."""
        if self.position == BEGINNING:
            self._there = None
        self.position = message.entry
        self.clock_ms = message.clock_ms
        if isinstance(message, Tick):
            if self._columns:
                self._keep(message)
        elif isinstance(message, SymbolAdded | SymbolRemoved):
            self._there = None
            self._drop(message.symbols)

    def _keep(self, tick: Tick) -> None:
        """Lets the bars of a tick wait until somebody looks at the columns."""
        for group in tick.groups:
            self._waiting.append(group)
            self._waiting_bars += len(group.symbols)
        if self._waiting_bars > MAX_WAITING_BARS:
            self._take_all()

    def forget(self) -> None:
        """Drops what was read. For when a message could not be understood: its bars or symbols may be missing here."""
        self._columns.clear()
        self._taken.clear()
        self._past.clear()
        self._waiting.clear()
        self._waiting_bars = 0
        self._there = None

    def symbols(self) -> tuple[str, ...]:
        """The symbols that are there at the position, sorted.

        Raises `HistoryLost`, `SessionNotFound`, and `ConsumerFellBehind` where nothing is kept for the position.
        """
        return tuple(self._records())

    def bars(self, symbol: str, interval: str) -> Bars:
        """The bars of the symbol's current trading day that had closed by the position's clock, as read-only views.

        Raises `UnknownSymbol`, `HistoryLost` and `SessionNotFound`.
        """
        key = symbol, interval
        columns = self._columns.get(key)
        if columns is None:
            key = parse_symbol(symbol), interval
            columns = self._columns.get(key) or self._first_read(*key)
        self._take(key, columns)
        return columns.closed_by(self.clock_ms)

    def history(self, symbol: str, interval: str, most: int) -> Bars:
        """The bars of up to so many trading days before the current one. Raises what `bars` does."""
        symbol = parse_symbol(symbol)
        days = self._days(symbol)
        before = days.before(self.clock_ms, most)
        past = self._past.get((symbol, interval, most), Past({}, Bars.empty(symbol, interval)))
        missing = [day for day in before if day.label not in past.days]
        if missing:
            found = self._session_data(symbol, interval, missing)
            known = {**past.days} | {day.label: bars for day, bars in zip(missing, found, strict=True)}
            kept = {day.label: known[day.label] for day in before}
            past = self._past[symbol, interval, most] = Past(kept, Bars.joined(symbol, interval, kept.values()))
        return closed_bars(past.bars, days, self.clock_ms)

    def _first_read(self, symbol: str, interval: str) -> Columns:
        days = self._days(symbol)
        (bars,) = self._session_data(symbol, interval, [days.day(self.clock_ms)])
        columns = self._columns[symbol, interval] = Columns(bars, days, self.clock_ms)
        self._taken[symbol, interval] = len(self._waiting)
        return columns

    def _days(self, symbol: str) -> TradingDays:
        """The trading days of a symbol that is there at the position. Raises `UnknownSymbol`."""
        calendar = self._record(symbol).calendar
        return self._patience.get(lambda: self._almanac.of(calendar))

    def _record(self, symbol: str) -> SymbolRecord:
        record = self._records().get(symbol)
        if record is None:
            raise UnknownSymbol(
                f"{symbol} is not in session {self._keys.session} at {self.position}; "
                f"there are {', '.join(self._records()) or 'no symbols yet'}"
            )
        return record

    def _records(self) -> Mapping[str, SymbolRecord]:
        """The symbols that are there at the position, sorted, as they were when they were last looked for."""
        if self._there is None:

            def read() -> list[Any]:
                pipe = self._client.pipeline()
                pipe.hmget(self._keys.state, FIELDS)
                pipe.hgetall(self._keys.symbols)
                pipe.hgetall(self._keys.removed)
                return list(pipe.execute())

            values, present, removed = self._patience.get(read)
            self._place.check(state_of(values), self.position)
            found = [(text(symbol), records.decode(record)) for symbol, record in present.items()]
            found += [(text(name).split()[0], records.decode(record)) for name, record in removed.items()]
            here = {symbol: record for symbol, record in found if record.there_at(self.position)}
            self._there = dict(sorted(here.items()))
        return self._there

    def _session_data(self, symbol: str, interval: str, of: Sequence[TradingDay]) -> list[Bars]:
        """All bars of some trading days, if the session still has what the position needs."""
        while True:
            record = self._record(symbol)
            removed = record.removed_entry is not None
            keys = [
                self._keys.removed_bars(record.since, symbol, interval, day.label)
                if removed
                else self._keys.bars(symbol, interval, day.label)
                for day in of
            ]

            def read(keys: Sequence[str] = keys) -> list[Any]:
                pipe = self._client.pipeline()
                pipe.hmget(self._keys.state, FIELDS)
                pipe.hget(self._keys.symbols, symbol)
                for key in keys:
                    pipe.hgetall(key)
                return list(pipe.execute())

            values, present, *found = self._patience.get(read)
            self._place.check(state_of(values), self.position)
            if removed or (present is not None and records.decode(present).since == record.since):
                return [bars_of(symbol, interval, runs) for runs in found]
            self._there = None  # it was removed meanwhile, ahead of the position: its bars are elsewhere

    def _drop(self, symbols: Iterable[str]) -> None:
        """Forgets what was read of some symbols."""
        gone = set(symbols)
        for key in [key for key in self._columns if key[0] in gone]:
            del self._columns[key], self._taken[key]
        self._past = {key: past for key, past in self._past.items() if key[0] not in gone}

    def _take(self, key: tuple[str, str], columns: Columns) -> None:
        symbol, interval = key
        for group in self._waiting[self._taken[key] :]:
            if group.interval == interval:
                at = group.index.get(symbol)
                if at is not None:
                    columns.append(group.start_ms, group.values[at])
        self._taken[key] = len(self._waiting)

    def _take_all(self) -> None:
        for key, columns in self._columns.items():
            self._take(key, columns)
            self._taken[key] = 0
        self._waiting.clear()
        self._waiting_bars = 0


def closed_bars(bars: Bars, days: TradingDays, clock_ms: int) -> Bars:
    """The bars that have closed, read-only. Not all of past days have: a market that never rests may be in its last day
    before the replay when the session begins."""
    step_ms = interval_ms(bars.interval)
    if len(bars) and days.close_of(int(bars.start_ms[-1]), step_ms) > clock_ms:
        bars = bars.where(closes_of(days, bars.start_ms, step_ms) <= clock_ms)
    bars.start_ms.flags.writeable = bars.values.flags.writeable = False
    return bars
