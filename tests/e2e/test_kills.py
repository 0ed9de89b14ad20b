"""SIGKILL to each role and to Redis: the restart policy brings it back, and the day ends like any other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.support.addition import Day, Moment, play
from tests.e2e.support.docker import Container
from tests.e2e.support.stack import Stack
from tests.e2e.support.story import Story
from tests.support.waiting import wait_until

BACK_S = 60.0
MOMENTS = pytest.mark.parametrize("moment", [Moment.ADDITION, Moment.STREAMING], ids=lambda moment: moment.value)


def kill(container: Container) -> None:
    """Kills it, and waits until it has been started again."""
    before = container.starts()
    container.kill()
    wait_until(lambda: container.starts() > before and container.state()["Running"], BACK_S, "it to be started again")


@MOMENTS
@pytest.mark.parametrize("role", ["producer", "coordinator", "worker"])
def test_a_role_that_is_killed_comes_back_and_changes_nothing(
    story: Story, undisturbed: Day, role: str, moment: Moment
) -> None:
    day = play(story, moment, lambda _: kill(story.stack.serving(role, story.name)))
    assert day == undisturbed
    story.stack.wait_healthy()


@MOMENTS
def test_a_consumer_that_is_killed_comes_back_and_has_everything_once(
    story: Story, undisturbed: Day, moment: Moment
) -> None:
    assert play(story, moment, kill) == undisturbed


@MOMENTS
def test_redis_that_is_killed_comes_back_with_everything(
    new_stack: Callable[[], Stack], undisturbed: Day, moment: Moment
) -> None:
    stack = new_stack()
    stack.up("redis", "producer", "coordinator", "coordinator-standby", "worker")
    with Story(stack, "e2e-redis") as story:
        day = play(story, moment, lambda _: kill(stack.container("redis")))
        assert day == undisturbed
        stack.wait_healthy()
