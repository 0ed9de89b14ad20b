"""The description's verification checklist from start to end, as a user goes through it: `up`, the CLI, the logs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from playhead.info import SessionInfo
from tests.e2e.conftest import STORY_SESSION
from tests.e2e.support.docker import Outcome
from tests.e2e.support.stack import LogLine, Stack
from tests.e2e.support.story import NOON_MS, Dump, Story
from tests.support.waiting import wait_until

ANALYSES = ("vwap", "cross")


@dataclass
class Seen:
    """What was seen on the way."""

    before: SessionInfo
    data_before: Outcome
    added: Outcome
    after: SessionInfo
    listed: Outcome
    data_after: Outcome
    log: list[LogLine]
    analyses: dict[str, list[str]] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    ended: Dump = field(default_factory=dict)
    like_from_the_open: Dump = field(default_factory=dict)

    @property
    def receipt(self) -> dict[str, Any]:
        found: dict[str, Any] = self.added.json["results"]["AAPL"]
        return found


@pytest.fixture(scope="module")
def seen(stack: Stack) -> Iterator[Seen]:
    """RIVN runs, the clock reads 12:06, AAPL is added, and the day is played to its end."""
    with Story(stack, STORY_SESSION) as story:
        story.wait_for("paused")
        for name in ANALYSES:
            wait_until(stack.container(name).is_healthy, 60, f"{name} to be healthy")
        # So slow that the clock reads 12:06 for another minute.
        story.cli("session", "speed", "1")
        story.cli("session", "resume")
        found = Seen(
            before=story.info(),
            data_before=stack.cli("data", "session"),
            added=stack.cli("data", "add-symbol", "AAPL", "--json"),
            after=story.info(),
            listed=stack.cli("data", "list-dynamic"),
            data_after=stack.cli("data", "session"),
            log=[line for line in stack.logs() if line.fields.get("session") == STORY_SESSION],
        )
        story.cli("session", "speed", "max")
        story.wait_for("finished")
        for name in ANALYSES:
            container = stack.container(name)
            wait_until(lambda each=container: not each.state()["Running"], 60, f"{name} to end")  # type: ignore[misc]
            found.codes.append(container.state()["ExitCode"])
            found.analyses[name] = stack.compose(f"logs --no-color {name}").splitlines()
        story.start("RIVN", "AAPL", name=f"{STORY_SESSION}-open", run_until=None)
        story.wait_for("finished", f"{STORY_SESSION}-open")
        found.ended, found.like_from_the_open = story.dump(), story.dump(f"{STORY_SESSION}-open")
        yield found


def test_before_the_addition_the_session_runs_at_12_06_and_only_rivn_has_bars(seen: Seen) -> None:
    assert seen.before.status == "running"
    assert seen.before.clock_ms == NOON_MS
    assert set(seen.before.symbols) == {"RIVN"}
    assert "AAPL" not in seen.data_before.out


def test_during_the_addition_the_logs_say_each_step_word_for_word(seen: Seen) -> None:
    loaded, dropped = seen.receipt["loaded"], seen.receipt["dropped"]["pre-market"]
    assert [line.text for line in seen.log if line.text.startswith("[DYNAMIC]")] == [
        "[DYNAMIC] Pausing streaming",
        "[DYNAMIC] Deactivating session for catchup",
        "[DYNAMIC] Processing addition: AAPL",
        "[DYNAMIC] Populating queues for AAPL",
        f"[DYNAMIC] Loaded {loaded} bars for AAPL 1m",
        f"[DYNAMIC] Populated queue for AAPL 1m with {loaded} bars",
        "[DYNAMIC] Catching up AAPL to current time",
        "[DYNAMIC] Current backtest time: 12:06:00",
        "[DYNAMIC] Trading hours: 09:30:00 - 16:00:00",
        f"[DYNAMIC] Catchup complete: 156 bars processed, {dropped} bars dropped",
        "[DYNAMIC] Reactivating session after catchup",
        "[DYNAMIC] Resuming streaming",
    ]


def test_after_the_addition_the_clock_still_reads_12_06(seen: Seen) -> None:
    assert seen.after.clock_ms == NOON_MS
    assert seen.receipt["clock_ms"] == NOON_MS
    assert seen.after.status == "running"
    assert seen.after.holds == ()


def test_after_the_addition_the_symbol_has_bars_from_09_30_to_12_06(seen: Seen) -> None:
    assert seen.receipt["written"] == 156
    assert seen.receipt["queued"] == 234


def test_the_symbol_shows_in_list_dynamic(seen: Seen) -> None:
    assert [line.split() for line in seen.listed.out.splitlines()] == [["SYMBOL", "ADDED"], ["AAPL", "12:06"]]


def test_data_session_shows_the_block_of_the_description(seen: Seen) -> None:
    assert "\nAAPL\n  1m Bars: 156 bars\n  Start: 09:30\n  Last: 12:06\n  Span: 156min\n" in seen.data_after.out


def test_the_analyses_see_the_whole_history_at_once_and_end_with_the_session(seen: Seen) -> None:
    assert seen.codes == [0, 0]
    for lines in seen.analyses.values():
        assert sum("AAPL: 0 bars before, 156 at once" in line for line in lines) == 1
        assert lines[-1].endswith("session-finished")


def test_in_the_end_all_is_as_if_the_symbol_had_been_there_from_the_open(seen: Seen) -> None:
    assert len(seen.ended["AAPL"]) == 390
    assert seen.ended == seen.like_from_the_open
