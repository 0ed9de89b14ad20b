"""Every write of every service, and what comes of it if the process dies right before it, or right after it.

The processes are real, and so is the SIGKILL. Another one takes the place of the one that died, and the session comes
to what it comes to if nobody dies: session data, notifications with their places and the run hash, replies, journal,
digests, what its consumer was handed, what was recorded; and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Thread
from typing import Final

import pytest

from playhead.config import RECORDER, SessionConfig
from playhead.crash_points import AFTER, BEFORE
from playhead.keys import Keys
from playhead.session import Session
from playhead.times import MAX_TIME_MS
from playhead.trouble import field_of
from tests.support.cell import KILLED
from tests.support.crash_queue import LOOK, QueueStory
from tests.support.crash_story import CONFIG, NAME, RECORDING, TIMEOUT_S, Played, is_over, play
from tests.support.crash_visits import (
    AT_ONCE,
    FEW_TICKS,
    IN_THE_STORY,
    SERVICES,
    Place,
    check,
    points_of,
    side_by_side,
    what_is_left,
)
from tests.support.outcome import Outcome, differences, outcome_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(600)  # however busy the machine is
BY_THEMSELVES: Final = ("renew", "beat")
"""Writes that only time brings about."""


def test_the_story_is_the_same_whenever_it_is_played(place: Place, undisturbed: Played) -> None:
    with place.cell(retained_ticks=FEW_TICKS) as cell:
        cell.serve(*SERVICES)
        check(cell, undisturbed, play(cell), deaths=[])
    assert len(undisturbed.transcript) == len(undisturbed.outcome["notifications"]) == 46


@pytest.mark.parametrize(("role", "write"), [(role, write) for role in SERVICES for write in IN_THE_STORY[role]])
def test_a_service_may_die_at_each_of_its_writes(role: str, write: str, place: Place, undisturbed: Played) -> None:
    visit(role, write, place, undisturbed)


@pytest.mark.parametrize("write", IN_THE_STORY["recorder"])
def test_a_recorder_may_die_at_each_of_its_writes(write: str, place: Place, recorded: Played) -> None:
    visit("recorder", write, place, recorded)


def visit(role: str, write: str, place: Place, expected: Played) -> None:
    """Plays the story as often as the write has points, each time with a death at one of them."""

    def visit_one(number: int, point: str) -> None:
        with place.cell(number, retained_ticks=FEW_TICKS) as cell:

            def meanwhile() -> None:
                if write == "release":
                    cell.terminate(role)
                elif write in BY_THEMSELVES:
                    cell.wait_for_death()

            cell.serve(*{*SERVICES, role}, **{role: [point]})
            played = play(cell, recorded=role == "recorder", meanwhile=meanwhile)
            check(cell, expected, played, deaths=[(role, KILLED)])

    side_by_side(visit_one, points_of(write, IN_THE_STORY[role][write]))


def test_a_coordinator_may_die_when_it_gives_a_job_to_another_attempt(place: Place, undisturbed: Played) -> None:
    def visit_one(number: int, point: str) -> None:
        with place.cell(number) as cell:
            # The worker dies before it has shown life.
            cell.serve(*SERVICES, worker=["report:before"], coordinator=[point])
            check(cell, undisturbed, play(cell), deaths=[("worker", KILLED), ("coordinator", KILLED)])

    side_by_side(visit_one, points_of("attempt"))


def test_a_recorder_may_die_when_it_says_what_stands_in_its_way(place: Place, recorded: Played) -> None:
    def visit_one(number: int, point: str) -> None:
        with place.cell(number) as cell:
            in_the_way = cell.directory / RECORDING
            in_the_way.touch()

            def meanwhile() -> None:
                cell.wait_for_death()
                wait_until(lambda: cell.client.hexists(Keys(NAME).state, "recording_error"), TIMEOUT_S, "the complaint")
                in_the_way.unlink()

            cell.serve(*SERVICES, "recorder", recorder=[point])
            played = play(cell, recorded=True, meanwhile=meanwhile)
            check(cell, recorded, played, deaths=[("recorder", KILLED)])

    side_by_side(visit_one, points_of("report_recording"))


@pytest.mark.parametrize("role", ["coordinator", "producer", "recorder"])
def test_a_service_may_die_when_it_says_what_keeps_it_from_going_on(
    role: str, place: Place, undisturbed: Played, recorded: Played
) -> None:
    is_recorded = role == "recorder"
    keys = Keys(NAME)
    spoilt = {"coordinator": keys.commands, "producer": keys.windows, "recorder": keys.consumer(RECORDER)}[role]

    def visit_one(number: int, point: str) -> None:
        with place.cell(number) as cell:

            def mend() -> None:
                cell.wait_for_death()
                wait_until(lambda: cell.client.hexists(keys.state, field_of(role)), TIMEOUT_S, "the trouble to be said")
                cell.client.delete(spoilt)

            cell.client.set(spoilt, "of another type")
            cell.serve(*{*SERVICES, role}, **{role: [point]})
            mending = Thread(target=mend)
            mending.start()
            played = play(cell, recorded=is_recorded)
            mending.join()
            check(cell, recorded if is_recorded else undisturbed, played, deaths=[(role, KILLED)])

    side_by_side(visit_one, points_of("trouble"))


def test_a_coordinator_may_die_when_it_takes_out_what_another_hand_has_put_in(
    place: Place, undisturbed: Played
) -> None:
    keys, end_of_time = Keys(NAME), f"{MAX_TIME_MS + 1}-0"

    def visit_one(number: int, point: str) -> None:
        with place.cell(number) as cell:

            def meanwhile() -> None:
                cell.client.zadd(keys.schedule, {"no-number": 0})
                cell.client.xadd(keys.commands, {"op": "pause"}, id=end_of_time)
                wait_until(lambda: not cell.client.xrange(keys.commands, end_of_time), TIMEOUT_S, "the entry to go")

            cell.serve(*SERVICES, coordinator=[point])
            check(cell, undisturbed, play(cell, meanwhile=meanwhile), deaths=[("coordinator", KILLED)])

    side_by_side(visit_one, [*points_of("take_out"), *points_of("unschedule")])


@pytest.mark.parametrize(
    ("role", "config"),
    [
        ("coordinator", replace(CONFIG, run_until="2025-07-04 10:00")),
        ("producer", replace(CONFIG, history=0, source="csv:/nowhere")),
    ],
)
def test_a_service_may_die_when_it_ends_a_session_that_cannot_be(
    role: str, config: SessionConfig, place: Place
) -> None:
    def fail(number: int, points: Sequence[str]) -> Outcome:
        with place.cell(number) as cell:
            cell.serve(*SERVICES, **{role: points})
            Session.start(NAME, config, cell.url, wait_s=0).close()
            keys = Keys(NAME)
            wait_until(lambda: is_over(cell.client, keys), TIMEOUT_S, "the session to fail")
            outcome = outcome_of(cell.client, keys)
            assert outcome["state status"] == b"failed"
            cell.wait_for_death(len(points))
            assert cell.deaths == [(role, KILLED)] * len(points), cell.log_text()
            assert not what_is_left(cell)
        return outcome

    expected, *found = side_by_side(fail, [[], *([point] for point in points_of("fail"))])
    for outcome in found:
        assert not differences(expected, outcome)


@pytest.mark.parametrize("side", [BEFORE, AFTER])
def test_a_worker_may_die_at_each_write_to_the_queue(side: str, place: Place) -> None:
    """It enters itself with RQ, looks for jobs, says what becomes of a job, and leaves. For each of these writes a
    symbol is added, and its job waits when the worker begins.
    """
    # The job is sent once, however slow the machine is: no worker then writes less than this one.
    with place.cell(AT_ONCE + 1, job_silence_ms=20_000) as cell, QueueStory(cell) as story:
        worker = story.add("S00")
        found = {each.number: each.commands for each in worker.passed if each.write == "queue" and each.commands}
    numbers = sorted(found)
    if side == AFTER:
        # The last look for a job is broken off when the worker is told to end: nothing comes after it.
        (*_, last) = (number for number in numbers if found[number] == LOOK)
        numbers = [number - (number > last) for number in numbers if number != last]
    assert len(numbers) > 20
    shares = [[f"queue:{side}:{number}" for number in numbers[at::AT_ONCE]] for at in range(AT_ONCE)]

    def add_all(number: int, points: Sequence[str]) -> Outcome:
        with place.cell(number) as cell, QueueStory(cell) as story:
            for at in range(len(shares[0])):
                story.add(f"S{at:02}", points[at] if at < len(points) else None)
            outcome = story.finish()
            assert not what_is_left(cell)
        return outcome

    expected, *outcomes = side_by_side(add_all, [[], *shares])
    for outcome in outcomes:
        assert not differences(expected, outcome)
