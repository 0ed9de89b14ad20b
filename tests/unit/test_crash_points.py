"""Crash points: where a process dies that is told to, and that nothing is paid or done elsewhere."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from playhead import crash_points
from playhead.crash_points import AFTER, BEFORE, VARIABLE, Write

PROGRAM = """
from playhead.crash_points import Write
for number in (1, 2):
    for name in ("first", "second"):
        with Write(name):
            print(name, number, flush=True)
"""


def printed(point: str) -> tuple[str, int]:
    """What a process had printed when it died at a point, and its exit code."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={VARIABLE: point}, capture_output=True, text=True, check=False
    )
    return ended.stdout.replace("\n", " ").strip(), ended.returncode


@pytest.mark.parametrize(
    ("point", "before_it_died"),
    [
        ("first:before", ""),
        ("first:after", "first 1"),
        ("second:before:1", "first 1"),
        ("first:before:2", "first 1 second 1"),
        ("second:after:2", "first 1 second 1 first 2 second 2"),
    ],
)
def test_a_process_dies_at_its_point_as_if_it_were_killed(point: str, before_it_died: str) -> None:
    assert printed(point) == (before_it_died, -signal.SIGKILL)


@pytest.mark.parametrize("point", ["first:before:3", "other:after"])
def test_a_process_that_does_not_pass_its_point_ends_well(point: str) -> None:
    assert printed(point) == ("first 1 second 1 first 2 second 2", 0)


def test_a_test_may_raise_at_a_point_in_place_of_dying(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[tuple[str, str]] = []

    def reached(write: str, side: str) -> None:
        passed.append((write, side))
        if side == BEFORE and len(passed) > 2:
            raise InterruptedError

    monkeypatch.setattr(crash_points, "reached", reached)
    write = Write("first")
    with write:
        pass
    with pytest.raises(InterruptedError), write:
        raise AssertionError("the block is not entered")
    assert passed == [("first", BEFORE), ("first", AFTER), ("first", BEFORE)]


def test_a_write_that_failed_does_not_pass_the_point_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    monkeypatch.setattr(crash_points, "reached", lambda write, side: passed.append(side))
    with pytest.raises(ConnectionError), Write("first"):
        raise ConnectionError
    assert passed == [BEFORE]
