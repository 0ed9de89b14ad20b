"""The user's description of adding a symbol, point by point, on the real system: steps, invariants, checklist."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import pytest

from shared.sources.registry import open_source
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.story import Entry, Story, from_the_open, notifications, play, read
from tests.support.system import CLOSE_MS, NOON_MS, System
from tests.support.tape import DAY, MINUTE_MS, OPEN_MS

MIDNIGHT_MS = OPEN_MS - 570 * MINUTE_MS  # in New York


@pytest.fixture(scope="module")
def system(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with own_sessions(services.url, __name__) as name:
        services.wait_ready()
        with closing(System(services, name, tmp_path_factory.mktemp("story"))) as system:
            yield system
        services.heal()


@pytest.fixture(scope="module")
def story(system: System) -> Story:
    """AAPL is added to RIVN at 12:06 on 2025-07-02."""
    return play(system)


def recorded(first_ms: int, end_ms: int) -> list[tuple[float, ...]]:
    """What the source has of AAPL."""
    return [tuple(bar) for bar in open_source("sample:").get_bars("AAPL", "1m", first_ms, end_ms)]


def test_step_1_pauses_streaming_and_freezes_the_clock_under_a_hold_of_its_own(story: Story) -> None:
    assert story.before.info.holds == ()
    assert story.before.info.status == "running"
    assert story.begun.info.holds == (f"add:{story.answer.json['command']}",)
    assert story.begun.info.status == "paused"
    assert story.begun.clock_ms == NOON_MS


def test_step_2_deactivates_the_session_so_that_reads_answer_none_and_no_notification_goes_out(story: Story) -> None:
    assert story.before.symbols == ("RIVN",)
    assert story.before.rivn is not None
    for during in (story.begun, story.staged):
        assert not during.info.active
        assert during.symbols is None
        assert during.rivn is None
        assert all(not of.intervals for of in during.info.symbols.values())
        assert during.notified == story.before.notified


def test_step_3_registers_the_symbol_where_nobody_sees_it(story: Story) -> None:
    assert '"symbol":"AAPL"' in story.begun.operation["request"]
    assert story.begun.operation["clock_ms"] == str(NOON_MS)
    for during in (story.begun, story.staged):
        assert set(during.info.symbols) == {"RIVN"}
        assert during.lasting == story.before.lasting
        assert not during.passing


def test_step_4_loads_all_bars_of_the_date_from_midnight_to_midnight(story: Story) -> None:
    whole_day = recorded(MIDNIGHT_MS, MIDNIGHT_MS + 24 * 60 * MINUTE_MS)
    assert story.receipt["loaded"] == len(whole_day)
    assert whole_day[0][0] < OPEN_MS
    assert whole_day[-1][0] >= CLOSE_MS
    assert any(key.endswith(":feed") for key in story.staged.staged)


def test_step_5_catches_up_from_the_open_to_the_clock_and_stops_there(story: Story) -> None:
    caught_up = [item["caught_up"]["AAPL"] for item in story.transcripts[0] if "caught_up" in item]
    assert [[tuple(bar) for bar in bars] for bars in caught_up] == [recorded(OPEN_MS, NOON_MS)]
    assert story.receipt["written"] == 156
    assert story.receipt["queued"] == 234


def test_step_6_marks_the_symbol_as_dynamic(story: Story) -> None:
    assert story.listed.json == [{"symbol": "AAPL", "added_ms": NOON_MS}]
    assert story.after.info.symbols["AAPL"].record.dynamic
    assert not story.after.info.symbols["RIVN"].record.dynamic


def test_step_7_reactivates_the_session_with_the_full_history_at_once(story: Story) -> None:
    assert story.after.info.active
    assert story.after.symbols == ("AAPL", "RIVN")
    bars = story.after.info.symbols["AAPL"].intervals["1m"]
    assert (bars.bars, bars.start_ms, bars.last_ms, bars.span_min) == (156, OPEN_MS, NOON_MS, 156)
    events = [item for item in story.transcripts[0] if item["type"] == "symbol-added"]
    assert [event["entry"] for event in events] == [f"{NOON_MS}-1"]


def test_step_8_resumes_streaming_with_the_bar_of_12_06_from_the_queue(story: Story) -> None:
    assert story.after.info.status == "running"
    assert story.after.info.holds == ()
    transcript = story.transcripts[0]
    at = next(at for at, item in enumerate(transcript) if item["type"] == "symbol-added")
    following = next(item for item in transcript[at:] if "AAPL" in item.get("bars", {}))
    assert following["clock_ms"] == NOON_MS + MINUTE_MS
    assert following["bars"]["AAPL"][0] == NOON_MS


def test_invariant_clock_never_advances_during_catchup(story: Story) -> None:
    assert story.clocks_ms == [NOON_MS] * 4
    assert story.receipt["clock_ms"] == NOON_MS


def test_invariant_consumers_see_no_intermediate_data(story: Story) -> None:
    for transcript in story.transcripts:
        at = next(at for at, item in enumerate(transcript) if item["type"] == "symbol-added")
        assert all("AAPL" not in item["have"] for item in transcript[:at])
        assert transcript[at]["have"]["AAPL"] == 156
        assert all("AAPL" in item["have"] for item in transcript[at:])
    assert [moment.followed for moment in (story.before, story.begun, story.staged)] == [("RIVN",)] * 3


def test_invariant_what_is_staged_is_invisible_and_goes_away_by_itself(story: Story) -> None:
    assert len(story.staged.staged) >= 3
    assert all(0 < left_ms <= 600_000 for left_ms in story.staged.staged.values())
    assert not story.after.staged
    new = {key.rpartition("}:")[2] for key in story.after.lasting - story.before.lasting}
    (feed,) = (key for key in new if key.startswith("feed:add-"))
    assert new == {f"bars:AAPL:1m:{DAY}", feed}
    assert not story.after.passing  # what became live loses its lifetime


def test_invariant_only_regular_trading_hours(story: Story) -> None:
    assert [tuple(bar) for bar in story.ended["AAPL"]] == recorded(OPEN_MS, CLOSE_MS)
    assert story.receipt["dropped"] == {
        "pre-market": len(recorded(MIDNIGHT_MS, OPEN_MS)),
        "post-market": len(recorded(CLOSE_MS, MIDNIGHT_MS + 24 * 60 * MINUTE_MS)),
        "break": 0,
    }


def test_invariant_chronological_order_is_maintained(story: Story) -> None:
    for bars in story.ended.values():
        starts = [bar.start_ms for bar in bars]
        assert all(first < second for first, second in pairwise(starts))
    for transcript in story.transcripts:
        for symbol in ("AAPL", "RIVN"):
            starts = [item["bars"][symbol][0] for item in transcript if symbol in item.get("bars", {})]
            assert all(first < second for first, second in pairwise(starts))
        places = [tuple(map(int, item["entry"].split("-"))) for item in transcript]
        assert all(first < second for first, second in pairwise(places))


def test_checklist_before_the_addition_only_the_first_symbol_has_bars(story: Story) -> None:
    assert story.before.clock_ms == NOON_MS
    assert set(story.before.info.symbols) == {"RIVN"}
    assert {key.rpartition("}:")[2] for key in story.before.lasting} == {f"bars:RIVN:1m:{DAY}", "feed:main"}


def test_checklist_during_the_addition_the_log_says_each_step_word_for_word(story: Story) -> None:
    loaded, dropped = story.receipt["loaded"], story.receipt["dropped"]["pre-market"]
    assert [line.text for line in story.log] == [
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
    fields = {"session": story.before.info.name, "command": story.answer.json["command"]}
    assert all(line.fields == fields for line in story.log)


def test_checklist_after_the_addition_the_clock_has_not_advanced_and_the_history_is_full(story: Story) -> None:
    assert story.after.clock_ms == NOON_MS
    assert story.listed.code == 0
    assert story.answer.code == 0


def test_checklist_expected_output_is_the_block_of_the_description(story: Story) -> None:
    block = "\nAAPL\n  1m Bars: 156 bars\n  Start: 09:30\n  Last: 12:06\n  Span: 156min\n"
    assert block in story.summary.out


def test_afterwards_all_is_as_if_the_symbol_had_been_there_from_the_open(story: Story, system: System) -> None:
    other = from_the_open(system, "AAPL", "RIVN")
    assert {symbol: read(other, symbol) for symbol in ("AAPL", "RIVN")} == story.ended
    entries = notifications(system, system.keys(other.name))
    assert after_noon(entries) == after_noon(story.entries)
    assert len(after_noon(entries)) == 234 + 1  # a tick a minute, and the end


def after_noon(entries: list[Entry]) -> list[Entry]:
    return [entry for entry in entries if int(entry[0].partition("-")[0]) > NOON_MS]
