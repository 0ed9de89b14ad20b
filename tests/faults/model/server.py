"""The store as a server on the network: what happens to a call on its way there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from redis.exceptions import NoScriptError, ResponseError, WatchError

from playhead.errors import RedisUnavailable
from tests.faults.model.lua import digest, run_script
from tests.faults.model.scheduler import Process, Scheduler, Thread
from tests.faults.model.store import Store, encoded

Command = tuple[Any, ...]

CRASH_BEFORE: Final = "dies before it"
CRASH_AFTER: Final = "dies after it"
LOST_REQUEST: Final = "is cut off before it"
LOST_REPLY: Final = "is cut off after it"
TWICE: Final = "is carried out twice"
LATE: Final = "is cut off, and it comes late"
RESTART: Final = "the server restarts before it"
NO_FAULT: Final = ""


class Call(NamedTuple):
    """A call on its way: what it is called, who made it, and under which lease or attempt it was made."""

    name: str
    process: Process | None
    credential: str


class Away(RedisUnavailable):
    """No reply: whether the call was carried out is not known."""


class Server:
    """Carries out calls, one after the other.

    `fault_of` says what happens to the call of a process, `kill` lets one die, `watch` is called around each step that
    is carried out, `trace` is told of each call.
    """

    def __init__(self, scheduler: Scheduler, names: Mapping[bytes, str] | None = None) -> None:
        """`names` are those of the scripts, by text and digest."""
        self._names = names or {}
        self.scheduler = scheduler
        self.store = Store(lambda: scheduler.now_us)
        self.fault_of: Callable[[Process, str], str] = lambda process, name: NO_FAULT
        self.watch: Callable[[Call, Callable[[], Any]], Any] = lambda call, step: step()
        self.trace: Callable[[str, object], None] = lambda name, outcome: None
        self.kill: Callable[[Process], None] = scheduler.kill
        self.starts = 1
        self._known: set[bytes] = set()
        self._away_until_us = 0
        self._blocked: dict[Thread, tuple[Iterable[bytes], int]] = {}
        self._texts: dict[bytes, bytes] = {}

    def call(self, name: str, perform: Callable[[Call], Any]) -> Any:
        """What a call answers, which is made of one step or more.

        Raises `Away` where the reply is lost, `Killed` where the caller dies.
        """
        scheduler = self.scheduler
        scheduler.hand_over()
        process = None if scheduler.current is None else scheduler.current.process
        call = Call(name, process, "" if process is None else process.credential)
        fault = NO_FAULT if process is None else self.fault_of(process, name)
        if fault == RESTART:
            self.restart(away_us=scheduler.random.randrange(300_000))
        if scheduler.now_us < self._away_until_us:
            raise Away("the server is away")
        if fault == CRASH_BEFORE and process is not None:
            self.trace(name, fault)
            self.kill(process)
        if fault in (LOST_REQUEST, LATE):
            self.trace(name, fault)
            if fault == LATE:
                self._come_late(call, perform)
            raise Away(fault)
        reply = perform(call)
        self.trace(name, reply)
        if fault == TWICE:  # the client has sent it again, having had no reply
            reply = perform(call)
            self.trace(f"{name} (again)", reply)
        if fault == CRASH_AFTER and process is not None:
            self.trace(name, fault)
            self.kill(process)
        if fault == LOST_REPLY:
            self.trace(name, fault)
            raise Away(fault)
        return reply

    def step(self, call: Call, action: Callable[[], Any]) -> Any:
        """One step of a call, between which and the next others may come."""
        before = self.store.writes
        reply = self.watch(call, action)
        if self._blocked and self.store.writes != before:
            touched = self.store.touched
            for thread, (keys, since) in self._blocked.items():
                if any(touched.get(key, 0) > since for key in keys):
                    thread.wake_us = 0
        return reply

    def command(self, call: Call, args: Command) -> Any:
        """One command as a step. Where it blocks it waits for what comes."""
        block_ms = _block_ms(args)
        if block_ms is None or self.scheduler.current is None:
            return self.step(call, lambda: self.run(args))
        at = args.index(b"STREAMS")
        keys = [encoded(key) for key in args[at + 1 : at + 1 + (len(args) - at - 1) // 2]]
        thread, starts = self.scheduler.current, self.starts
        deadline_us = self.scheduler.now_us + block_ms * 1000
        while (found := self.store.run(args)) is None and self.scheduler.now_us < deadline_us:
            self._blocked[thread] = keys, self.store.writes
            try:
                self.scheduler.sleep((deadline_us - self.scheduler.now_us) / 1_000_000)
            finally:
                del self._blocked[thread]
            if self.starts != starts:
                raise Away("the connection broke")
        return found

    def run(self, args: Command) -> Any:
        """What a command or a script answers."""
        command = encoded(args[0])
        return (
            self._script(command, args)
            if command in (b"EVAL", b"EVALSHA", b"EVAL_RO", b"EVALSHA_RO")
            else self.store.run(args)
        )

    def restart(self, away_us: int) -> None:
        """The server ends and starts again: it has its data, and knows no script and no connection any more."""
        self.starts += 1
        self._known.clear()
        self._away_until_us = self.scheduler.now_us + away_us
        for thread in self._blocked:
            thread.wake_us = 0

    def named(self, args: Command) -> str:
        """A command as the trace shows it: a script by its name."""
        name = args[0] if isinstance(args[0], str) else args[0].decode()
        return self._names.get(encoded(args[1]), name) if name.startswith("EVAL") else name

    def _come_late(self, call: Call, perform: Callable[[Call], Any]) -> None:
        """The call is carried out later, when nobody waits for its reply any more."""
        scheduler = self.scheduler
        delay_s = scheduler.random.choice((0.001, 0.05, 0.5))

        def come() -> None:
            scheduler.sleep(delay_s)
            with suppress(ResponseError, WatchError, Away):  # nobody hears of it
                self.trace(f"{call.name} (late)", perform(call))

        scheduler.spawn(Process("network"), "network", come)

    def _script(self, command: bytes, args: Command) -> Any:
        text = encoded(args[1])
        if command in (b"EVAL", b"EVAL_RO"):
            self._known.add(digest(text))
            self._texts[digest(text)] = text
        elif text in self._known:
            text = self._texts[text]
        else:
            raise NoScriptError("No matching script. Please use EVAL.")
        count = int(args[2])
        given = [encoded(arg) for arg in args[3:]]
        writes = self.store.writes
        reply = run_script(self.store, text, given[:count], given[count:])
        assert not command.endswith(b"_RO") or self.store.writes == writes, "a script that only reads has written"
        return reply


def _block_ms(args: Command) -> int | None:
    """For how long a command blocks."""
    return int(args[args.index(b"BLOCK") + 1]) if args[0] == "XREAD" and b"BLOCK" in args else None
