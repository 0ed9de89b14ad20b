"""The day that the tests of failures play: RIVN runs, AAPL is added at 12:06, the day goes on to its end.

Something may be done to the containers in the middle of the addition or of the streaming after it. What a consumer has
written down and the session data in the end must be those of a day on which nothing happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.e2e.support.docker import Container
from tests.e2e.support.story import NOON_MS, TIMEOUT_S, Dump, Story
from tests.support.tape import MINUTE_MS
from tests.support.transcript import Item
from tests.support.waiting import wait_until

PACE: Final = "3600"
"""Market seconds a wall second: the 234 minutes after the addition take four seconds."""
MIDDLE_MS: Final = NOON_MS + 40 * MINUTE_MS
GATE: Final = "add"


class Moment(Enum):
    """When something happens."""

    ADDITION = "in the middle of an addition"
    STREAMING = "in the middle of streaming"
    NEVER = "never"


@dataclass(frozen=True)
class Day:
    """What was left of it."""

    transcript: list[Item]
    data: Dump


def play(story: Story, moment: Moment, disturb: Callable[[Container], object]) -> Day:
    """Plays the day. `disturb` is given the container of the consumer that writes down what it sees."""
    story.start("RIVN")
    consumer = story.consume("recorder")
    wait_until(lambda: len(story.transcript("recorder")) >= 150, TIMEOUT_S, "the consumer to read")
    if moment is not Moment.ADDITION:
        story.open(GATE)
    story.cli("data", "add-symbol", "AAPL", "--source", story.gated(GATE), "--no-wait")
    story.wait_at(GATE)
    if moment is Moment.ADDITION:
        assert not story.info().active
        disturb(consumer)
        story.open(GATE)
    story.wait_added("AAPL")
    story.cli("session", "speed", PACE)
    story.cli("session", "resume")
    if moment is Moment.STREAMING:
        story.wait_clock(MIDDLE_MS)
        assert story.info().status == "running"
        disturb(consumer)
    story.wait_for("finished")
    story.wait_ended(consumer)
    return Day(story.transcript("recorder"), story.dump())


def nothing(consumer: Container) -> None:
    """Nothing happens."""
