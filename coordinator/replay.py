"""One session while this process is its coordinator: reads what comes in, and moves the clock."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import uuid4

import redis

from coordinator.addition import Addition, WarmUpFailed
from coordinator.attendance import Attendance
from coordinator.batch import fitting, ticks_at_once
from coordinator.commands import Commands, Incoming
from coordinator.digests import Digests
from coordinator.dispatch import Dispatcher
from coordinator.memory import Memory
from coordinator.merge import Feed, Merge, Merged
from coordinator.meters import Meters
from coordinator.move import Move, days_that_open, hash_with_days
from coordinator.opening import open_session
from coordinator.operation import Operation, Operations, jobs_of
from coordinator.pace import IDLE_MS, Pace
from coordinator.release import Release
from coordinator.retention import Retention
from coordinator.roster import Roster
from coordinator.skips import Skips
from coordinator.state import State
from coordinator.store import Store
from playhead.connection import text
from playhead.days import NEVER_MS
from playhead.entries import order, time_ms
from playhead.errors import Malformed
from playhead.symbols import MAIN_FEED
from playhead.times import MAX_TIME_MS, full_clock_text
from shared.lease import Lease
from shared.logs import SessionLog
from shared.request import AdditionRequest, SymbolRequest
from shared.run_hash import after_event
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)
FIRST_ENTRIES: Final = 4
MOST_ENTRIES: Final = 256
"""Entries of each stream that one read takes."""
READ_BYTES: Final = 2 << 20
"""What one read should bring at most, judged by the size of the entries before."""
BUFFERED_TICKS: Final = 1024
BUFFERED_BYTES: Final = 4 << 20
"""What is kept here of one feed, in ticks and by size; more stays in Redis. Enough for the move after the next one."""
READ_EVERY_S: Final = 0.005
"""So often it is looked for news at full speed, as long as there are ticks to release."""
HELD_MS: Final = 50
"""How long a wait lasts while there is a hold: one that is removed by hand is noticed after that."""
WARM_UP: Final = "warm-up"
"""The hold of a session whose first history is being read."""
Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]


class Replay:
    """Serves one session. All that must survive is in Redis; what is here is read from it, and read again when a
    script says that it has changed."""

    def __init__(
        self, client: redis.Redis, lease: Lease, settings: Settings, memories: dict[str, Memory] | None = None
    ) -> None:
        """`memories` are of the sessions that this process has served, by their histories."""
        self._client = client
        self._settings = settings
        self._store = Store(client, lease, settings.consumer_silence_ms)
        self._operations = Operations(self._store)
        self._commands = Commands(self._store, self._operations)
        self._digests = Digests(self._store)
        self._dispatcher = Dispatcher(settings.queue_url, settings.operation_deadline_ms, settings.lease_ms // 4)
        self._log = SessionLog(LOG, lease.keys.session)
        self._merge = Merge()
        self._skipped = "0"
        self._skips = Skips(self._log)
        self._retention = Retention(settings.retained_ticks, settings.retained_bytes)
        self._retention.note(*self._store.kept())
        self._incoming: deque[Incoming] = deque()
        self._addition: Addition | None = None
        self._pace = Pace()
        self._portion, self._more = FIRST_ENTRIES, False
        self._ahead: Release | None = None
        self._has_read = False
        self._read_s = 0.0
        self._meters = Meters(lease.keys.session)
        self._load(taken_over=True)
        self._memories = {} if memories is None else memories
        self._epochs = self._store.epochs()
        self._remember()
        self._commands_read = self._state.commands_at
        self._idle_ms = 0
        self._attendance = Attendance(self._store, self._state.config, settings.consumer_silence_ms)

    @property
    def trouble(self) -> str:
        """Nothing: what keeps the clock is a hold, or stands in `waiting_for`."""
        return ""

    def step(self) -> None:
        """Reads what has come, having waited a bounded time where there was nothing to do, and does the next thing."""
        if self._idle_ms or not (self._has_read or self._has_enough()):
            self._read(self._idle_ms)
        self._has_read = False
        self._idle_ms = self._act()

    def poll(self) -> int:
        """A step that does not wait: returns for how long there is nothing to do, in ms."""
        self._read(block_ms=0)
        return self._act()

    def close(self) -> None:
        """Closes the connection to the queue."""
        self._memories[self._state.history] = Memory.of(self._state, self._epochs)
        self._dispatcher.close()

    def _remember(self) -> None:
        """Says what the server has lost since this process has last served the session: now it goes on without it."""
        memory = self._memories.pop(self._state.history, None)
        lost = memory.lost(self._state, self._epochs) if memory is not None else None
        if lost is not None:
            self._log.warning("the server has lost its last writes: %s", lost)

    def _has_enough(self) -> bool:
        """Whether there is all that the next move can release, and it was looked for news a moment ago."""
        if self._addition is not None or self._attendance.streams or time.monotonic() - self._read_s >= READ_EVERY_S:
            return False
        if self._merge.frontier_ms() > min(self._bounds(self._state.clock_ms)):
            return True
        most, most_bytes = self._settings.batch_ticks, self._settings.batch_bytes
        return all(feed.buffered >= most or feed.buffered_bytes >= most_bytes for feed in self._merge.feeds.values())

    def _act(self) -> int:
        """Does the next thing. Returns how long to wait for something new, in ms; 0 for going on at once."""
        self._attendance.stays_awake()
        if self._state.status == "created":
            open_session(self._store, self._state)
            self._load()
            return 0
        if self._addition is not None:
            self._pace.clock.suspend(time.monotonic())
            if not self._addition.check():
                return HELD_MS
            try:
                self._addition.end(self._state)
            except WarmUpFailed as error:
                self._store.fail(str(error))
            self._load()
            return 0
        if self._state.warming and not self._state.ended:
            self._warm_up()
            self._load()
            return 0
        goes_along = self._pace.is_free(self._state) and not self._attendance.streams
        if self._digests.step(self._state, before_ms=self._about_to_change_ms(), goes_along=goes_along):
            return 0
        if self._state.stray is not None:
            self._skips.say(self._store.keys.schedule, f"{self._state.stray[:40]!r} is no number of a command")
            self._store.unschedule(self._state.stray)
            self._load()
            return 0
        # After the end all that still waits is refused, so that nobody waits for its answer.
        if self._state.due is not None and (self._state.due[1] <= self._state.clock_ms or self._state.ended):
            self._commands.handle_due(self._state, self._state.due[0])
            self._load()
            return 0
        if self._incoming:
            self._commands.handle(self._state, self._incoming[0])
            self._load()
            return 0
        if self._state.ended:
            return IDLE_MS
        wait_ms = self._move()
        if wait_ms and self._digests.step(self._state, before_ms=NEVER_MS):
            return 0
        if wait_ms and self._store.has_ended():  # by another hand: the producer's, which cannot read its source
            self._load()
            return 0
        return wait_ms

    def _about_to_change_ms(self) -> int:
        """Before which time the session data of days that are over may be changed or deleted next: they are digested
        before that."""
        state = self._state
        is_due = state.due is not None and state.due[1] <= state.clock_ms
        if self._incoming or is_due or state.ended:
            return NEVER_MS
        through = self._retention.excess()
        return 0 if through is None else time_ms(through)

    def _load(self, *, taken_over: bool = False) -> None:
        """Reads the state anew and sets everything by it."""
        self._state: State = self._store.load()
        state = self._state
        if state.skipped != self._skipped:
            self._merge.forget(
                MAIN_FEED
            )  # what was read of it may be another hand's: it is read anew from the clock on
            self._skipped = state.skipped
        while self._incoming and order(self._incoming[0].entry) <= order(state.commands_at):
            self._incoming.popleft()
        self._roster = Roster(state.records)
        carried = {record.feed for record in state.records.values() if record.through_ms > state.clock_ms}
        self._merge.follow({MAIN_FEED, *carried}, state.clock_ms)
        self._set_days()
        self._pace.follow(state)
        self._meters.follow(state, self._pace)
        self._held = state.held
        operation = Operation.of(state.operation) if state.operation else None
        if operation is None:
            self._addition = None
        elif self._addition is None or self._addition.operation.id != operation.id:
            self._addition = Addition(
                operation, self._operations, self._dispatcher, self._settings, self._store.keys.session
            )
            self._addition.start(taken_over=taken_over)

    def _set_days(self) -> None:
        """Which trading day each symbol is in: bars that close until the next one opens are of that day."""
        state = self._state
        self._days = {name: state.hours(name).days for name in state.calendars}
        labels = {name: days.day(state.clock_ms).label for name, days in self._days.items()}
        self._labels = {symbol: labels[record.calendar] for symbol, record in state.records.items()}

    def _warm_up(self) -> None:
        """Begins to read the history of the symbols that the session begins with."""
        state = self._state
        asked = [SymbolRequest(symbol, record.calendar, record.source) for symbol, record in state.records.items()]
        request = AdditionRequest(jobs_of(asked), warm_up=True)
        self._operations.begin(state.clock_ms, WARM_UP, "", uuid4().hex, request, WARM_UP)
        self._log.info("reading %d days of history", state.config.history)

    def _read(self, block_ms: int) -> None:
        """Takes what is new in the commands, the feeds and the reports of an addition."""
        cursors = self._cursors()
        self._more, asked = False, self._portion
        self._read_s = time.monotonic()
        self._hear(self._client.xread(cursors, count=asked, block=block_ms or None), asked)

    def _cursors(self, going: Release | None = None) -> dict[Any, Any]:
        """Up to where each stream has been read of which something is wanted; of feeds, when a release has gone."""
        keys = self._store.keys
        cursors: dict[Any, Any] = {keys.commands: self._commands_read, **self._attendance.streams}
        ticks, size = (going.length, going.size) if going is not None else (0, 0)
        for name, feed in self._merge.feeds.items():
            if feed.buffered - ticks < BUFFERED_TICKS and feed.buffered_bytes - size < BUFFERED_BYTES:
                cursors[keys.feed(name)] = feed.cursor
        if self._addition is not None:
            cursors[keys.reports(self._addition.operation.id)] = self._addition.reports_at
        return cursors

    def _hear(self, found: Any, asked: int) -> None:
        """Takes what was read, up to so many entries of each stream."""
        keys = self._store.keys
        feeds = {keys.feed(name).encode(): feed for name, feed in self._merge.feeds.items()}
        for stream, entries in (found or {}).items():
            if stream in feeds:
                self._more = self._more or len(entries) == asked
                self._take(feeds[stream], stream.decode(), entries)
            elif stream == keys.commands.encode():
                for entry, fields in self._timely(keys.commands, entries):
                    self._commands_read = entry.decode()
                    self._incoming.append(Incoming(self._commands_read, fields))
            elif stream == keys.acks.encode():
                self._attendance.hear(self._timely(keys.acks, entries))
            elif self._addition is not None and stream == keys.reports(self._addition.operation.id).encode():
                self._addition.hear(self._timely(text(stream), entries))

    def _take(self, feed: Feed, key: str, entries: Entries) -> None:
        """Takes what is new in a feed. An entry that is none of ours must not keep it from those that are to come."""
        size = sum(len(value) for _, fields in entries for value in fields.values()) // len(entries)
        self._portion = max(1, min(MOST_ENTRIES, READ_BYTES // max(size, 1), 4 * self._portion))
        for entry, fields in entries:
            try:
                feed.push(entry, fields)
            except Malformed as error:
                self._skips.say(key, str(error))
                if key == self._store.keys.feed(MAIN_FEED) and self._store.disown() != self._state.skipped:
                    self._read_again()
                    return

    def _timely(self, stream: str, entries: Entries) -> Entries:
        """The entries of a stream whose ids are the server's time. One from the end of time would be the last for ever,
        so it is taken out."""
        late = [text(entry) for entry, _ in entries if time_ms(text(entry)) > MAX_TIME_MS]
        if not late:
            return entries
        self._skips.say(stream, f"entry {late[0]} lies beyond the year 9999")
        self._store.take_out(stream, late)
        return entries[: -len(late)]

    def _read_again(self) -> None:
        """Reads the main feed anew from the clock on: what was read of it may be another hand's."""
        self._merge.forget(MAIN_FEED)
        self._load()

    def _move(self) -> int:
        """Moves the clock as far as it may go now. Returns how long to wait, in ms."""
        state = self._state
        if self._held:
            self._attendance.meet()
            self._held = self._store.held()
            if self._held:
                self._attendance.goes_on()
                self._pace.clock.suspend(time.monotonic())
                return HELD_MS
        if not self._make_room():
            self._pace.clock.suspend(time.monotonic())
            return HELD_MS
        now_s = time.monotonic()
        self._pace.clock.resume(now_s)
        bounds = self._bounds(state.clock_ms)
        frontier_ms = self._merge.frontier_ms()
        target_ms = min(frontier_ms, *bounds)
        # A step is taken at once, at any speed.
        reading_ms = self._pace.clock.reading(now_s) if state.stop_ticks is None else None
        if reading_ms is not None:
            target_ms = min(target_ms, reading_ms)
        most = 1 if reading_ms is not None else ticks_at_once(self._merge.next_bytes(), self._settings)
        room = self._attendance.room()
        wanted = min(most, state.stop_ticks or most, room or most)
        found = self._merge.peek(target_ms, wanted)
        ticks = fitting(found, self._settings)
        is_all = len(ticks) == len(found) and sum(each.length for each in found) < wanted
        if self._more and target_ms == frontier_ms and is_all and reading_ms is None:
            return 0  # more stands in the feed, and a longer move costs less
        clock_ms = ticks[-1].last_ms if ticks else self._pace.without_bars(state, target_ms, bounds)
        if room == 0 and (clock_ms > state.clock_ms or state.clock_ms >= state.end_ms):
            self._attendance.waits(self._attendance.behind)
            self._pace.clock.hold_back(state.clock_ms, now_s)
            return IDLE_MS
        self._attendance.goes_on()
        if clock_ms > state.clock_ms:
            self._advance(clock_ms, self._release_of(ticks), wanted if reading_ms is None else 0)
            waits = self._attendance.room() == 0 and state.clock_ms == clock_ms < state.due_ms
            return IDLE_MS if waits else 0
        if state.clock_ms >= state.end_ms:
            self._finish()
            return 0
        return self._pace.wait_ms(state, now_s, frontier_ms, bounds, self._merge.next_ms())

    def _bounds(self, clock_ms: int) -> set[int]:
        """Where the clock has to stop, coming from a time. It never goes over a day that opens, nor over a scheduled
        command: what a move releases is of one day of a symbol."""
        state = self._state
        opens = (days.next_open_ms(clock_ms) for days in self._days.values())
        return {state.end_ms, state.stop_ms or state.end_ms, state.due_ms, min(opens, default=NEVER_MS)}

    def _release_of(self, ticks: Sequence[Merged]) -> Release:
        """What is released of these ticks, if it was not made ready before."""
        ahead = self._ahead
        if ahead is not None and ahead.is_of(ticks, self._roster, self._state.run_hash):
            return ahead
        return Release.of(ticks, self._roster, self._state.run_hash)

    def _make_ready(self, clock_ms: int, run_hash: str, wanted: int) -> None:
        """Makes ready what is released next after a time and a run hash, while the server is at the move to that; if it
        is known already what that will be."""
        frontier_ms = self._merge.frontier_ms()
        target_ms, found = clock_ms, list[Merged]()
        for _ in range(2):
            target_ms = min(frontier_ms, *self._bounds(clock_ms))
            found = self._merge.peek(target_ms, wanted, clock_ms)
            if found:
                break
            # It goes there first, without a bar, and says which days open.
            clock_ms = target_ms
            run_hash = hash_with_days(run_hash, clock_ms, days_that_open(self._days, clock_ms))
        ticks = fitting(found, self._settings)
        is_full = len(ticks) < len(found) or sum(each.length for each in found) == wanted
        if ticks and (is_full or ticks[-1].last_ms < frontier_ms):
            self._ahead = Release.of(ticks, self._roster, run_hash)

    def _advance(self, clock_ms: int, release: Release, wanted: int) -> None:
        """Moves the clock. At full speed `wanted` is how many ticks the next move takes, else 0."""
        state = self._state
        left = None if state.stop_ticks is None else state.stop_ticks - release.length
        feeds = {name: self._has_ended(name, clock_ms) for name in self._merge.feeds}
        opening = days_that_open(self._days, clock_ms)
        after = hash_with_days(release.after, clock_ms, opening)
        move = Move(
            state.clock_ms,
            clock_ms,
            release.ticks,
            release.runs,
            self._labels,
            feeds,
            opening,
            left,
            after,
            self._attendance.joined,
            state.skipped,
        )
        if release.ticks:
            self._ahead = None
        meanwhile = partial(self._make_ready, clock_ms, after, wanted) if wanted and release.ticks else None
        found, asked = None, self._portion
        if wanted and not self._attendance.streams:  # what is new comes along, and digests go along
            digests, cursors = self._digests.at_hand(), self._cursors(release)
            outcome, found = self._store.advance_and_read(move, cursors, asked, digests, meanwhile)
            if digests:
                if found is None:  # a server that does not know their script is given it by itself
                    self._store.digest(digests)
                self._digests.has_written()
        else:
            outcome = self._store.advance(move, meanwhile)
        if outcome == "foreign":
            self._skips.say(self._store.keys.state, "an entry stood behind our last one in one of the streams")
            self._read_again()
            return
        if outcome == "held":
            self._held = True
            return
        if outcome == "others":
            self._attendance.look()
            return
        if outcome != "ok":
            self._load()
            return
        self._meters.released(release.length, release.bars)
        self._attendance.emitted(close_ms for tick in release.ticks for close_ms in tick.closes())
        if release.last is not None:
            self._retention.note(release.last, release.length, release.size)
        self._merge.release(clock_ms)
        for name, ended in feeds.items():
            if ended:
                del self._merge.feeds[name]
        if left is not None:
            self._pace.clock.anchor(clock_ms, time.monotonic())
        stopped = clock_ms == state.stop_ms or left == 0
        state.clock_ms, state.stop_ticks, state.run_hash = clock_ms, left, after
        state.noted = release.last or state.noted
        if opening:
            self._set_days()
        if stopped:
            self._held, state.stop_ms, state.stop_ticks = True, None, None
            self._log.info("stopped at %s", full_clock_text(clock_ms, state.zone))
        if found is not None:
            self._more, self._has_read, self._read_s = False, True, time.monotonic()
            self._hear(found[0], asked)

    def _has_ended(self, feed: str, clock_ms: int) -> bool:
        """Whether no symbol comes in this feed after the clock."""
        through = [record.through_ms for record in self._state.records.values() if record.feed == feed]
        return feed != MAIN_FEED and all(through_ms <= clock_ms for through_ms in through)

    def _finish(self) -> None:
        # Of all symbols: a feed in which no bar was left when its symbol was added has never been followed.
        feeds = {record.feed for record in self._state.records.values()}
        after = after_event(self._state.run_hash, self._state.end_ms, "session-finished")
        outcome = self._store.finish(self._state.end_ms, feeds, after)
        self._held = outcome == "held"
        if outcome == "ok":
            self._log.info("finished at %s", full_clock_text(self._state.end_ms, self._state.zone))
        if outcome != "held":
            self._load()

    def _make_room(self) -> bool:
        """Forgets notifications beyond what is kept. False while a living consumer still needs them."""
        through = self._retention.excess()
        if through is None:
            return True
        behind = self._store.trim(self._state, through, patiently=not self._attendance.has_watched)
        if behind:
            self._attendance.waits(behind)
            return False
        self._retention.forget(through)
        return True
