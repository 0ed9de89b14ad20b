"""Publishes the windows of one session to its main feed, in order, from wherever it was left."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

import redis

from playhead.config import SessionConfig
from playhead.config import decode as decode_config
from playhead.entries import BEGINNING, order, time_ms
from playhead.intervals import DAY_MS
from playhead.symbols import SymbolRecord
from producer.feed import MainFeed, Opening
from producer.metrics import PUBLISHED
from producer.reading import CannotBeRead, Reading
from producer.window import Window
from shared.lease import Lease
from shared.logs import SessionLog
from shared.settings import Settings
from shared.stretch import MOST_TICKS, Entry
from shared.ticks import Fields, window_end

LOG: Final = logging.getLogger(__name__)
WINDOW_MS: Final = DAY_MS
"""Length of a window. Longer than any overlap of two exchanges' sessions needs; short enough to hold in memory."""
FARTHEST_MS: Final = 14 * DAY_MS
"""No window is opened so far ahead of the clock, however few of them have bars."""
CALL_TICKS: Final = 1024
CALL_BYTES: Final = 512 << 10
"""What one call to Redis takes, in ticks and by size. It must not keep the server from all others for long."""
IDLE_S: Final = 0.004
LONGEST_IDLE_S: Final = 0.02
"""Pause where there is nothing to do: the clock is behind, or an addition holds it."""
RESTING_S: Final = 0.2
"""Pause after the last window."""


class Publisher:
    """One session's producer while its lease is held. What it needs to go on is in Redis: the feed itself."""

    def __init__(
        self, client: redis.Redis, lease: Lease, settings: Settings, published: dict[str, str] | None = None
    ) -> None:
        """`published` are the last entries that this process has published, by the histories of the sessions."""
        self._feed = MainFeed(client, lease)
        self._settings = settings
        self._log = SessionLog(LOG, lease.keys.session)
        self._session = lease.keys.session
        self._counted = PUBLISHED.labels(lease.keys.session)
        self._reading: Reading | None = None
        self._entries: deque[Entry] | None = None  # what is left of the window that is being published
        self._config: SessionConfig | None = None
        self._last = BEGINNING
        self._published = {} if published is None else published
        self._history = ""
        self._whole = False
        self._window_ms = 0
        self._rest_s = IDLE_S / 2
        self._with_bars: deque[int] = deque(maxlen=settings.windows_ahead)  # the starts of the last windows with bars
        self._ahead_ticks, self._ahead_bytes = 0, 0
        # What that is made of, by entry: the last close time, how many ticks, and their size.
        self._unreleased: deque[tuple[int, int, int]] = deque()
        self._done = False

    @property
    def trouble(self) -> str:
        """Why the source cannot be read just now."""
        return "" if self._reading is None else self._reading.trouble

    def step(self) -> None:
        """Opens, reads or publishes a little, or waits for the clock. Bounded, so that the lease is kept."""
        time.sleep(self.poll())

    def poll(self) -> float:
        """A step that does not wait: returns for how long there is nothing to do, in seconds."""
        if self._done:
            return RESTING_S
        if self._config is None:
            return self._begin()
        if self._entries is not None:
            return self._publish(self._config, self._entries)
        if self._reading is not None:
            return self._await_window(self._reading)
        return self._open(self._config)

    def close(self) -> None:
        """What is being read is given up: a source that hangs does not keep the process alive."""

    def _begin(self) -> float:
        status, config, first_ms, history = self._feed.state("status", "config", "first_ms", "history")
        self._done = status in ("finished", "stopped", "failed")
        if config is None or status == "created" or first_ms is None:
            return IDLE_S
        self._config = decode_config(config.encode())
        self._last = self._feed.last_entry()
        self._history = history or ""
        before = self._published.get(self._history, BEGINNING)
        if order(self._last) < order(before):
            self._log.warning(
                "the server has lost its last writes: the main feed went up to %s; what follows %s is published anew",
                before,
                self._last,
            )
        self._window_ms = int(first_ms) // WINDOW_MS * WINDOW_MS
        if self._last != BEGINNING:
            # A window holds the ticks after its start up to its end; the mark has the end's time and the number 1.
            last_ms, number = order(self._last)
            self._window_ms = last_ms if number else (last_ms - 1) // WINDOW_MS * WINDOW_MS
            self._done = self._done or number > 1
            self._log.info("going on after %s", self._last)
        return 0

    def _open(self, config: SessionConfig) -> float:
        """Opens the next window, if it may be opened."""
        return self._begin_window(config, self._feed.open_window(*self._next_window()))

    def _begin_window(self, config: SessionConfig, symbols: Mapping[str, SymbolRecord] | str) -> float:
        """Begins to read the window that was opened with these symbols. After the last one nothing is published."""
        if symbols == "final":
            self._append([(f"{self._window_ms}-2", window_end(self._window_ms, final=True))])
            self._done = True
        elif isinstance(symbols, str):
            # At full speed the clock comes soon; while it is held it is not asked for again and again.
            self._rest_s = min(2 * self._rest_s, LONGEST_IDLE_S)
            return self._rest_s
        else:
            self._rest_s = IDLE_S / 2
            window = Window(self._window_ms, self._window_ms + WINDOW_MS, symbols)
            # Where some were removed before anything was read, that there is nothing to read is no mistake.
            self._whole = all(given.symbol in symbols for given in config.symbols)
            sources = {record.source or config.source for record in symbols.values()}
            # Before anything was published a source is asked anyway: what it has not got it says at once.
            first = self._last == BEGINNING
            most = min(MOST_TICKS, self._settings.feed_ticks_ahead)
            self._reading = Reading(
                lambda: list(window.read(config, most)) if first or window.is_open(config) else [],
                f"load-{self._session}",
                ", ".join(sorted(sources)),
                first,
            )
        return 0

    def _next_window(self) -> Opening:
        # Windows without bars do not count as ahead: over a weekend there would be nothing ready behind them.
        ahead_ms = self._settings.windows_ahead * WINDOW_MS
        if len(self._with_bars) == self._settings.windows_ahead:
            ahead_ms = min(self._window_ms - self._with_bars[0], FARTHEST_MS)
        return Opening(self._window_ms, self._window_ms + WINDOW_MS, ahead_ms)

    def _await_window(self, reading: Reading) -> float:
        try:
            entries = reading.entries()
        except CannotBeRead as error:
            self._reading = None
            self._done = True
            self._log.error("the session cannot begin: %s", error)
            self._feed.fail(str(error))
            return 0
        if entries is None:
            return IDLE_S if reading.rests else 0
        self._reading = None
        if not entries and self._last == BEGINNING and self._whole and self._is_last_window():
            self._done = True
            self._feed.fail("the source has no bars in regular hours for these symbols on these dates")
            return 0
        if entries:
            self._with_bars.append(self._window_ms)
        last_ms = time_ms(self._last)
        self._entries = deque(left for entry in entries if (left := entry.after(last_ms)) is not None)
        there = [entry for entry in entries if entry.last_ms <= last_ms]
        if there:  # the producer before this one had begun the window
            for entry in there:
                self._count(entry)
            self._count_released(self._feed.clock_ms())
        return 0

    def _is_last_window(self) -> bool:
        (end_ms,) = self._feed.state("end_ms")
        return end_ms is not None and self._window_ms + WINDOW_MS >= int(end_ms)

    def _publish(self, config: SessionConfig, ready: deque[Entry]) -> float:
        if self._is_far_ahead():
            self._count_released(self._feed.clock_ms())
            if self._is_far_ahead():
                return IDLE_S
        # Each entry counts with its own size: the first ones of a day may have a few symbols, and later ones all.
        ticks_left = min(CALL_TICKS, self._settings.feed_ticks_ahead)
        bytes_left = min(CALL_BYTES, self._settings.feed_bytes_ahead)
        entries: list[tuple[str, Fields]] = []
        while ready and (not entries or (ready[0].length <= ticks_left and ready[0].size <= bytes_left)):
            entry = ready.popleft()
            ticks_left -= entry.length
            bytes_left -= entry.size
            entries.append((entry.id, entry.fields))
            self._counted.inc(entry.length)
            self._count(entry)
        if ready:
            self._append(entries)
            return 0
        self._window_ms += WINDOW_MS
        entries.append((f"{self._window_ms}-1", window_end(self._window_ms, final=False)))
        self._entries = None
        clock_ms, symbols = self._feed.publish_and_open(self._last, entries, self._next_window())
        self._has_appended(entries, clock_ms)
        return self._begin_window(config, symbols)

    def _is_far_ahead(self) -> bool:
        """Whether as much as may be stands ready in the feed."""
        settings = self._settings
        return self._ahead_ticks >= settings.feed_ticks_ahead or self._ahead_bytes >= settings.feed_bytes_ahead

    def _count(self, entry: Entry) -> None:
        """Counts what stands in the feed."""
        self._ahead_ticks += entry.length
        self._ahead_bytes += entry.size
        self._unreleased.append((entry.last_ms, entry.length, entry.size))

    def _count_released(self, clock_ms: int) -> None:
        """Which of the ticks that were counted are still ahead of the clock."""
        while self._unreleased and self._unreleased[0][0] <= clock_ms:
            _, ticks, size = self._unreleased.popleft()
            self._ahead_ticks -= ticks
            self._ahead_bytes -= size

    def _append(self, entries: list[tuple[str, Fields]]) -> None:
        self._has_appended(entries, self._feed.publish(self._last, entries))

    def _has_appended(self, entries: Sequence[tuple[str, Fields]], clock_ms: int) -> None:
        self._count_released(clock_ms)
        self._last = self._published[self._history] = entries[-1][0]
