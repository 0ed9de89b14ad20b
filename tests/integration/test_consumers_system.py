"""Consumers of the real system: they see the same, nothing before its time, and nothing is missed."""

from __future__ import annotations

import json

import pytest

from playhead import SymbolAdded, Tick
from playhead.errors import UnknownSymbol
from playhead.session import Session
from shared.sources.registry import open_source
from tests.support.story import notifications
from tests.support.system import CLOSE_MS, NOON_MS, System, info_of, play_to_the_end, run_on_at_noon, wait_for
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.transcript import Item

AAPL = [list(bar) for bar in open_source("sample:").get_bars("AAPL", "1m", OPEN_MS, CLOSE_MS)]


def once(transcript: list[Item]) -> list[Item]:
    """Without what was delivered a second time after a crash; that must be what it was the first time."""
    found: dict[str, Item] = {}
    for item in transcript:
        assert found.setdefault(item["entry"], item) == item
    return list(found.values())


def play_with_an_addition(system: System, session: Session) -> None:
    """From the pause at 12:06 to the end, AAPL added at 12:06."""
    run_on_at_noon(session)
    session.add_symbol("AAPL")
    play_to_the_end(session)


def test_three_consumers_in_processes_of_their_own_have_identical_transcripts(system: System) -> None:
    session = system.start("RIVN")
    consumers = [system.consume(session, name) for name in ("first", "second", "third")]
    for consumer in consumers[:2]:
        consumer.wait_until_seen(1)  # the third may come late: it has all the same
    play_with_an_addition(system, session)
    first, second, third = (consumer.ended() for consumer in consumers)
    assert first == second == third
    assert [item["entry"] for item in first] == [entry for entry, _ in notifications(system, system.keys())]
    assert first[-1]["type"] == "session-finished"


def test_no_consumer_sees_a_part_of_a_catch_up(system: System) -> None:
    session = system.start("RIVN")
    consumers = [system.consume(session, name) for name in ("first", "second")]
    play_with_an_addition(system, session)
    for consumer in consumers:
        transcript = consumer.ended()
        at = next(at for at, item in enumerate(transcript) if item["type"] == "symbol-added")
        before, event, after = transcript[:at], transcript[at], transcript[at + 1 :]
        assert all(item["have"].keys() == {"RIVN"} for item in before)
        assert all("AAPL" not in item.get("bars", {}) for item in before)
        assert event["clock_ms"] == NOON_MS
        assert event["caught_up"] == {"AAPL": AAPL[:156]}
        assert [item["bars"]["AAPL"] for item in after if "AAPL" in item.get("bars", {})] == AAPL[156:]
        assert [item["have"]["AAPL"] for item in after if item["type"] == "tick"] == list(range(157, 391))


def test_a_consumer_that_is_killed_and_started_again_misses_nothing(system: System) -> None:
    session = system.start("RIVN", run_until="09:33")
    other, consumer = system.consume(session, "undisturbed"), system.consume(session, "c")
    consumer.wait_until_seen(1)
    session.set_speed(9_000)
    session.run_until("12:06")
    consumer.wait_until_seen(30)
    consumer.kill()
    wait_for(session, "paused")
    run_on_at_noon(session)
    session.add_symbol("AAPL")  # it is dead while the symbol comes
    play_to_the_end(session)
    assert once(system.consume(session, "c").ended()) == other.ended()


def test_a_slow_consumer_reads_as_of_its_own_position_while_the_session_is_at_its_end(system: System) -> None:
    session = system.start("RIVN")
    play_with_an_addition(system, session)
    assert info_of(session).symbols["AAPL"].intervals["1m"].bars == 390
    seen: list[int] = []
    with Session(system.name, system.url) as slow, slow.subscribe("slow") as items:
        for item in items:
            position_ms = item.clock_ms
            assert slow.clock() == position_ms
            rivn = slow.bars("RIVN")
            assert rivn is not None
            assert all(rivn.start_ms + MINUTE_MS <= position_ms)
            if seen or isinstance(item, SymbolAdded):
                assert slow.symbols() == ("AAPL", "RIVN")
                seen.append(len(slow.bars("AAPL") or ()))
            else:
                assert slow.symbols() == ("RIVN",)
                with pytest.raises(UnknownSymbol):
                    slow.bars("AAPL")
            if isinstance(item, Tick):
                assert "AAPL" not in item.symbols or position_ms > NOON_MS
    assert seen == [156, *range(157, 391), 390]


def test_a_consumer_that_comes_after_the_end_is_handed_the_whole_session(system: System) -> None:
    session = system.start("RIVN", run_until=None)
    wait_for(session, "finished")
    transcript = system.consume(session, "late").ended()
    assert [item["entry"] for item in transcript] == [entry for entry, _ in notifications(system, system.keys())]


def test_watch_prints_what_a_consumer_is_handed(system: System) -> None:
    session = system.start("RIVN")
    watching = system.begin_cli("watch", "--from-start", "--json")
    transcript = system.consume(session, "c")
    play_with_an_addition(system, session)
    answer = watching.ended()
    assert answer.code == 0, answer.err
    lines = list(map(json.loads, answer.out.splitlines()))
    assert [(line["type"], line["clock_ms"]) for line in lines] == [
        (item["type"], item["clock_ms"]) for item in transcript.ended()
    ]
