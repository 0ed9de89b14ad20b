"""A session as its users hold it: reads, commands, and following it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from redis.client import Pipeline

from playhead import sessions
from playhead import symbols as records
from playhead.almanac import Almanac
from playhead.config import SessionConfig
from playhead.connection import connect, redis_url, text
from playhead.days import TradingDays
from playhead.errors import InvalidInput, SessionNotFound, UnknownSymbol
from playhead.info import SessionInfo, read_info
from playhead.keys import Keys
from playhead.names import parse_symbol
from playhead.scripts import Script
from playhead.speed import parse_speed
from playhead.times import typed

# What a read of the session does not need is loaded when it is used: a command line is quicker without it, and all the
# more without numpy, which bars and ticks need.
if TYPE_CHECKING:
    from playhead.async_subscription import AsyncSubscription
    from playhead.bars import Bars
    from playhead.commander import Commander
    from playhead.commands import Command, Reply
    from playhead.consumers import ConsumerInfo, Consumers
    from playhead.journal import Journal
    from playhead.operations import OperationInfo
    from playhead.subscription import Subscription
    from playhead.view import View

START_TIMEOUT_S: Final = 15.0

_snapshot = Script("playhead", "snapshot", reads_only=True)


class Session:
    """A session on a Redis server. One thread may use it; another thread opens its own.

    Its reads are **as of the consumer's position** once its subscription has handed out something (or has
    resumed from a saved position): only bars that had closed then, only symbols that were there then, always
    an answer. Without a subscription, and before the first item of a new one, they are *snapshots* of the
    session as it is; these answer `None` while symbols are being added.
    """

    def __init__(self, name: str | None = None, url: str | None = None) -> None:
        """Opens the session called `name`, by default that of `PLAYHEAD_SESSION`, else the only one.

        `url` is by default that of `PLAYHEAD_REDIS_URL`, else a server on this machine. Raises
        `SessionNotFound`, `InvalidInput` for a bad name or where there are several sessions,
        `RedisUnavailable`.
        """
        self.url = redis_url(url)
        self._client = connect(self.url)
        try:
            self.name = name or os.environ.get(sessions.SESSION_VARIABLE) or sessions.only_one(self._client, self.url)
            self._keys = Keys(self.name)
            self.config = sessions.config_of(self._client, self._keys, self.url)
        except BaseException:
            self._client.close()
            raise
        self._almanac = Almanac(self._client, self._keys)
        self._consumers: Consumers | None = None
        self._subscription: Subscription | None = None

    @classmethod
    def start(
        cls, name: str, config: SessionConfig, url: str | None = None, wait_s: float = START_TIMEOUT_S
    ) -> Session:
        """Creates a session and waits until it runs; 0 does not wait.

        Raises `SessionExists`; `SessionFailed` with the reason where it cannot begin (an unknown symbol, no
        data), and then nothing is left of it; `CommandTimeout` saying which service is missing, and then it
        stays created.
        """
        from playhead import starting

        starting.start(name, config, url, wait_s)
        return cls(name, url)

    def bars(self, symbol: str, interval: str | None = None) -> Bars | None:
        """Bars of a symbol's current trading day in time order, by default of the session's interval.

        The arrays are read-only.

        `None` only in a snapshot while symbols are being added. Raises `UnknownSymbol` naming the symbols
        there are, `InvalidInput` for a malformed symbol or an interval in which the session has no bars.
        """
        interval = self._interval(interval)
        view = self._view
        return self._snapshot(parse_symbol(symbol), interval, 0) if view is None else view.bars(symbol, interval)

    def history(self, symbol: str, interval: str | None = None, days: int | None = None) -> Bars | None:
        """Bars of the trading days before the current one, by default of all that the session was started with.

        Otherwise as `bars`. Raises `InvalidInput` for more days than that.
        """
        interval, kept = self._interval(interval), self.config.history
        days = kept if days is None else days
        if days < 0:
            raise InvalidInput(f"{days} days of history are less than none")
        if days > kept:
            raise InvalidInput(
                f"session {self.name} keeps {kept} days of history, not {days}; start it with --history {days}d"
            )
        view = self._view
        if view is not None:
            return view.history(symbol, interval, days)
        symbol = parse_symbol(symbol)
        if not days:
            from playhead.bars import Bars

            return Bars.empty(symbol, interval)
        return self._snapshot(symbol, interval, days)

    def _interval(self, given: str | None) -> str:
        if given is None:
            return self.config.interval
        if given not in self.config.intervals:
            had = ", ".join(self.config.intervals)
            raise InvalidInput(f"session {self.name} has no bars of {given[:40]!r}; it has {had}")
        return given

    def symbols(self) -> tuple[str, ...] | None:
        """The symbols, sorted. `None` only in a snapshot while symbols are being added."""
        if self._view is not None:
            return self._view.symbols()
        pipe = self._client.pipeline()
        pipe.hget(self._keys.state, "active")
        pipe.hkeys(self._keys.symbols)
        active, found = pipe.execute()
        if active is None:
            raise self._gone()
        return tuple(sorted(text(symbol) for symbol in found)) if active == b"1" else None

    def clock(self) -> int | None:
        """The clock of the position, else of the session, UTC milliseconds; `None` before the start."""
        if self._view is not None:
            return self._view.clock_ms
        status, clock_ms = self._client.hmget(self._keys.state, ["status", "clock_ms"])
        if status is None:
            raise self._gone()
        return None if clock_ms is None else int(clock_ms)

    def info(self) -> SessionInfo | None:
        """A summary of the session as it is now, never as of a position; `None` once it was deleted."""
        return read_info(self._client, self._keys, self._almanac, self.config.intervals)

    def consumers(self) -> tuple[ConsumerInfo, ...]:
        """The registered consumers by name: how far each has come, and whether it lives; none once it was deleted.

        Those that were dropped before the first call are found too: that one goes through all keys of the server.
        """
        if self._consumers is None:
            from playhead.consumers import Consumers

            self._consumers = Consumers(self._client, self._keys, with_dropped=True)
        return self._consumers.read()

    def operation(self) -> OperationInfo | None:
        """The addition in progress, for which the clock stands; `None` where there is none."""
        from playhead.operations import read_operation

        return read_operation(self._client, self._keys)

    def subscribe(
        self, name: str | None = None, from_start: bool = False, patience_s: float | None = None
    ) -> Subscription:
        """Follows the session's ticks and events.

        With a name the reader is registered: it resumes after the last item that it had done, the clock waits
        for it rather than leave it behind, and nobody else can have the name while it lives. A first
        registration begins at the oldest tick that is kept; in a session with a lead, whose clock would wait until it
        has caught up, after the last one. Without a name it begins at the present end. `from_start` begins
        at the oldest that is kept in any case. `patience_s` is how long Redis may be away; `None` waits for ever.

        Raises `ConsumerNameTaken`, `HistoryLost`, `InvalidInput` for a second subscription at the same time.
        """
        from playhead.subscription import Subscription

        self._refuse_a_second()
        self._subscription = Subscription(self._client, self.url, self._keys, name, from_start, patience_s)
        return self._subscription

    def subscribe_async(
        self, name: str | None = None, from_start: bool = False, patience_s: float | None = None
    ) -> AsyncSubscription:
        """The same for an event loop: `async with session.subscribe_async("vwap") as messages`.

        It begins to follow when it is entered, or asked for its first item, and raises then what `subscribe` raises.
        """
        from playhead.async_subscription import AsyncSubscription

        self._refuse_a_second()
        return AsyncSubscription(self.url, self._keys, name, from_start, patience_s, self._follow)

    def transaction(self) -> AbstractContextManager[Pipeline]:
        """The transaction of the item in hand; see `Subscription.transaction`."""
        if self._subscription is None:
            raise InvalidInput("there is no subscription; open a transaction inside the loop over subscribe()")
        return self._subscription.transaction()

    def send(
        self,
        command: Command,
        id: str | None = None,
        timeout_s: float | None = None,
        at: str | int | datetime | None = None,
    ) -> Reply:
        """The coordinator's reply to any command, for which it waits 10 s by default; see `Commander.send`.

        With `at` the command is carried out when the clock reads that time (as for `run_until`), and the reply has the
        status `scheduled`; `outcome` waits for what became of it.
        """
        from playhead.commander import REPLY_TIMEOUT_S

        timeout_s = REPLY_TIMEOUT_S if timeout_s is None else timeout_s
        return self._commander.send(command, id, timeout_s, None if at is None else typed(at))

    def outcome(self, scheduled: Reply | str, timeout_s: float | None = None) -> Reply:
        """The final reply to a scheduled command, given by its reply or id: waits until its market time has come.

        A command that still waits when the session ends is rejected. Without `timeout_s` it waits as long as it takes.
        Raises `CommandRejected`, `CommandTimeout`, `InvalidInput` for an id that the session does not know.
        """
        return self._commander.outcome(scheduled if isinstance(scheduled, str) else scheduled.id, timeout_s)

    def add_symbol(
        self,
        *symbols: str,
        source: str | None = None,
        calendar: str | None = None,
        wait: bool | None = None,
        timeout_s: float | None = None,
        at: str | int | datetime | None = None,
    ) -> Reply:
        """Adds symbols as if they had been there from the open. The clock stands while they are caught up.

        The reply's `result` has each symbol's receipt or error; its status is `partial` where some could not
        be added. Without `wait` it is `sent`. Raises `CommandRejected` (with the reply) where none could be.

        With `at` they are added when the clock reads that time (as for `run_until`): the reply is `scheduled`, unless
        `wait` asks for the final one. `timeout_s` is by default 90, and no limit for the wait until such a time.
        """
        from playhead.commander import ADD_TIMEOUT_S
        from playhead.commands import AddSymbol

        command = AddSymbol(symbols, source, calendar)
        if at is None:
            if wait is False:
                return self._commander.post(command)
            return self._commander.send(command, None, ADD_TIMEOUT_S if timeout_s is None else timeout_s)
        scheduled = self.send(command, at=at)
        return self.outcome(scheduled, timeout_s) if wait else scheduled

    def remove_symbol(self, *symbols: str, at: str | int | datetime | None = None) -> Reply:
        """Removes symbols: they are gone from snapshots and from later ticks when this returns.

        A consumer sees them until it is handed the event `SymbolRemoved`. They can be added again. The reply's
        `result` says of each symbol `removed`, or why not; its status is `partial` where some were not there.
        Raises `CommandRejected` (with the reply), naming the symbols there are, where none was.

        With `at` they are removed when the clock reads that time (as for `run_until`), and the reply is `scheduled`.
        """
        from playhead.commands import RemoveSymbol

        return self.send(RemoveSymbol(symbols), at=at)

    def pause(self) -> Reply:
        """Places the hold `user`: the clock stands when this returns."""
        from playhead.commands import Pause

        return self.send(Pause())

    def resume(self) -> Reply:
        """Removes the hold `user`. The reply's `result` names what still holds the clock."""
        from playhead.commands import Resume

        return self.send(Resume())

    def step(self, ticks: int = 1) -> Reply:
        """Releases so many ticks and pauses again."""
        from playhead.commands import Step

        return self.send(Step(ticks))

    def run_until(self, time: str | int | datetime) -> Reply:
        """Runs until the clock reads a time, then pauses.

        That is `12:06` in the session's zone, ISO text with an offset, UTC milliseconds or an aware datetime.
        """
        from playhead.commands import RunUntil

        return self.send(RunUntil(typed(time)))

    def set_speed(self, speed: str | float) -> Reply:
        """Sets market seconds a wall second, or `max`."""
        from playhead.commands import Speed

        return self.send(Speed(parse_speed(str(speed))))

    def stop(self) -> Reply:
        """Ends the session where it is. What it has can still be read."""
        from playhead.commands import Stop

        return self.send(Stop())

    def journal(self) -> Journal:
        """What was done at which market time, and how it ended; see `playhead.journal`."""
        from playhead.journal import read_journal

        return read_journal(self._client, self._keys)

    def delete(self) -> None:
        """Takes away everything the session has, running or not."""
        sessions.delete(self._client, self.name)

    def close(self) -> None:
        """Closes the subscription and the connection."""
        if self._subscription is not None:
            self._subscription.close()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _commander(self) -> Commander:
        from playhead.commander import Commander

        return Commander(self._client, self._keys)

    def _follow(self, subscription: Subscription) -> None:
        self._refuse_a_second()
        self._subscription = subscription

    def _refuse_a_second(self) -> None:
        if self._subscription is not None and not self._subscription.closed:
            raise InvalidInput("this Session has a subscription already; close it, or open a second Session")

    @property
    def _view(self) -> View | None:
        here = self._subscription
        return here.view if here is not None and here.bounds_reads else None

    def _snapshot(self, symbol: str, interval: str, past: int) -> Bars | None:
        """The bars of the current trading day, or of so many `past` days before it, in one step."""
        from playhead.bars import Bars
        from playhead.codec import bars_of
        from playhead.view import closed_bars

        clock_ms = 0
        while True:
            record, days = self._record_of(symbol)
            of = days.before(clock_ms, past) if past else (days.day(clock_ms),)
            bounds = days.opened_ms(clock_ms), days.next_open_ms(clock_ms)
            keys = [self._keys.bars(symbol, interval, day.label) for day in of]
            used = [self._keys.state, self._keys.symbols, *keys]
            answer: Any = _snapshot(self._client, used, [symbol, *bounds, record])
            match answer:
                case [b"ok", clock, *found]:
                    parts = [bars_of(symbol, interval, dict(zip(runs[::2], runs[1::2], strict=True))) for runs in found]
                    return closed_bars(Bars.joined(symbol, interval, parts), days, int(clock))
                case [b"moved", clock]:
                    clock_ms = int(clock)
                case [b"inactive"]:
                    return None
                case [b"unknown"]:
                    raise self._unknown(symbol)
                case _:
                    raise self._gone()

    def _record_of(self, symbol: str) -> tuple[bytes | str, TradingDays]:
        """The record of a symbol, and the trading days of its exchange."""
        record = self._client.hget(self._keys.symbols, symbol)
        if record is None:
            raise self._unknown(symbol) if self._client.exists(self._keys.state) else self._gone()
        return record, self._almanac.of(records.decode(record).calendar)

    def _unknown(self, symbol: str) -> UnknownSymbol:
        there = ", ".join(sorted(text(name) for name in self._client.hkeys(self._keys.symbols)))
        return UnknownSymbol(f"{symbol} is not in session {self.name}; there are {there or 'no symbols yet'}")

    def _gone(self) -> SessionNotFound:
        return SessionNotFound(f"session {self.name} was deleted; start it anew and open it again")
