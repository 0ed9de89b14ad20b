"""SIGTERM and health: each role ends within five seconds in an orderly way, and one that stands still is unhealthy."""

from __future__ import annotations

import time

import pytest

from tests.e2e.support.docker import Container
from tests.e2e.support.story import DAY, TIMEOUT_S, Story
from tests.support.waiting import wait_until

STOP_S = 5.0
GATE = "stop"


def stop(container: Container) -> None:
    """SIGTERM; the container has to end well, and in time."""
    begun_s = time.monotonic()
    container.stop(timeout_s=30)
    took_s = time.monotonic() - begun_s
    assert took_s < STOP_S
    assert container.state()["ExitCode"] == 0


@pytest.mark.parametrize("role", ["producer", "coordinator", "coordinator-standby", "worker"])
def test_a_role_ends_well_within_five_seconds(story: Story, role: str) -> None:
    container = story.stack.containers(role)[0]
    stop(container)
    container.start()
    story.stack.wait_healthy(role)


def test_a_worker_in_the_middle_of_a_job_gives_it_back(story: Story) -> None:
    story.start("RIVN")
    story.cli("data", "add-symbol", "AAPL", "--source", story.gated(GATE), "--no-wait")
    story.wait_at(GATE)
    attempt = story.client.hget(story.keys.operation, "attempt:0")
    worker = story.stack.serving("worker", story.name)
    stop(worker)
    wait_until(lambda: story.client.hget(story.keys.operation, "attempt:0") != attempt, 10, "another attempt")
    story.open(GATE)
    story.wait_added("AAPL")
    worker.start()
    story.stack.wait_healthy("worker")


def test_a_producer_whose_source_hangs_ends_all_the_same(story: Story) -> None:
    options = ["--id", story.name, "--symbols", "RIVN", "--date", DAY, "--source", "hangs:", "--no-wait"]
    story.cli("session", "start", *options, session=False)
    producer = story.stack.container("producer")
    wait_until(lambda: f"session={story.name}" in producer.log(), TIMEOUT_S, "the producer to serve it")
    wait_until(lambda: story.client.hget(story.keys.windows, "through_ms"), TIMEOUT_S, "the first window to be read")
    stop(producer)
    producer.start()
    story.stack.wait_healthy("producer")


@pytest.mark.parametrize("role", ["producer", "coordinator", "worker", "dashboard"])
def test_a_role_that_stands_still_is_unhealthy(story: Story, role: str) -> None:
    container = story.stack.containers(role)[0]
    assert container.check() == 0
    container.signal_inside("SIGSTOP")
    try:
        wait_until(lambda: container.check() != 0, 30, f"the {role} to be unhealthy")
    finally:
        container.signal_inside("SIGCONT")
    wait_until(lambda: container.check() == 0, 30, f"the {role} to be healthy again")
    story.stack.wait_healthy(role)
