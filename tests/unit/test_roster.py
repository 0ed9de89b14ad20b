"""Which feed carries which symbol, and ticks put together byte for byte as if one feed had carried all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.merge import MergedTick
from coordinator.roster import Released, Roster
from playhead.bars import Bars
from playhead.symbols import SymbolRecord
from shared.ticks import Closing, ticks_of

MINUTE_MS = 60_000
START_MS = 1_751_463_000_000  # 2025-07-02 09:30 in New York
CLOSE_MS = START_MS + MINUTE_MS
FIELD = b"1m@1751463000000"
RECORD = SymbolRecord("XNYS", "America/New_York")


def added(feed: str, through_ms: int) -> SymbolRecord:
    return replace(RECORD, feed=feed, through_ms=through_ms, added_ms=START_MS)


def bar(symbol: str, interval: str = "1m", start_ms: int = START_MS) -> Closing:
    """A bar whose numbers only this symbol has, and that closes with the tick."""
    numbers = np.arange(5) + sum(symbol.encode()) * 1_000
    bars = Bars(symbol, interval, np.array([start_ms]), numbers.reshape(1, 5).astype(np.float64))
    return Closing(bars, np.array([CLOSE_MS]))


def fields_of(*symbols: str) -> dict[bytes, bytes]:
    """The fields of a tick with a bar of each symbol, as Redis gives them."""
    fields = dict(pair for _, tick in ticks_of([bar(symbol) for symbol in symbols]) for pair in tick.items())
    return {as_bytes(name): as_bytes(value) for name, value in fields.items()}


def as_bytes(item: str | bytes) -> bytes:
    return item if isinstance(item, bytes) else item.encode()


def groups_of(roster: Roster, tick: MergedTick) -> list[Released]:
    """What is released of one tick."""
    (released,) = roster.arrange([tick])
    assert released.close_ms == tick.close_ms
    return list(released.groups)


def arranged(records: Mapping[str, SymbolRecord], feeds: Mapping[str, Sequence[str]]) -> list[Released]:
    parts = tuple((name, fields_of(*symbols)) for name, symbols in feeds.items())
    return groups_of(Roster(records), MergedTick(CLOSE_MS, parts))


# Where the bars of a symbol come from: its record, the close of the bar, the feed that is right.
BORDERS = [
    (RECORD, 0, "main"),
    (RECORD, CLOSE_MS, "main"),
    (added("add-1", 1_000), 999, "add-1"),
    (added("add-1", 1_000), 1_000, "add-1"),
    (added("add-1", 1_000), 1_001, "main"),
]


@pytest.mark.parametrize(("record", "close_ms", "right"), BORDERS)
def test_a_bar_is_taken_from_the_feed_that_carries_its_symbol_and_from_no_other(
    record: SymbolRecord, close_ms: int, right: str
) -> None:
    roster = Roster({"AAPL": record})
    feeds = ["main", "add-1", "add-2"]
    assert [feed for feed in feeds if roster.accepts(feed, "AAPL", close_ms)] == [right]
    assert not any(roster.accepts(feed, "MSFT", close_ms) for feed in feeds)


def test_a_symbol_that_comes_in_two_feeds_is_released_once() -> None:
    records = {"AAPL": RECORD, "RIVN": added("add-1", CLOSE_MS)}
    (group,) = arranged(records, {"main": ["AAPL", "RIVN"], "add-1": ["RIVN"]})
    assert group.symbols == ("AAPL", "RIVN")
    later = {"AAPL": RECORD, "RIVN": added("add-1", CLOSE_MS - 1)}
    (group,) = arranged(later, {"main": ["AAPL", "RIVN"], "add-1": ["RIVN"]})
    assert group.symbols == ("AAPL", "RIVN")


def test_a_symbol_that_the_session_does_not_have_is_left_out() -> None:
    (group,) = arranged({"AAPL": RECORD}, {"main": ["AAPL", "MSFT"]})
    assert (group.symbols, group.value) == (("AAPL",), fields_of("AAPL")[FIELD])


def test_a_tick_of_which_nothing_is_left_has_no_groups() -> None:
    assert arranged({"AAPL": RECORD}, {"main": ["MSFT", "RIVN"]}) == []
    assert arranged({}, {"main": ["AAPL"]}) == []


def test_bytes_of_which_nothing_changes_pass_through_as_they_are() -> None:
    fields = fields_of("AAPL", "MSFT")
    roster = Roster({"AAPL": RECORD, "MSFT": RECORD})
    (group,) = groups_of(roster, MergedTick(CLOSE_MS, (("main", fields),)))
    assert group.value is fields[FIELD]
    assert (group.field, group.interval, group.start_ms) == (FIELD, "1m", START_MS)


def test_groups_are_in_order_of_their_intervals_length_and_then_of_their_start() -> None:
    fields = {b"type": b"tick"}
    for interval, ago_ms in (("1h", 3_600_000), ("5m", 60_000), ("90s", 90_000), ("5m", 300_000), ("1m", 9)):
        ((_, made),) = ticks_of([bar("AAPL", interval, CLOSE_MS - ago_ms)])
        fields |= {as_bytes(name): as_bytes(value) for name, value in made.items()}
    groups = groups_of(Roster({"AAPL": RECORD}), MergedTick(CLOSE_MS, (("main", fields),)))
    assert [(group.interval, CLOSE_MS - group.start_ms) for group in groups] == [
        ("1m", 9),
        ("90s", 90_000),
        ("5m", 300_000),
        ("5m", 60_000),
        ("1h", 3_600_000),
    ]


BAR = fields_of("AAPL")[FIELD].partition(b"\n")[2]
MALFORMED = {
    "a field that is no group": {b"price": b"AAPL\n" + BAR},
    "an interval that there is not": {b"99h@0": b"AAPL\n" + BAR},
    "a start beyond the year 9999": {b"1m@999999999999999": b"AAPL\n" + BAR},
    "no line of symbols": {FIELD: BAR.replace(b"\n", b"")},
    "fewer bars than symbols": {FIELD: b"AAPL,MSFT\n" + BAR},
    "more bars than symbols": {FIELD: b"AAPL\n" + 2 * BAR},
    "bytes that are no bars": {FIELD: b"AAPL\n" + bytes(len(BAR))},
    "symbols that are not sorted": {FIELD: b"MSFT,AAPL\n" + 2 * BAR},
    "a symbol that comes twice": {FIELD: b"AAPL,AAPL\n" + 2 * BAR},
    "symbols that are not ASCII": {FIELD: "ÄÖÜ\n".encode() + BAR},
    "nothing": {FIELD: b""},
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_group_is_skipped_and_counted_and_the_others_are_released(fields: dict[bytes, bytes]) -> None:
    roster = Roster({"AAPL": RECORD, "MSFT": RECORD})
    tick = MergedTick(CLOSE_MS, (("add-1", {b"type": b"tick", **fields}), ("main", fields_of("AAPL", "MSFT"))))
    (group,) = groups_of(roster, tick)
    assert group.value == fields_of("AAPL", "MSFT")[FIELD]
    assert roster.skipped == 1


symbol_names = st.sampled_from(["A", "AAPL", "BRK-A", "BRK.B", "MSFT", "RIVN", "^GSPC"])
carriers = st.dictionaries(symbol_names, st.sampled_from(["main", "add-1", "add-2"]), min_size=1)


@given(carriers, st.sets(symbol_names), st.booleans())
def test_groups_merged_from_several_feeds_are_the_bytes_of_one_feed_with_all_symbols(
    feed_of: dict[str, str], present: set[str], everywhere: bool
) -> None:
    """`everywhere`: each feed brings all bars, and only those that it is to carry are taken."""
    records = {symbol: RECORD if feed == "main" else added(feed, CLOSE_MS) for symbol, feed in feed_of.items()}
    feeds = {
        name: sorted(symbol for symbol in present if everywhere or feed_of.get(symbol) == name)
        for name in ("add-1", "add-2", "main")
    }
    groups = arranged(records, {name: symbols for name, symbols in feeds.items() if symbols})
    expected = fields_of(*(present & feed_of.keys()))
    assert {group.field: group.value for group in groups} == {
        name: value for name, value in expected.items() if name != b"type"
    }
    for group in groups:
        assert group.symbols == tuple(sorted(present & feed_of.keys()))
        assert group.value.endswith(group.frame.tobytes())


@given(carriers, st.lists(st.integers(1, 6), min_size=7, max_size=7), st.integers(1, 8))
def test_between_two_borders_a_remembered_answer_is_the_right_one(
    feed_of: dict[str, str], throughs: list[int], before_ms: int
) -> None:
    records = {
        symbol: RECORD if feed == "main" else added(feed, CLOSE_MS - through)
        for (symbol, feed), through in zip(feed_of.items(), throughs, strict=False)
    }
    roster = Roster(records)
    for at_ms in (CLOSE_MS - ago_ms for ago_ms in (8, before_ms, 0, before_ms)):  # the same heads again and again
        for feed in ("main", "add-1", "add-2"):
            groups = groups_of(roster, MergedTick(at_ms, ((feed, fields_of(*records)),)))
            taken = [symbol for group in groups for symbol in group.symbols]
            assert taken == [symbol for symbol in sorted(records) if roster.accepts(feed, symbol, at_ms)]
