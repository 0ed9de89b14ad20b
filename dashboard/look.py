"""Looking at a session as it is: snapshots, never a place in the clock's way.

A page follows nothing. It reads what is there now, which costs the same however fast the clock runs: it asks of the
server one symbol's day and not every tick, so that nobody has to wait for it, and it cannot fall behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from dashboard.consumers import read_consumers
from dashboard.deeds import last_entry, read_deeds
from dashboard.farm import read_farm
from dashboard.holds import Seen, holds_of, seen_now
from dashboard.scene import Scene, Series, SeriesKey
from playhead.almanac import Almanac
from playhead.bars import Bars
from playhead.connection import connect
from playhead.errors import HistoryLost, InvalidInput, SessionNotFound, UnknownSymbol
from playhead.info import SessionInfo
from playhead.keys import Keys
from playhead.session import Session
from playhead.times import now_ms
from playhead.view import closed_bars

AROUND_S: Final = 0.5
"""How often consumers and the journal are read while nothing changes."""
FARM_S: Final = 1.0


class Look:
    """One session, read again and again by one thread."""

    def __init__(self, name: str, url: str, queue_url: str) -> None:
        """Raises `SessionNotFound`, `InvalidInput`, `Malformed`, `RedisUnavailable`."""
        self._session = Session(name, url)
        self._client = connect(url)
        self._keys = Keys(name)
        self._queue_url = queue_url
        self._almanac = Almanac(self._client, self._keys)
        self._history = self._history_id()
        self._scene = Scene()
        self._read_at: tuple[object, ...] = ()
        self._around_s = self._farm_s = float("-inf")
        self._last_entry = ""
        self._seen: Mapping[str, Seen] | None = None
        self._begun_ms: int | None = None

    def read(self, watched: Iterable[SeriesKey]) -> Scene:
        """The session now, with the bars that somebody looks at.

        Raises `HistoryLost` where it is another session of the same name, or has gone back: look at it anew.
        """
        info = self._session.info()
        if info is None or self._history_id() != self._history:
            raise SessionNotFound(f"session {self._keys.session} was deleted")
        before = self._scene.info
        if before is not None and (info.clock_ms or 0) < (before.clock_ms or 0):
            raise HistoryLost(f"the clock of session {self._keys.session} has gone back: the server has lost writes")
        series = self._series(info, watched)
        if before is None or (before.holds, before.active, before.status) != (info.holds, info.active, info.status):
            self._around_s = float("-inf")
        scene = replace(self._scene, info=info, settled=info if info.active else self._scene.settled, series=series)
        self._scene = self._with_surroundings(scene, info)
        return self._scene

    def glance(self, watched: Iterable[SeriesKey]) -> Scene:
        """The clock and the bars alone, where the rest was read not long ago: it costs the same however many symbols
        there are. Raises what `read` does.
        """
        info, clock_ms = self._scene.info, self._session.clock()
        if info is None or clock_ms == info.clock_ms:
            return self._scene
        if (clock_ms or 0) < (info.clock_ms or 0):
            return self.read(watched)
        info = replace(info, clock_ms=clock_ms)
        self._scene = replace(self._scene, info=info, series=self._series(info, watched))
        return self._scene

    def _history_id(self) -> bytes | str | None:
        return self._client.hget(self._keys.state, "history")

    def _series(self, info: SessionInfo, watched: Iterable[SeriesKey]) -> Mapping[SeriesKey, Series]:
        """Read again where the clock has moved or symbols have changed; kept as it was while they are being added."""
        if not info.active:
            return self._scene.series
        wanted = [key for key in sorted(watched) if key[0] in info.symbols]
        at = (info.clock_ms, tuple((key, info.symbols[key[0]].record.since) for key in wanted))
        if at == self._read_at:
            return self._scene.series
        found = {key: read for key in wanted if (read := self._one(info, key)) is not None}
        self._read_at = at if len(found) == len(wanted) else ()
        return found

    def _one(self, info: SessionInfo, key: SeriesKey) -> Series | None:
        symbol, interval = key
        record = info.symbols[symbol].record
        known = self._scene.series.get(key)
        known = known if known is not None and known.since == record.since else None
        with suppress(UnknownSymbol, InvalidInput):  # removed since, or a name or interval that it cannot have
            past, today = self._session.history(symbol, interval), self._session.bars(symbol, interval)
            if past is None or today is None:
                return known
            days = self._almanac.of(record.calendar)
            # The clock may have moved on since the summary was read: what is shown is as of one time.
            now = closed_bars(Bars.joined(symbol, interval, (past, today)), days, info.clock_ms or 0)
            if len(now) == 0 and len(today) > 0 and known is not None:
                return known  # another day has begun since then
            return Series(now, record.since, record.added_ms)
        return known

    def _with_surroundings(self, scene: Scene, info: SessionInfo) -> Scene:
        """The same with what does not move with the clock, read now and then."""
        now_s = time.monotonic()
        if now_s - self._farm_s >= FARM_S:
            self._farm_s = now_s
            scene = replace(scene, farm=read_farm(self._queue_url))
        if now_s - self._around_s >= AROUND_S:
            self._around_s = now_s
            last = last_entry(self._client, self._keys)
            if last != self._last_entry:
                self._last_entry = last
                scene = replace(scene, deeds=read_deeds(self._client, self._keys))
            begun = self._client.hget(self._keys.operation, "begun_ms")
            self._begun_ms = int(begun) if begun is not None and begun.isdigit() else None
            scene = replace(scene, consumers=read_consumers(self._client, self._keys))
        self._seen = seen_now(self._seen, info.holds, now_ms())
        holds = holds_of(self._seen, scene.deeds, self._begun_ms)
        return scene if holds == scene.holds else replace(scene, holds=holds)

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
