"""Signs of progress, in this process and in files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import health
from shared.health import FRESH_S, Progress, stale, stale_here

OLD_S = FRESH_S + 2


@pytest.fixture(autouse=True)
def no_signs() -> Iterator[None]:
    """What this process has reported elsewhere does not count here."""
    before = health._signs.copy()
    health._signs.clear()
    yield
    health._signs.clear()
    health._signs.update(before)


def later() -> float:
    return time.monotonic() + OLD_S


def test_a_process_that_has_begun_nothing_is_not_well(tmp_path: Path) -> None:
    assert stale_here(time.monotonic()) == ["nothing has been begun"]
    assert stale(tmp_path / "absent", time.time()) == ["nothing has been begun"]


def test_a_part_that_stands_still_is_named_here_and_by_its_file(tmp_path: Path) -> None:
    progress = Progress(str(tmp_path))
    progress.begun("demo")
    progress.made("looking")
    assert stale_here(time.monotonic()) == stale(tmp_path, time.time()) == []
    both = ["demo has made no progress for 12 s", "looking has made no progress for 12 s"]
    assert stale_here(later()) == both
    assert stale(tmp_path, time.time() + OLD_S) == both


def test_a_part_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    progress = Progress(str(tmp_path))
    progress.made("looking")
    progress.begun("demo")
    progress.ended("demo")
    assert stale_here(later()) == ["looking has made no progress for 12 s"]
    assert [each.name for each in tmp_path.iterdir()] == ["looking"]


def test_one_that_begins_again_without_progress_has_no_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(str(tmp_path))
    progress.begun("demo")
    os.utime(tmp_path / "demo", (time.time() - OLD_S, time.time() - OLD_S))
    monkeypatch.setitem(health._signs, "demo", time.monotonic() - OLD_S)
    progress.begun("demo")
    assert len(stale_here(time.monotonic())) == len(stale(tmp_path, time.time())) == 1
    monkeypatch.setattr(health, "BEAT_S", 0.0)
    progress.made("demo")
    assert stale_here(time.monotonic()) == stale(tmp_path, time.time()) == []


def test_without_a_directory_the_process_itself_still_knows() -> None:
    Progress(None).made("working")
    assert stale_here(time.monotonic()) == []
