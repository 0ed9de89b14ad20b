"""A container that is off the network for some seconds: others go on, and the day ends like any other."""

from __future__ import annotations

import pytest

from tests.e2e.support.addition import Day, Moment, play
from tests.e2e.support.docker import Container
from tests.e2e.support.story import Story
from tests.support.waiting import wait_until

NOTICED_S = 30.0
DEAD_MS = 3_000


def test_a_worker_that_is_cut_off_loses_its_job_to_another_one(story: Story, undisturbed: Day) -> None:
    def cut(_: Container) -> None:
        worker = story.stack.serving("worker", story.name)
        attempt = story.client.hget(story.keys.operation, "attempt:0")
        worker.disconnect(story.stack.network)
        wait_until(
            lambda: story.client.hget(story.keys.operation, "attempt:0") != attempt, NOTICED_S, "another attempt"
        )
        worker.connect(story.stack.network)

    assert play(story, Moment.ADDITION, cut) == undisturbed
    story.stack.wait_healthy("worker")


@pytest.mark.parametrize("moment", [Moment.ADDITION, Moment.STREAMING], ids=lambda moment: moment.value)
def test_a_coordinator_that_is_cut_off_is_relieved_by_the_standby(
    story: Story, undisturbed: Day, moment: Moment
) -> None:
    def cut(_: Container) -> None:
        coordinator = story.stack.serving("coordinator", story.name)
        token = story.client.hget(story.keys.state, "coordinator_token")
        coordinator.disconnect(story.stack.network)
        wait_until(lambda: story.client.hget(story.keys.state, "coordinator_token") != token, NOTICED_S, "the standby")
        coordinator.connect(story.stack.network)

    assert play(story, moment, cut) == undisturbed
    story.stack.wait_healthy("coordinator", "coordinator-standby")


@pytest.mark.parametrize("moment", [Moment.ADDITION, Moment.STREAMING], ids=lambda moment: moment.value)
def test_a_consumer_that_is_cut_off_goes_on_where_it_was(story: Story, undisturbed: Day, moment: Moment) -> None:
    def cut(consumer: Container) -> None:
        consumer.disconnect(story.stack.network)
        wait_until(lambda: silence_ms(story) > DEAD_MS, NOTICED_S, "the consumer to count as dead")
        consumer.connect(story.stack.network)

    assert play(story, moment, cut) == undisturbed


def silence_ms(story: Story) -> int:
    """How long the consumer has shown no life."""
    seconds, microseconds = story.client.time()
    now_ms = int(seconds) * 1000 + int(microseconds) // 1000
    return now_ms - int(story.client.hget(story.keys.consumers, "recorder") or 0)
