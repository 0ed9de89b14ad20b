"""Consumers in containers and one outside: all see the same, and nobody sees a part of a catch-up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tests.e2e.support.addition import GATE, MIDDLE_MS, PACE
from tests.e2e.support.images import REPOSITORY
from tests.e2e.support.stack import Stack
from tests.e2e.support.story import NOON_MS, TIMEOUT_S, Story
from tests.support.transcript import Item
from tests.support.waiting import wait_until

INSIDE = ("first", "second", "third")
OUTSIDE = "outside"


@contextmanager
def outside(story: Story) -> Iterator[subprocess.Popen[bytes]]:
    """A recorder in a process of this machine, on the published port."""
    command = [sys.executable, "-m", "tests.e2e.support.recorder", story.name, OUTSIDE]
    environment = os.environ | {"PLAYHEAD_REDIS_URL": story.stack.url}
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def transcripts(stack: Stack) -> Iterator[dict[str, list[Item]]]:
    """Of a day on which AAPL is added at 12:06. The third consumer is stopped before that, and started in the middle of
    the afternoon.
    """
    with Story(stack, "e2e-consumers") as story:
        story.start("RIVN")
        with outside(story) as process:
            containers = [story.consume(name) for name in INSIDE]
            for name in (*INSIDE, OUTSIDE):
                wait_until(lambda each=name: len(story.transcript(each)) > 150, TIMEOUT_S, f"{name} to read")  # type: ignore[misc]
            third = containers[-1]
            third.stop()
            assert third.state()["ExitCode"] == 0
            story.cli("data", "add-symbol", "AAPL", "--source", story.gated(GATE), "--no-wait")
            story.wait_at(GATE)
            story.open(GATE)
            story.wait_added("AAPL")
            story.cli("session", "speed", PACE)
            story.cli("session", "resume")
            story.wait_clock(MIDDLE_MS)
            third.start()
            story.wait_for("finished")
            story.wait_ended(*containers)
            assert process.wait(TIMEOUT_S) == 0
        yield {name: story.transcript(name) for name in (*INSIDE, OUTSIDE)}


def test_all_consumers_have_identical_transcripts(transcripts: dict[str, list[Item]]) -> None:
    first = transcripts["first"]
    assert len(first) > 385
    assert all(transcript == first for transcript in transcripts.values())


def test_the_consumer_that_was_stopped_and_started_missed_nothing(transcripts: dict[str, list[Item]]) -> None:
    assert transcripts["third"] == transcripts["first"]
    entries = [tuple(map(int, item["entry"].split("-"))) for item in transcripts["third"]]
    assert all(before < after for before, after in pairwise(entries))


def test_nobody_sees_a_part_of_the_catch_up(transcripts: dict[str, list[Item]]) -> None:
    for transcript in transcripts.values():
        at = next(at for at, item in enumerate(transcript) if item["type"] == "symbol-added")
        assert transcript[at]["clock_ms"] == NOON_MS
        assert all("AAPL" not in item["have"] for item in transcript[:at])
        assert [item["have"]["AAPL"] for item in transcript[at:-1]] == list(range(156, 391))
