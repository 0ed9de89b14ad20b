"""Every write of the consumer library, and what comes of it if the consumer dies right before it, or right after it.

Consumers do not disturb each other, so those that follow at their own pace die in one session, each at its own point.
One that is begun again has its name when the last sign of life is three seconds old.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from playhead.keys import Keys
from playhead.session import Session
from tests.support import crash_client, transcript
from tests.support.cell import KILLED, Cell
from tests.support.crash_client import CONFIG, output_key
from tests.support.crash_story import NAME, TIMEOUT_S, Played, is_over, play
from tests.support.crash_visits import BY_CONSUMERS, SERVICES, Place, points_of, side_by_side, what_is_left
from tests.support.outcome import Outcome, differences, outcome_of
from tests.support.transcript import Item
from tests.support.waiting import wait_until
from tests.support.warm import Warm

pytestmark = pytest.mark.timeout(600)  # however busy the machine is

IN_STEP: Final = replace(CONFIG, run_until=None, lead=1)
"""A day in which the clock waits for everybody at each tick."""


class Follower:
    """A consumer that dies at a point, and is begun again."""

    def __init__(self, cell: Cell, function: str, name: str, point: str | None) -> None:
        self.name = name
        self.point = point
        self._cell = cell
        self._file = cell.directory / f"{name}.jsonl"
        self._function = f"{crash_client.__name__}:{function}"
        self._process = self._run(point)

    def died(self) -> None:
        """Waits until it has."""
        assert self._process.ended() == KILLED, f"{self.name} did not die at {self.point}:\n{self._said()}"

    def again(self) -> None:
        """Begins it again."""
        self._process = self._run(None)

    def transcript(self) -> list[Item]:
        """Waits for its end. What it has written down, or put out in Redis, without what came a second time."""
        assert self._process.ended() == 0, self._said()
        key = output_key(NAME, self.name)
        put_out: list[Any] = self._cell.client.lrange(key, 0, -1)
        items = [json.loads(item) for item in put_out]  # of these each is there once
        for item in transcript.read(self._file):
            before = next((each for each in items if each["entry"] == item["entry"]), None)
            assert before in (None, item), f"{self.name} was handed {before} first and {item} then"
            if before is None:
                items.append(item)
        return items

    def _run(self, point: str | None) -> Warm:
        return self._cell.run(self._function, NAME, self._cell.url, self.name, str(self._file), point=point)

    def _said(self) -> str:
        return self._process.log.read_text()


def test_a_consumer_may_die_at_each_of_its_writes(place: Place, undisturbed: Played) -> None:
    with place.cell() as cell:
        followers: list[Follower] = []

        def begin() -> None:
            for write, (function, number) in BY_CONSUMERS.items():
                for point in points_of(write, [number]):
                    name = point.replace(":", "_")
                    followers.append(Follower(cell, function.__name__, name, point))

        cell.serve(*SERVICES)
        played = play(cell, meanwhile=begin)
        for each in followers:
            each.died()
            each.again()
        for each in followers:
            assert each.transcript() == undisturbed.transcript, each.name
        theirs = {f":consumer:{each.name}" for each in followers}
        found = played.outcome | {"keys": [key for key in played.outcome["keys"] if key not in theirs]}
        assert not differences(undisturbed.outcome, found)
        assert not what_is_left(cell)
    assert cell.deaths == []


def test_a_consumer_for_whom_the_clock_waits_may_die_when_it_saves_its_position(place: Place) -> None:
    def follow(number: int, points: Mapping[str, str | None]) -> tuple[Outcome, list[list[Item]]]:
        with place.cell(number) as cell:
            cell.serve(*SERVICES)
            config = replace(IN_STEP, expect=tuple(points))
            Session.start(NAME, config, cell.url, wait_s=0).close()
            followers = [Follower(cell, "follow", name, point) for name, point in points.items()]
            for each in followers:
                if each.point is not None:
                    each.died()
                    each.again()
            transcripts = [each.transcript() for each in followers]
            return ended(cell), transcripts

    before, after = points_of("save-and-await", [4])
    all_points: list[Mapping[str, str | None]] = [dict.fromkeys("abc"), {"a": before, "b": after, "c": None}]
    (expected, transcripts), (found, others) = side_by_side(follow, all_points)
    assert not differences(expected, found)
    assert others == transcripts
    assert transcripts[0] == transcripts[1] == transcripts[2]


def test_a_coordinator_may_die_when_it_deals_with_a_consumer_that_is_dead(place: Place) -> None:
    """It says for whom the clock waits, and later drops it: with an event, at a clock that stands."""

    def follow(number: int, points: Sequence[str]) -> tuple[Outcome, list[Item]]:
        with place.cell(number, consumer_silence_ms=4_000) as cell:
            cell.serve(*SERVICES, coordinator=points)
            config = replace(IN_STEP, expect=("doomed", "living"))
            Session.start(NAME, config, cell.url, wait_s=0).close()
            doomed = Follower(cell, "follow", "doomed", "save-and-await:before:4")
            living = Follower(cell, "follow", "living", None)
            doomed.died()
            seen = living.transcript()
            outcome = ended(cell)
            assert cell.deaths == [("coordinator", KILLED)] * len(points)
            return outcome, seen

    points = [*points_of("waiting"), *points_of("drop")]
    (expected, transcript_of), (found, other) = side_by_side(follow, [[], points])
    assert [item["type"] for item in transcript_of].count("consumer-dropped") == 1
    assert other == transcript_of
    assert not differences(expected, found)


def ended(cell: Cell) -> Outcome:
    """What a session came to, once it has ended; nothing is left of it then."""
    wait_until(lambda: is_over(cell.client, Keys(NAME)), TIMEOUT_S, "the session to end")
    outcome = outcome_of(cell.client, Keys(NAME))
    assert not what_is_left(cell)
    return outcome
