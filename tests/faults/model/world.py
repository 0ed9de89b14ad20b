"""One run: all processes, the server between them, and what is done to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

from playhead import config as configs
from playhead.journal import read_journal
from playhead.keys import SESSIONS, Keys
from playhead.scripts import Script
from playhead.speed import speed_text
from tests.faults.model.checks import Checks, Violation
from tests.faults.model.client import Client
from tests.faults.model.consumer import Reader
from tests.faults.model.ending import (
    check_equal,
    check_failure,
    check_nothing_left,
    check_replies,
    check_session_data,
    check_transcripts,
)
from tests.faults.model.lua import digest
from tests.faults.model.person import Person
from tests.faults.model.plan import KILL, LEAP, SUSPEND, Plan
from tests.faults.model.scheduler import Process, Scheduler
from tests.faults.model.server import CRASH_AFTER, CRASH_BEFORE, NO_FAULT, Server
from tests.faults.model.service import serve
from tests.faults.model.substitutes import substituted
from tests.faults.model.trace import Step
from tests.faults.model.undisturbed import Undisturbed
from tests.faults.model.worker import JobQueue, work

ROOT: Final = Path(__file__).parents[3]
MOST_STEPS: Final = 60_000
NAME: Final = "model"
ROLES: Final = (
    "coordinator-1",
    "coordinator-2",
    "producer-1",
    "producer-2",
    "worker-1",
    "worker-2",
    "reader",
    "writer",
)
MORTAL: Final = ROLES


class World:
    """Everything that takes part in one run of a plan."""

    def __init__(self, plan: Plan, *, traced: bool = False) -> None:
        self.plan = plan
        self._traced = traced
        self.random = Random(f"{plan.seed} run")
        self.scheduler = Scheduler(self.random, plan.call_us)
        self.server = Server(self.scheduler, NAMES)
        self.keys = Keys(NAME)
        self.checks = Checks(self.server.store, self.keys, plan.tape)
        self.trace: list[Step] = []
        self.happened: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.queue = JobQueue(self.scheduler, troubled=bool(plan.faults or plan.disturbances))
        self.person = Person(NAME, plan)
        self.readers = [
            Reader("reader", NAME, plan.tape, self.checks, transactions=False),
            Reader("writer", NAME, plan.tape, self.checks, transactions=True),
        ]
        self.processes: dict[str, Process] = {}
        self.server.fault_of = self._fault_of
        self.server.watch = self.checks.watch
        self.server.trace = self._note
        self.server.kill = self._kill

    def play(self) -> None:
        """Runs until the session has ended, everybody has seen that, and all is digested. Raises `Violation`."""
        parts = {"PART_BYTES": self.plan.part_bytes}
        with substituted(self.server, self.plan.tape, self.plan.settings, self.queue, **parts):
            client = Client(self.server)
            client.sadd(SESSIONS, NAME)
            config = self.plan.tape.config
            args = [configs.encode(config), "history", 1, speed_text(config.speed)]
            assert _create(client, [self.keys.state], args) == 1
            for name in ROLES:
                self._start(name)
            self._spawn("person", self.person.act)
            try:
                while not self._is_over():
                    self._go_on()
            finally:
                self.scheduler.end()
            self._judge(client)

    def _go_on(self) -> None:
        if self.scheduler.steps in self.plan.disturbances:
            self._disturb(self.plan.disturbances[self.scheduler.steps])
        if self.scheduler.steps > MOST_STEPS:
            raise Violation("6 liveness: the session does not end")
        self.scheduler.step()
        if self.checks.first is not None:  # whoever was told of it may go on, and meet what follows from it
            raise self.checks.first

    def _judge(self, client: Client) -> None:
        """Looks at what is left, and compares it with a run in which nothing happened."""
        store, emitted = self.server.store, self.checks.emitted
        all_kept = self.plan.settings.retained_ticks > len(emitted)
        first = read_journal(client, self.keys)
        check_transcripts(self.readers, emitted, store, all_kept=all_kept)
        check_replies(self.checks, first, self.person.sent, client.xlen(self.keys.commands))
        members = self.checks.members(emitted[-1].entry)
        check_session_data(store, self.keys, self.plan.tape, members, first.clock_ms or 0)
        check_nothing_left(store)
        if first.status == "failed":
            check_failure(first)
            self.happened["a session could not begin"] += 1
            return
        check_equal(first, emitted, store, Undisturbed(NAME, self.plan.tape, first), all_kept=all_kept)

    def _start(self, name: str, after_s: float = 0.0) -> None:
        role = name.partition("-")[0]
        process = Process(name)
        mains: dict[str, Callable[[], None]] = {
            "coordinator": lambda: serve(process, role, self.keys, self.plan.settings),
            "producer": lambda: serve(process, role, self.keys, self.plan.settings),
            "worker": lambda: work(process, self.queue),
            **{reader.name: reader.follow for reader in self.readers},
        }

        def main() -> None:
            self.scheduler.sleep(after_s)
            mains[role]()

        self.processes[name] = process
        self.scheduler.spawn(process, name, main)

    def _spawn(self, name: str, main: Callable[[], None]) -> None:
        process = self.processes[name] = Process(name)
        self.scheduler.spawn(process, name, main)

    def _fault_of(self, process: Process, name: str) -> str:
        role = process.name.partition("-")[0]
        self.calls[role] += 1
        fault = self.plan.faults.get((role, self.calls[role]), NO_FAULT)
        if fault in (CRASH_BEFORE, CRASH_AFTER) and process.name not in MORTAL:
            return NO_FAULT
        if fault:
            self.happened[fault] += 1
            self.happened[f"{role} {fault}"] += 1
        return fault

    def _kill(self, process: Process) -> None:
        """Another one takes its place after a while."""
        self._start(process.name, self.random.choice((0.01, 0.3, 1.0, 4.0)))
        self.scheduler.kill(process)

    def _disturb(self, how: str) -> None:
        process = self.processes[self.random.choice(MORTAL)]
        self._note(how, "", process.name if how != LEAP else "")
        self.happened[how] += 1
        delay_us = self.random.choice((100_000, 1_000_000, 5_000_000))
        match how:
            case _ if how == KILL:
                self._kill(process)
            case _ if how == SUSPEND:
                process.suspend(self.scheduler.now_us + delay_us)
            case _ if how == LEAP:
                self.scheduler.now_us += delay_us

    def _is_over(self) -> bool:
        """Whether everybody has come to the end, and nothing is left to be answered or digested."""
        store, keys = self.server.store, self.keys
        if not self.person.over or not all(reader.over for reader in self.readers):
            return False
        answered = store.hget(keys.state.encode(), b"commands_at")
        last = store.xrevrange(keys.commands.encode(), b"+", b"-", b"COUNT", b"1")
        digested = store.hexists(keys.digests.encode(), b"clock_ms")
        return (
            bool(digested)
            and answered == (last[0][0] if last else answered)
            and not store.exists(keys.schedule.encode())
        )

    def _note(self, what: str, reply: object, who: str = "") -> None:
        if not self._traced:
            return
        current = self.scheduler.current
        name = who or ("" if current is None else current.name)
        self.trace.append(Step(self.scheduler.now_us, name, what, reply))


def _names_of_scripts() -> Iterator[tuple[bytes, str]]:
    """Text and digest of every script, as it is sent, with its name."""
    for package in ("shared", "playhead"):
        for file in sorted((ROOT / package / "lua").glob("*.lua")):
            for prelude in (None, "common") if package == "shared" else (None,):
                text = Script(package, file.stem, prelude, reads_only=True)._text.encode()
                yield text, file.stem
                yield digest(text), file.stem


NAMES: Final = dict(_names_of_scripts())
_create = Script("playhead", "create")
