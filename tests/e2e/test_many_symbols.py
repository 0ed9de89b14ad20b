"""Twenty symbols at once, four workers: one pause."""

from __future__ import annotations

from shared.sources.registry import open_source
from tests.e2e.support.story import NOON_MS, TIMEOUT_S, Story
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.waiting import wait_until

SYMBOLS = [f"SYM{number:02}" for number in range(20)]
GATE = "many"
CLOSE_MS = OPEN_MS + 390 * MINUTE_MS


def test_four_workers_add_twenty_symbols_in_one_pause(story: Story) -> None:
    story.start("RIVN")
    consumer = story.consume("recorder")

    story.cli("data", "add-symbol", *SYMBOLS, "--source", story.gated(GATE), "--no-wait")
    # Twenty symbols are three jobs: three workers are in the middle of one before any is done.
    wait_until(lambda: len(busy(story)) == 3, TIMEOUT_S, "three workers to begin")
    assert not story.info().active
    assert set(story.info().symbols) == {"RIVN"}
    story.open(GATE)
    story.wait_added(*SYMBOLS)
    assert story.info().clock_ms == NOON_MS

    said = [line.text for line in story.stack.logs() if line.fields.get("session") == story.name]
    assert said.count("[DYNAMIC] Pausing streaming") == 1
    assert said.count("[DYNAMIC] Resuming streaming") == 1
    assert sum(text.startswith("[DYNAMIC] Catchup complete:") for text in said) == 20

    story.cli("session", "resume")
    story.wait_for("finished")
    story.wait_ended(consumer)
    transcript = story.transcript("recorder")
    (event,) = (item for item in transcript if item["type"] == "symbol-added")
    assert event["have"] == {"RIVN": event["have"]["RIVN"]} | recorded(NOON_MS)
    before = transcript[: transcript.index(event)]
    assert all(set(item["have"]) == {"RIVN"} for item in before)
    data = story.dump()
    assert {symbol: len(data[symbol]) for symbol in SYMBOLS} == recorded(CLOSE_MS)


def recorded(end_ms: int) -> dict[str, int]:
    """How many bars the source has of each symbol from the open on. Of some a minute is missing now and then."""
    source = open_source("sample:")
    return {symbol: len(source.get_bars(symbol, "1m", OPEN_MS, end_ms)) for symbol in SYMBOLS}


def busy(story: Story) -> set[str]:
    """The workers that have begun to load symbols of this session."""
    lines = story.stack.logs("worker")
    return {
        line.container
        for line in lines
        if line.fields.get("session") == story.name and line.text.startswith("[DYNAMIC] Populating queues")
    }
