"""Seeded simulations of the whole system in one thread, and the proof that they can fail. `make model` plays more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from coordinator import store
from playhead.scripts import Script
from shared.hours import Hours
from shared.ticks import Closing
from tests.faults.model import world
from tests.faults.model.run import run
from workers import catchup
from workers.staging import Task

SEEDS: Final = int(os.environ.get("PLAYHEAD_MODEL_SEEDS", "500"))
PARTS: Final = 10
ENOUGH: Final = 300
"""Seeds in which every planted fault is found."""
ROOT: Final = Path(__file__).parents[2]
DIGEST: Final = """
import hashlib, sys
from tests.faults.model.run import run
steps = [str(step) for seed in range(5) for step in run(seed, traced=True).trace]
print(len(steps), hashlib.sha256("\\n".join(steps).encode()).hexdigest())
"""
Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("part", range(PARTS))
def test_what_must_always_hold_holds_whatever_happens_in_whatever_order(part: int) -> None:
    failed = [result for result in map(run, range(part, SEEDS, PARTS)) if result.failed]
    assert not failed, run(failed[0].seed, traced=True).report()


def test_a_seed_is_the_same_run_in_every_process() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(told) == 1, told


def in_script(name: str, right: str, wrong: str) -> Plant:
    """A fault in one script of the coordinator."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        of = f"_{name.upper()}"
        planted = Script("shared", name, "common")
        text = planted._text
        assert right in text
        monkeypatch.setattr(planted, "_text", text.replace(right, wrong))
        monkeypatch.setattr(planted, "_digest", f"{name}, planted")
        monkeypatch.setattr(store, of, planted)
        monkeypatch.setitem(world.NAMES, planted._text.encode(), name)

    return plant


def off_by_one_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catch-up that leaves out the bar which has just closed."""
    split = catchup._split

    def early(bars: Iterable[Closing], hours: Hours, task: Task) -> object:
        return split(bars, hours, replace(task, clock_ms=task.clock_ms - 1))

    monkeypatch.setattr(catchup, "_split", early)


PLANTED: Final[dict[str, tuple[Plant, str]]] = {
    "the clock moves under a hold": (in_script("advance", "redis.call('SCARD', holds) > 0", "false"), "1 clock"),
    "resume releases every hold": (
        in_script("answer", "redis.call('SREM', KEYS[2], ARGV[6])", "redis.call('DEL', KEYS[2])"),
        "1 holds",
    ),
    "a catch-up is off by one at the clock": (off_by_one_at_the_clock, "5 equivalence"),
}


@pytest.mark.parametrize(("plant", "invariant"), PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_is_found(plant: Plant, invariant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    found = next((result.failure for result in map(run, range(ENOUGH)) if result.failed), "nothing")
    assert found.startswith(invariant)
