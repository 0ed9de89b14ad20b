"""What a page says of a session: its head, holds, symbols, journal, consumers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from dashboard.consumers import ConsumerState
from dashboard.deeds import Deed, deed_of, pauses
from dashboard.heading import heading_of
from dashboard.holds import HoldView, Seen, holds_of, seen_now
from dashboard.rows import Row, changes
from dashboard.scene import Scene
from dashboard.start_page import config_of
from dashboard.symbol_rows import receipt_lines, symbol_rows
from dashboard.texts import deed_text, lag_text, life_text, span_text
from playhead.errors import InvalidInput
from playhead.info import IntervalInfo, SessionInfo, SymbolInfo
from playhead.symbols import SymbolRecord
from playhead.trouble import Trouble
from tests.support.tape import MINUTE_MS, OPEN_MS

NEW_YORK = "America/New_York"
NOON_MS = OPEN_MS + 156 * MINUTE_MS
RECEIPT = {
    "loaded": 756,
    "written": 156,
    "queued": 234,
    "dropped": {"pre-market": 208, "post-market": 158, "break": 0},
    "missing": 0,
    "held_ms": 15,
}
ADDED = SymbolInfo(
    SymbolRecord("XNYS", NEW_YORK, added_ms=NOON_MS, added_entry="1-1", receipt=RECEIPT),
    {"1m": IntervalInfo(156, OPEN_MS, NOON_MS, 156)},
)
INITIAL = SymbolInfo(SymbolRecord("XLON", "Europe/London"), {"1m": IntervalInfo(0, None, None, 0)})
INFO = SessionInfo(
    name="demo",
    status="paused",
    date=dt.date(2025, 7, 2),
    clock_ms=NOON_MS,
    zone=NEW_YORK,
    active=True,
    holds=("user",),
    speed="60",
    end_ms=None,
    error=None,
    interval="1m",
    symbols={"AAPL": ADDED, "AZN.L": INITIAL},
    first_date=dt.date(2025, 7, 2),
    last_date=dt.date(2025, 7, 2),
)


def test_the_head_has_status_clock_and_date() -> None:
    head = heading_of(Scene(INFO, INFO))
    assert (head.status, head.clock, head.date, head.zone) == ("paused", "12:06:00", "Wed 2025-07-02", NEW_YORK)
    assert (head.veiled, head.notice, head.is_paused, head.is_over) == (False, "", True, False)


def test_while_symbols_are_added_what_was_there_is_veiled_and_a_notice_says_why() -> None:
    head = heading_of(Scene(replace(INFO, active=False), INFO))
    assert (head.status, head.veiled, head.alarm) == ("catching up", True, False)
    assert "being caught up" in head.notice
    assert "being caught up" in heading_of(Scene(replace(INFO, active=False), None)).notice
    assert "history" in heading_of(Scene(replace(INFO, active=False, holds=("warm-up",)), None)).notice


@pytest.mark.parametrize(
    ("changed", "status", "notice"),
    [
        ({"status": "failed", "error": "no data"}, "failed", "no data"),
        ({"troubles": (Trouble("producer", "no folder", None),)}, "paused", "producer held up: no folder"),
        ({"recording_error": "disk full"}, "paused", "not recorded: disk full"),
        ({"waiting_for": ("slow",)}, "paused", "The clock waits for slow."),
        ({"holds": ("expect:vwap",)}, "paused", "The first tick waits for vwap."),
    ],
)
def test_what_a_person_should_know_is_said(changed: dict[str, Any], status: str, notice: str) -> None:
    head = heading_of(Scene(replace(INFO, **changed), INFO))
    assert (head.status, head.notice) == (status, notice)


def test_a_server_that_is_away_leaves_what_was_known_and_says_so() -> None:
    head = heading_of(Scene(INFO, INFO, problem="Redis does not answer"))
    assert (head.status, head.clock, head.veiled, head.alarm) == ("away", "12:06:00", True, True)
    assert heading_of(Scene(problem="there is no session demo", gone=True)).status == "gone"
    assert heading_of(Scene()).status == ""


def deed(op: str, wall_ms: int = 5_000, **fields: str) -> Deed:
    return deed_of(f"{wall_ms}-0", {"op": op, "clock_ms": str(NOON_MS), "status": "ok", **fields})


def test_since_when_a_hold_is_there_is_said_as_far_as_it_is_known() -> None:
    came, was_there = Seen(9_000, came=True), Seen(9_000, came=False)
    assert holds_of({"user": was_there}, [deed("speed"), deed("pause", 4_000)], None) == (
        HoldView("user", "paused by hand", 4_000, True),
    )
    stopped = [deed("step"), deed("pause", 4_000)]
    assert holds_of({"user": came}, stopped, None) == (HoldView("user", "a stop that was reached", 9_000, True),)
    assert holds_of({"user": was_there}, [], None) == (HoldView("user", "a stop that was reached", 9_000, False),)
    assert holds_of({"add:x": was_there}, [], 3_000)[0] == HoldView("add:x", "symbols are being added", 3_000, True)
    assert holds_of({"warm-up": was_there}, [], None)[0].who == "history is being read"
    assert holds_of({"expect:vwap": came}, [], None)[0].who == "waits for consumer vwap"
    assert holds_of({"mine": was_there}, [], None)[0] == HoldView("mine", "placed by another program", 9_000, False)


def test_a_hold_that_was_there_at_the_first_look_was_not_seen_to_come() -> None:
    first = seen_now(None, ["a"], 1)
    then = seen_now(first, ["a", "b"], 2)
    assert then == {"a": Seen(1, came=False), "b": Seen(2, came=True)}
    assert seen_now(then, ["b"], 3) == {"b": Seen(2, came=True)}
    assert seen_now({}, ["a"], 4) == {"a": Seen(4, came=True)}


def test_the_table_of_symbols_has_times_of_each_exchange_and_the_receipt_adds_up() -> None:
    added, initial = symbol_rows(INFO)
    assert added == {
        "symbol": "AAPL", "origin": "added 12:06", "added": True, "bars": 156, "start": "09:30", "last": "12:06"
    }  # fmt: skip
    assert (initial["origin"], initial["bars"], initial["start"]) == ("start", 0, "-")
    lines = dict(receipt_lines(INFO, "AAPL"))
    assert lines["Loaded"] == "756"
    assert lines["Dropped"] == "208 pre + 158 post"
    assert lines["Clock stood"] == "15 ms"
    assert receipt_lines(INFO, "AZN.L") == receipt_lines(INFO, "GONE") == []
    assert symbol_rows(None) == []


def test_a_receipt_that_another_hand_has_written_is_shown_as_far_as_it_goes() -> None:
    odd = replace(ADDED, record=replace(ADDED.record, receipt={"loaded": "x" * 99, "dropped": 7}))
    lines = dict(receipt_lines(replace(INFO, symbols={"AAPL": odd}), "AAPL"))
    assert (lines["Loaded"], lines["Dropped"], lines["Missing"]) == ("x" * 20, "?", "?")


def test_an_entry_of_the_journal_says_what_was_asked_and_what_became_of_it() -> None:
    results = '{"AAPL":{"status":"added","held_ms":15},"NO":{"status":"rejected","error":"no bars"}}'
    one = deed("add-symbol", symbol="AAPL,NO", results=results)
    assert deed_text(one, INFO) == ("12:06:00", "add-symbol AAPL,NO", "NO: no bars")
    assert deed_text(deed("add-symbol", symbol="X", results='{"X":{"held_ms":15}}'), INFO)[2] == "clock stood 15 ms"
    assert deed_text(deed("pause"), INFO) == ("12:06:00", "pause", "")
    assert deed_text(deed("pause"), replace(INFO, last_date=dt.date(2025, 7, 3)))[0] == "07-02 12:06:00"
    assert pauses([deed("pause"), one]) == [("AAPL,NO", 15)]


@pytest.mark.parametrize("results", ["", "[]", "nothing", '{"A":1}', '{"A":{"held_ms":true}}', '{"A":{"held_ms":-1}}'])
def test_what_is_no_journal_entry_is_shown_all_the_same(results: str) -> None:
    odd = deed_of("7-1", {"results": results, "clock_ms": "x"})
    assert (odd.op, odd.clock_ms, odd.pause_ms, odd.wall_ms) == ("?", None, None, 7)


def test_a_consumer_is_so_far_behind_and_lives_or_does_not() -> None:
    consumer = ConsumerState("vwap", NOON_MS - 30 * MINUTE_MS, 0)
    assert (lag_text(consumer, NOON_MS), life_text(consumer)) == ("30 min", "alive")
    assert lag_text(replace(consumer, position_ms=NOON_MS), NOON_MS) == "0"
    assert lag_text(replace(consumer, position_ms=None), NOON_MS) == "-"
    assert life_text(replace(consumer, silent_s=75)) == "silent for 1 min"
    assert life_text(replace(consumer, silent_s=None)) == "left"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_200, "2 h"), (12_000, "3 h 20 min"), (200_000, "2 d")],
)
def test_a_span_is_written_in_words(seconds: int, text: str) -> None:
    assert span_text(seconds) == text


def test_of_a_table_only_the_rows_that_changed_are_sent() -> None:
    before = [Row("a", ("a", "1")), Row("b", ("b", "1"))]
    assert changes(before, before) is None
    assert changes(before, [before[0], Row("b", ("b", "2"))]) == {"some": [[1, Row("b", ("b", "2")).sent()]]}
    assert changes(before, before[::-1]) == {"all": [row.sent() for row in before[::-1]]}
    assert changes(None, []) == {"all": []}


GIVEN = dict.fromkeys(
    ("name", "symbols", "date", "end", "speed", "run_until", "source", "calendar", "interval", "derive", "history"), ""
)


def test_the_form_means_what_the_command_line_would() -> None:
    typed = {"symbols": "rivn, aapl", "date": "2025-07-02", "derive": "5m,1h", "history": "3", "run_until": "12:06"}
    config = config_of(GIVEN | typed)
    assert [each.symbol for each in config.symbols] == ["RIVN", "AAPL"]
    assert (config.derive, config.history, config.run_until, config.speed) == (("5m", "1h"), 3, "12:06", None)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"symbols": ""}, "no symbol was given"),
        ({"date": ""}, "is not a date"),
        ({"speed": "fast"}, "speed 'fast'"),
        ({"calendar": "="}, "names no exchange"),
        ({"history": "many"}, "history 'many'"),
        ({"end": "2025-07-01"}, "is before the date"),
    ],
)
def test_what_is_wrong_in_the_form_is_said(typed: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        config_of(GIVEN | {"symbols": "RIVN", "date": "2025-07-02"} | typed)
