"""What a session says of the bars that it has: the digests that `verify` compares, and the bars themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import redis
from redis.exceptions import ResponseError

from playhead import symbols as records
from playhead.almanac import Almanac
from playhead.bars import Bars
from playhead.closing import closes_of
from playhead.codec import bars_of
from playhead.commands import AddSymbol
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.days import TradingDay, TradingDays
from playhead.digest import digest_of, field_of, parse_field
from playhead.errors import InvalidInput, Malformed, PlayheadError
from playhead.intervals import interval_ms
from playhead.journal import Journal, read_journal
from playhead.keys import Keys
from playhead.recordings import Recording
from playhead.symbols import SymbolRecord

DIGESTS_S: Final = 10.0
"""How long the digests of days that are over are waited for."""
_LOOK_S: Final = 0.05


class NotVerifiable(PlayheadError):
    """A session that cannot be compared with a replay from the start; the text says why."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a session has on one trading day of a calendar in one interval: the digests, of what had closed by then."""

    calendar: str
    day: TradingDay
    interval: str
    until_ms: int
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Life:
    """A symbol from an addition on: when that was, in which calendar (`None`: any) and from which source."""

    added_ms: int
    calendar: str | None
    source: str | None


class Original:
    """A session as it was when this was made, up to `clock_ms`."""

    def __init__(self, client: redis.Redis, keys: Keys, directory: Path | None) -> None:
        """Waits until the days that are over are digested. `directory` is where it was recorded, else its config says.

        Raises `SessionNotFound`, `Malformed`, `NotVerifiable`.
        """
        self._client = client
        self._keys = keys
        self._almanac = Almanac(client, keys)
        self._journal, self._records = self._settled()
        self.config: SessionConfig = self._journal.config
        self.clock_ms = self._journal.clock_ms or 0
        self.zone = self._journal.zone
        self._lives = self._all_lives()
        found = [*self._digested(), *self._under_way()]
        self.expected = self._of_last_source(self._of_one_calendar(found))
        self.not_compared = sum(len(of.digests) for of in found) - sum(len(of.digests) for of in self.expected)
        if not self.expected:
            raise NotVerifiable(
                f"session {keys.session} has no trading day yet that is over; pause it, and what it has is compared"
            )
        self._recording = self._recorded(directory)

    def symbols(self) -> tuple[SymbolConfig, ...]:
        """All symbols that it ever had, each with its own source and calendar."""
        calendars = sorted({(symbol, of.calendar) for of in self.expected for symbol in of.digests})
        return tuple(SymbolConfig(symbol, self._lives[symbol][-1].source, calendar) for symbol, calendar in calendars)

    def zone_of(self, calendar: str) -> str:
        """The time zone of a calendar."""
        return self._almanac.of(calendar).zone

    def bars(self, of: Expected, symbol: str) -> tuple[Bars | None, str]:
        """The bars of a symbol on a day, and where they are from; `None` where they are no longer kept.

        The ticks that were recorded, or session data: whichever has the digest that was kept of that day.
        """
        found = list(self._sources(of, symbol))
        for bars, place in found:
            if digest_of(bars) == of.digests[symbol]:
                return bars, place
        return found[0] if found else (None, "neither recorded nor kept any more")

    def _sources(self, of: Expected, symbol: str) -> Iterator[tuple[Bars, str]]:
        try:
            runs: Any = self._client.hgetall(self._keys.bars(symbol, of.interval, of.day.label))
            if runs:
                yield self._closed(bars_of(symbol, of.interval, runs), of), "session data"
        except (ResponseError, Malformed):
            pass  # then it has no bars that could be shown
        if self._recording is not None:
            recorded = self._recording.bars(symbol, of.interval, of.day.open_ms, of.day.close_ms)
            yield self._closed(recorded, of), f"recorded in {self._recording.directory}"

    def _closed(self, bars: Bars, of: Expected) -> Bars:
        closes = closes_of(self._almanac.of(of.calendar), bars.start_ms, interval_ms(bars.interval))
        return bars.where(closes <= of.until_ms)

    def _settled(self) -> tuple[Journal, Mapping[str, SymbolRecord]]:
        """Journal and symbols, once all days that were over by the clock are digested."""
        deadline = time.monotonic() + DIGESTS_S
        while True:
            found = self._client.hgetall(self._keys.symbols)
            journal = read_journal(self._client, self._keys)
            known = {text(symbol): records.decode(record) for symbol, record in found.items()}
            if journal.clock_ms is None:
                raise NotVerifiable(f"session {self._keys.session} has not begun: there is nothing to compare")
            lacking = next(self._lacking(journal, known), None)
            if journal.complete and lacking is None:
                return journal, known
            if not journal.complete or time.monotonic() > deadline:
                raise NotVerifiable(
                    f"session {self._keys.session} has no digest of {lacking or 'its last day'}; "
                    "its coordinator makes them: is one running?"
                )
            time.sleep(_LOOK_S)

    def _lacking(self, journal: Journal, known: Mapping[str, SymbolRecord]) -> Iterator[str]:
        clock_ms = journal.clock_ms or 0
        for symbol, record in known.items():
            days = self._almanac.of(record.calendar)
            first = days.warm_up if record.added_ms is None else days.current(record.added_ms)
            for day in days.days[first:]:
                if day.close_ms > clock_ms:
                    break
                for interval in journal.config.intervals:
                    if symbol not in journal.digests.get(field_of(record.calendar, day.label, interval), {}):
                        yield f"{symbol} {interval} on {day.label}"

    def _digested(self) -> Iterator[Expected]:
        for name, digests in self._journal.digests.items():
            calendar, label, interval = parse_field(name)
            day = next((day for day in self._almanac.of(calendar) if day.label == label), None)
            if day is None:
                raise Malformed(f"session {self._keys.session} has digests of {label}, no trading day of {calendar}")
            yield Expected(calendar, day, interval, min(day.close_ms, self.clock_ms), digests)

    def _under_way(self) -> Iterator[Expected]:
        """The current days of a session that is paused, as far as they have come."""
        if self._journal.status != "paused":
            return
        for calendar in sorted({record.calendar for record in self._records.values()}):
            days = self._almanac.of(calendar)
            day = days.day(self.clock_ms)
            if not day.open_ms <= self.clock_ms < day.close_ms:
                continue
            symbols = [symbol for symbol, record in self._records.items() if record.calendar == calendar]
            for interval in self.config.intervals:
                digests = {symbol: self._digest_now(symbol, interval, day, days) for symbol in symbols}
                yield Expected(calendar, day, interval, self.clock_ms, digests)

    def _of_one_calendar(self, expected: Sequence[Expected]) -> list[Expected]:
        """Without the days on which a symbol was in another calendar than last: it was removed and added again."""
        ordered = sorted(expected, key=lambda of: of.day.open_ms)
        calendars = {symbol: of.calendar for of in ordered for symbol in of.digests}
        calendars |= {symbol: record.calendar for symbol, record in self._records.items()}
        return [
            replace(of, digests={name: each for name, each in of.digests.items() if calendars[name] == of.calendar})
            for of in ordered
        ]

    def _all_lives(self) -> Mapping[str, list[_Life]]:
        """Every symbol's additions in their order; what it was started with is one."""
        lives = {given.symbol: [_Life(0, None, given.source)] for given in self.config.symbols}
        for entry in self._journal.entries:
            if entry.op != AddSymbol.op:
                continue
            for symbol, of in (entry.results or {}).items():
                if of.get("status") == "added":
                    lives.setdefault(symbol, []).append(_Life(entry.clock_ms, of.get("calendar"), of.get("source")))
        return lives

    def _of_last_source(self, expected: Sequence[Expected]) -> list[Expected]:
        """Without the days that a symbol had from another source than last: a replay has one source of a symbol."""
        return [
            replace(of, digests={name: each for name, each in of.digests.items() if self._is_of_last_source(name, of)})
            for of in expected
        ]

    def _is_of_last_source(self, symbol: str, of: Expected) -> bool:
        lives = self._lives.get(symbol)
        if not lives:
            raise Malformed(f"session {self._keys.session} has digests of {symbol}, which its journal does not know")
        # An addition brings the whole day that is under way.
        days = self._almanac.of(of.calendar)
        by_then = [
            life
            for life in lives
            if life.calendar in (None, of.calendar) and days.days[days.current(life.added_ms)].open_ms <= of.day.open_ms
        ]
        return bool(by_then) and self._source_of(by_then[-1]) == self._source_of(lives[-1])

    def _source_of(self, life: _Life) -> str:
        return life.source or self.config.source

    def _digest_now(self, symbol: str, interval: str, day: TradingDay, days: TradingDays) -> str:
        try:
            runs: Any = self._client.hgetall(self._keys.bars(symbol, interval, day.label))
            bars = bars_of(symbol, interval, runs)
        except (ResponseError, Malformed):
            return ""
        closes = closes_of(days, bars.start_ms, interval_ms(interval))
        return digest_of(bars.where(np.asarray(closes) <= self.clock_ms))

    def _recorded(self, directory: Path | None) -> Recording | None:
        given = directory if directory is not None else self.config.record
        if given is None:
            return None
        try:
            return Recording(Path(given), self._keys.session)
        except InvalidInput:
            if directory is not None:
                raise
            return None  # it was recorded on another machine
