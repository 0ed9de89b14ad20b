"""The whole run: rounds side by side on the same processes, until there were enough of them or one has failed."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from playhead.connection import connect, text
from playhead.keys import SESSIONS
from tests.faults.chaos.fault import Kind, Role
from tests.faults.chaos.fleet import EXACT, Fleet
from tests.faults.chaos.injector import Injector
from tests.faults.chaos.plan import ALL_KINDS, CONSUMERS, planned
from tests.faults.chaos.recovery import Times
from tests.faults.chaos.referee import Referee
from tests.faults.chaos.round import Outcome, Tamper, played
from tests.faults.chaos.watch import Watch

LANES: Final = 4
STEP_S: Final = 0.005
"""Between two looks for faults that are due."""


@dataclass(frozen=True)
class Failure:
    """A round that went wrong, with what differs."""

    outcome: Outcome
    differences: tuple[str, ...]


@dataclass
class Result:
    """What a run has shown. `left` are keys that were left behind when all sessions had been deleted."""

    rounds: int = 0
    notifications: int = 0
    commands: int = 0
    called_off: int = 0
    """Additions that came to nothing because of faults: they are repeated as that."""
    held_s: list[float] = field(default_factory=list)
    """How long the clock stood for each addition that came to something."""
    samples: int = 0
    lasted_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)
    faults: dict[tuple[Role, Kind], int] = field(default_factory=dict)
    times: Times = field(default_factory=Times)
    left: tuple[str, ...] = ()

    @property
    def differences(self) -> int:
        """How many there are."""
        return sum(len(each.differences) for each in self.failures) + len(self.left)


@dataclass(frozen=True)
class Goal:
    """How long a run lasts: so many rounds, or all that begin in so many seconds. Round n has the plan of seed + n."""

    seed: int
    rounds: int | None
    seconds: float | None
    kinds: frozenset[Kind] = ALL_KINDS
    lanes: int = LANES


class Run:
    """Plays the rounds of a goal, in threads; the faults come from the thread that calls `play`."""

    def __init__(
        self, goal: Goal, directory: Path, say: Callable[[Result], None], tamper: Tamper | None = None
    ) -> None:
        """`say` is called after each round."""
        self._goal = goal
        self._directory = directory
        self._say = say
        self._tamper = tamper
        self._result = Result()
        self._broken: list[str] = []
        self._begun = 0
        self._lock = threading.Lock()

    def play(self) -> Result:
        """Plays to the end. Raises `AssertionError` where a service does not end as it should, or the run itself is
        broken.
        """
        begun_s = time.monotonic()
        self._until_s = begun_s + self._goal.seconds if self._goal.seconds is not None else float("inf")
        with Referee(CONSUMERS[EXACT]) as referee, Fleet(self._directory) as fleet, Watch(fleet.url) as watch:
            injector = Injector(fleet, watch)
            lanes = [
                threading.Thread(target=self._lane, args=(fleet, injector, watch, referee), name=f"lane-{number}")
                for number in range(self._goal.lanes)
            ]
            for lane in lanes:
                lane.start()
            while any(lane.is_alive() for lane in lanes) or not injector.idle:
                injector.step()
                time.sleep(STEP_S)
            assert not self._broken, "\n".join(self._broken)
            self._result.faults = dict(injector.done)
            self._result.times, self._result.samples = watch.times, watch.samples
            self._result.left = () if self._result.failures else _left(fleet.url)
        self._result.lasted_s = time.monotonic() - begun_s
        return self._result

    def _next(self) -> int | None:
        with self._lock:
            enough = (
                self._begun == self._goal.rounds
                or time.monotonic() > self._until_s
                or self._result.failures
                or self._broken
            )
            if enough:
                return None
            self._begun += 1
            return self._begun - 1

    def _lane(self, fleet: Fleet, injector: Injector, watch: Watch, referee: Referee) -> None:
        """One round after the other. The last one is judged while the next one is played."""
        judged: tuple[Outcome, Future[list[str]]] | None = None
        try:
            while (number := self._next()) is not None:
                plan = planned(self._goal.seed + number, self._goal.kinds)
                outcome = played(plan, f"chaos-{number}", fleet, injector, watch, self._tamper)
                if judged is not None:
                    self._note(*judged, injector)
                judged = None
                if outcome.evidence is None or outcome.wrong:
                    self._fail(outcome, outcome.wrong, injector)
                else:
                    judged = outcome, referee.judged(outcome.session, outcome.evidence, outcome.sent)
            if judged is not None:
                self._note(*judged, injector)
        except Exception:  # noqa: BLE001 - whatever it is, the run must not seem to have gone well
            self._broken.append(traceback.format_exc())

    def _note(self, outcome: Outcome, judgement: Future[list[str]], injector: Injector) -> None:
        found = judgement.result()
        if found:
            self._fail(outcome, tuple(found), injector)
            return
        with self._lock:
            self._result.rounds += 1
            self._result.notifications += len(outcome.evidence.notifications) if outcome.evidence else 0
            self._result.commands += len(outcome.sent)
            self._result.called_off += outcome.called_off
            self._result.held_s += outcome.held_s()
            self._say(self._result)

    def _fail(self, outcome: Outcome, differences: tuple[str, ...], injector: Injector) -> None:
        with self._lock:
            self._result.failures.append(Failure(outcome, differences))
            outcome.keep(self._directory / f"{outcome.session}.json", differences, list(injector.latest))


def _left(url: str) -> tuple[str, ...]:
    """Keys of Playhead that are there without a lifetime when no session is."""
    with connect(url) as client:
        found = [text(key) for key in client.scan_iter("playhead:*", count=1_000)]
        return tuple(sorted(key for key in found if key != SESSIONS and client.pttl(key) == -1))
