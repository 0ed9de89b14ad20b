"""One round: a session from its start to its end under faults, and what it leaves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import redis

from playhead import config as configs
from playhead.connection import connect
from playhead.errors import PlayheadError
from playhead.keys import Keys
from playhead.patience import Patience
from playhead.sessions import delete
from tests.faults.chaos.driver import Driver
from tests.faults.chaos.evidence import Evidence, gathered
from tests.faults.chaos.fleet import CLIENT, Fleet
from tests.faults.chaos.injector import Injector
from tests.faults.chaos.plan import Plan
from tests.faults.chaos.watch import Watch
from tests.support.transcript import Item

FOLLOWED_S: Final = 60.0
"""How long the consumers may take to come to the end of a session that has ended."""
LOOK_S: Final = 0.05
Tamper = Callable[[redis.Redis, Keys], None]
"""Something that is done to a session that has ended, before it is compared: so a test plants a difference."""


@dataclass(frozen=True)
class Outcome:
    """What became of a round. `wrong` is what went wrong without any comparison; `evidence` may then be missing.

    `sent` has each command with the outcome that its sender was told.
    """

    plan: Plan
    session: str
    sent: Mapping[str, Mapping[str, str] | None]
    wrong: tuple[str, ...]
    evidence: Evidence | None

    @property
    def called_off(self) -> int:
        """Additions of which symbols were refused for want of a worker."""
        return sum("worker" in reply["error"] for reply in self._replies())

    def held_s(self) -> Iterator[float]:
        """How long the clock stood for each addition."""
        for reply in self._replies():
            results = json.loads(reply["result"]).values()
            held_ms = {each["held_ms"] for each in results if isinstance(each, dict) and "held_ms" in each}
            yield from (each / 1000 for each in held_ms)

    def _replies(self) -> Iterator[Mapping[str, str]]:
        if self.evidence is not None:
            for final in self.evidence.replies.values():
                yield from final

    def keep(self, file: Path, differences: Sequence[str], faults: Sequence[Any]) -> None:
        """Writes all of it down, for a person. `faults` are the latest ones, of this round and of its neighbours."""
        plan = {
            "seed": self.plan.seed,
            "config": json.loads(configs.encode(self.plan.config)),
            "acts": [repr(act) for act in self.plan.acts],
            "faults": [repr(each) for each in self.plan.faults],
        }
        told = {"differences": differences, "plan": plan, "sent": self.sent, "faults": [repr(each) for each in faults]}
        evidence = None if self.evidence is None else asdict(self.evidence)
        file.write_text(json.dumps(told | {"evidence": evidence}, indent=1))


def played(
    plan: Plan, session: str, fleet: Fleet, injector: Injector, watch: Watch, tamper: Tamper | None = None
) -> Outcome:
    """Plays a round. Its session is deleted afterwards, unless something was wrong."""
    keys = Keys(session)
    patience = Patience(FOLLOWED_S)
    evidence: Evidence | None = None
    wrong: list[str] = []
    with connect(fleet.url) as direct:
        driver = Driver(session, fleet.network.url(CLIENT), direct)
        watch.follow(session)
        try:
            driver.start(plan)
            for follower in fleet.followers:
                follower.follow(session)
            injector.hand_in(plan.faults)
            driver.play(plan)
            _await_followers(session, fleet)
            if tamper is not None:
                tamper(direct, keys)
            transcripts, wrong = _transcripts(session, fleet, direct, patience)
            evidence = patience.get(lambda: gathered(direct, keys, transcripts))
        except (AssertionError, PlayheadError) as error:
            wrong.append(repr(error))
        wrong += driver.wrong + watch.leave(session)
        if not wrong:
            patience.get(lambda: delete(direct, session))
    return Outcome(plan, session, driver.sent, tuple(wrong), evidence)


def _await_followers(session: str, fleet: Fleet) -> None:
    deadline = time.monotonic() + FOLLOWED_S
    while behind := [each.name for each in fleet.followers if not each.has_ended(session)]:
        assert time.monotonic() < deadline, f"waited {FOLLOWED_S:g} s for {', '.join(behind)} to come to the end"
        time.sleep(LOOK_S)


def _transcripts(
    session: str, fleet: Fleet, direct: redis.Redis, patience: Patience
) -> tuple[dict[str, list[Item]], list[str]]:
    """What each consumer has written, and those that did not end well."""
    found, wrong = {}, []
    for follower in fleet.followers:
        found[follower.name] = patience.get(lambda follower=follower: follower.items(session, direct))  # type: ignore[misc]
        error = follower.leave(session)
        if error:
            wrong.append(f"{follower.name} ended with {error}")
    return found, wrong
