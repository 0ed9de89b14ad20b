"""Bad input through the CLI's container: one clear line, an exit code, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.support.stack import Stack
from tests.e2e.support.story import Story
from tests.support.dump import dump, lasting

CASES = [
    ("data add-symbol AAPL!", 1, "AAPL!"),
    ("data add-symbol RIVN", 1, "RIVN"),
    ("data add-symbol ../etc/passwd", 1, "../etc/passwd"),
    ("data add-symbol AAPL --source csv:/data/none", 1, "/data/none"),
    ("data add-symbol AAPL --source nonsense", 1, "nonsense"),
    ("data add-symbol AAPL --calendar XNOWHERE", 1, "XNOWHERE"),
    ("data add-symbol", 2, "SYMBOL"),
    ("data bars MSFT", 1, "MSFT"),
    ("session run-until 25:99", 1, "25:99"),
    ("session step 0", 2, "Usage: playhead session step"),
    ("session speed backwards", 1, "backwards"),
    ("session explode", 2, "explode"),
]


@pytest.fixture(scope="module")
def paused(stack: Stack) -> Iterator[Story]:
    """One session for all of them: none may change it."""
    with Story(stack, "e2e-bad-input") as story:
        story.start("RIVN")
        yield story


@pytest.mark.parametrize(("line", "code", "named"), CASES, ids=[line for line, _, _ in CASES])
def test_a_bad_command_is_refused_in_one_line_and_changes_nothing(
    paused: Story, line: str, code: int, named: str
) -> None:
    before = contents(paused)
    outcome = paused.stack.cli(*line.split(), "--session", paused.name)
    assert outcome.code == code
    said = [text for text in outcome.err.splitlines() if "error" in text.lower()] if code == 1 else [outcome.err]
    assert len(said) == 1
    assert named in said[0]
    assert "Traceback" not in outcome.out + outcome.err
    assert contents(paused) == before


def test_a_session_that_is_not_there_is_named_with_those_that_are(paused: Story) -> None:
    outcome = paused.stack.cli("data", "add-symbol", "AAPL", "--session", "nowhere")
    assert outcome.code == 1
    assert "nowhere" in outcome.err
    assert paused.name in outcome.err


def test_a_session_of_a_name_that_is_taken_is_not_started_again(paused: Story) -> None:
    before = contents(paused)
    options = ["--id", paused.name, "--symbols", "MSFT", "--date", "2025-07-02"]
    assert paused.stack.cli("session", "start", *options).code == 1
    assert paused.stack.cli("session", "start", *options, "--if-missing").code == 0
    assert contents(paused) == before


def contents(story: Story) -> dict[str, Any]:
    """What the session has, without the traces of answered commands."""
    assert dump(story.client, story.keys)
    return lasting(story.client, story.keys)
