"""Bars as ticks: the same bars are the same bytes, and they come back unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.bars import Bars
from playhead.messages import decode_groups
from shared.ticks import FeedTick, ticks_of, window_end

MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000  # 2025-07-02 09:30 in New York
PRICE_1 = bytes.fromhex("cb3ff0000000000000")


def bars(symbol: str, starts: Sequence[int], interval: str = "1m", value: float = 1.0) -> Bars:
    return Bars(symbol, interval, np.array(starts, np.int64), np.full((len(starts), 5), value))


def test_a_tick_is_known_by_its_close_and_its_group_by_interval_and_start() -> None:
    ticks = list(ticks_of([bars("AAPL", [OPEN_MS])]))
    assert ticks == [
        (1_751_463_060_000, {"type": "tick", "1m@1751463000000": b"AAPL\n\x95" + 5 * PRICE_1}),
    ]


def test_the_symbols_of_a_tick_are_sorted_as_bytes() -> None:
    symbols = ["MSFT", "BRK.B", "^GSPC", "A", "BRK-A", "0700.HK"]
    ((_, fields),) = ticks_of([bars(symbol, [OPEN_MS]) for symbol in symbols])
    head = fields["1m@1751463000000"]
    assert isinstance(head, bytes)
    assert head.split(b"\n")[0] == b"0700.HK,A,BRK-A,BRK.B,MSFT,^GSPC"


def test_a_minute_without_a_bar_of_a_symbol_leaves_it_out() -> None:
    ticks = list(ticks_of([bars("MSFT", [OPEN_MS, OPEN_MS + MINUTE_MS]), bars("AAPL", [OPEN_MS + MINUTE_MS])]))
    assert [time_ms - OPEN_MS for time_ms, _ in ticks] == [60_000, 120_000]
    assert [symbols_of(each) for each in ticks] == [("MSFT",), ("AAPL", "MSFT")]


def test_a_bar_of_five_minutes_comes_when_it_closes() -> None:
    assert [time_ms - OPEN_MS for time_ms, _ in ticks_of([bars("AAPL", [OPEN_MS], "5m")])] == [300_000]


@pytest.mark.parametrize("nothing", [[], [Bars.empty("AAPL", "1m")]])
def test_no_bars_make_no_ticks(nothing: list[Bars]) -> None:
    assert list(ticks_of(nothing)) == []


def test_the_end_of_a_window_says_how_far_it_went_and_whether_more_follows() -> None:
    assert window_end(120_000, final=False) == {"type": "window-end", "through_ms": "120000", "final": "0"}
    assert window_end(120_000, final=True) == {"type": "window-end", "through_ms": "120000", "final": "1"}


def symbols_of(tick: FeedTick) -> tuple[str, ...]:
    return tuple(symbol for group in decode_groups(raw(tick)) for symbol in group.symbols)


def raw(tick: FeedTick) -> dict[bytes, bytes]:
    """The fields as Redis gives them back."""
    return {as_bytes(name): as_bytes(value) for name, value in tick[1].items()}


def as_bytes(item: str | bytes) -> bytes:
    return item if isinstance(item, bytes) else item.encode()


values = st.floats(width=64)


@st.composite
def columns(draw: st.DrawFn) -> list[Bars]:
    """Bars of some symbols, with gaps, each number its own; NaN and infinities among them."""
    symbols = draw(st.lists(st.from_regex(r"[A-Z0-9^][A-Z0-9.=^_-]{0,6}", fullmatch=True), unique=True, max_size=5))
    interval, step_ms = draw(st.sampled_from([("1m", MINUTE_MS), ("5m", 5 * MINUTE_MS), ("1s", 1_000)]))
    made = []
    for symbol in symbols:
        starts = sorted(draw(st.sets(st.integers(0, 12), max_size=8)))
        rows = draw(st.lists(st.lists(values, min_size=5, max_size=5), min_size=len(starts), max_size=len(starts)))
        start_ms = OPEN_MS + step_ms * np.array(starts, np.int64)
        made.append(Bars(symbol, interval, start_ms, np.array(rows, np.float64).reshape(-1, 5)))
    return made


@given(columns(), st.randoms(use_true_random=False))
def test_the_same_bars_are_the_same_bytes_in_whatever_order_the_symbols_come(
    given_bars: list[Bars], random: Random
) -> None:
    shuffled = list(given_bars)
    random.shuffle(shuffled)
    assert list(ticks_of(shuffled)) == list(ticks_of(given_bars))


@given(columns())
def test_bars_that_were_made_into_ticks_come_back_to_the_last_bit(given_bars: list[Bars]) -> None:
    found: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
    ticks = list(ticks_of(given_bars))
    for tick in ticks:
        (group,) = decode_groups(raw(tick))
        for symbol, row in zip(group.symbols, group.values, strict=True):
            found.setdefault((symbol, group.interval), []).append((group.start_ms, row.tobytes()))
    expected = {
        (each.symbol, each.interval): [
            (start_ms, row.tobytes()) for start_ms, row in zip(each.start_ms.tolist(), each.values, strict=True)
        ]
        for each in given_bars
        if len(each)
    }
    assert found == expected
    assert [time_ms for time_ms, _ in ticks] == sorted({time_ms for time_ms, _ in ticks})
