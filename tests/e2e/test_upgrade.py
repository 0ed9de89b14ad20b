"""Each role is replaced by a new container while a session runs, as `docs/deploy.md` says."""

from __future__ import annotations

from tests.e2e.support.addition import Day, Moment, play
from tests.e2e.support.docker import Container
from tests.e2e.support.story import Story

ROLES = ("coordinator-standby", "coordinator", "producer", "worker")
SLOW = 200
"""Market seconds a wall second: the session outlasts the replacing."""


def test_roles_are_replaced_one_after_the_other_and_the_session_goes_on(story: Story, undisturbed: Day) -> None:
    def replace(_: Container) -> None:
        with story.opened() as session:
            session.set_speed(SLOW)
        for role in ROLES:
            before = {container.id for container in story.stack.containers(role)}
            scale = f"--scale worker={len(before)}" if role == "worker" else ""
            story.stack.compose(f"up --detach --no-build --no-deps --force-recreate {scale} {role}")
            story.stack.wait_healthy(role)
            assert before.isdisjoint({container.id for container in story.stack.containers(role)})
        assert story.info().status == "running"
        story.cli("session", "speed", "max")

    assert play(story, Moment.STREAMING, replace) == undisturbed
