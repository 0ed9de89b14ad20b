"""Bars as ticks: the same bars are the same bytes, and they come back unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.bars import Bars
from playhead.intervals import interval_ms
from playhead.messages import decode_groups
from shared.ticks import Closing, FeedTick, ticks_of, window_end

MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000  # 2025-07-02 09:30 in New York
PRICE_1 = bytes.fromhex("cb3ff0000000000000")


def bars(symbol: str, starts: Sequence[int], interval: str = "1m", value: float = 1.0) -> Closing:
    """Bars of their full length."""
    return full(Bars(symbol, interval, np.array(starts, np.int64), np.full((len(starts), 5), value)))


def full(bars: Bars) -> Closing:
    return Closing(bars, bars.start_ms + interval_ms(bars.interval))


def cut(symbol: str, interval: str, start_ms: int, close_ms: int) -> Closing:
    """A bar that closes sooner than its length says."""
    return Closing(bars(symbol, [start_ms], interval).bars, np.array([close_ms], np.int64))


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


def test_a_bar_that_is_cut_comes_when_it_closes_with_its_own_interval_and_start() -> None:
    ((time_ms, fields),) = ticks_of([cut("AAPL", "1h", OPEN_MS, OPEN_MS + 30 * MINUTE_MS)])
    assert (time_ms - OPEN_MS, list(fields)) == (30 * MINUTE_MS, ["type", f"1h@{OPEN_MS}"])


def test_bars_of_several_intervals_that_close_together_are_one_tick_shorter_ones_first() -> None:
    minutes = [OPEN_MS + at * MINUTE_MS for at in range(10)]
    given_bars = [
        bars("AAPL", [OPEN_MS], "10m"),
        bars("AAPL", minutes[::5], "5m"),
        bars("MSFT", [OPEN_MS], "5m"),
        bars("AAPL", minutes),
        bars("RIVN", [minutes[9]]),
    ]
    ticks = [[(g.interval, g.start_ms, g.symbols) for g in decode_groups(raw(tick))] for tick in ticks_of(given_bars)]
    assert ticks == [
        *([("1m", start_ms, ("AAPL",))] for start_ms in minutes[:4]),
        [("1m", minutes[4], ("AAPL",)), ("5m", OPEN_MS, ("AAPL", "MSFT"))],
        *([("1m", start_ms, ("AAPL",))] for start_ms in minutes[5:9]),
        [
            ("1m", minutes[9], ("AAPL", "RIVN")),
            ("5m", minutes[5], ("AAPL",)),
            ("10m", OPEN_MS, ("AAPL",)),
        ],
    ]


def test_bars_of_one_interval_that_began_at_different_times_and_close_together_are_two_groups() -> None:
    """One exchange closes half an hour after its hour began, another on the hour."""
    close_ms = OPEN_MS + 60 * MINUTE_MS
    given_bars = [
        cut("MSFT", "1h", OPEN_MS + 30 * MINUTE_MS, close_ms),
        cut("AAPL", "1h", OPEN_MS + 30 * MINUTE_MS, close_ms),
        bars("AZN.L", [OPEN_MS], "1h"),
    ]
    ((time_ms, fields),) = ticks_of(given_bars)
    assert time_ms == close_ms
    assert list(fields)[1:] == [f"1h@{OPEN_MS}", f"1h@{OPEN_MS + 30 * MINUTE_MS}"]
    assert [group.symbols for group in decode_groups(raw((time_ms, fields)))] == [("AZN.L",), ("AAPL", "MSFT")]


def test_bars_of_one_start_that_close_at_different_times_are_two_ticks() -> None:
    given_bars = [bars("AAPL", [OPEN_MS], "1h"), cut("AZN.L", "1h", OPEN_MS, OPEN_MS + MINUTE_MS)]
    ticks = list(ticks_of(given_bars))
    assert [(time_ms - OPEN_MS, symbols_of((time_ms, fields))) for time_ms, fields in ticks] == [
        (MINUTE_MS, ("AZN.L",)),
        (60 * MINUTE_MS, ("AAPL",)),
    ]


@pytest.mark.parametrize("nothing", [[], [full(Bars.empty("AAPL", "1m"))]])
def test_no_bars_make_no_ticks(nothing: list[Closing]) -> None:
    assert list(ticks_of(nothing)) == []


def test_a_part_of_closing_bars_keeps_the_closes_of_its_bars() -> None:
    starts = [OPEN_MS + at * MINUTE_MS for at in (0, 1, 2, 4)]
    whole = Closing(bars("AAPL", starts).bars, np.array(starts) + 7)
    part = whole.between(starts[1], starts[3])
    assert (part.bars.start_ms.tolist(), part.close_ms.tolist()) == (starts[1:3], [at + 7 for at in starts[1:3]])
    part = whole.where(whole.bars.start_ms >= starts[2])
    assert (part.bars.start_ms.tolist(), part.close_ms.tolist()) == (starts[2:], [at + 7 for at in starts[2:]])
    assert whole.where(whole.bars.start_ms > 0) is whole


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


symbol_names = st.from_regex(r"[A-Z0-9^][A-Z0-9.=^_-]{0,6}", fullmatch=True)
intervals = st.sampled_from(["1m", "5m", "1s", "90s"])


@st.composite
def columns(draw: st.DrawFn) -> list[Closing]:
    """Bars of some symbols and intervals, with gaps, each number its own; NaN and infinities among them. Now and then
    the last one is cut."""
    made = []
    for symbol, interval in draw(st.lists(st.tuples(symbol_names, intervals), unique=True, max_size=6)):
        starts = sorted(draw(st.sets(st.integers(0, 12), max_size=8)))
        rows = draw(st.lists(st.lists(values, min_size=5, max_size=5), min_size=len(starts), max_size=len(starts)))
        start_ms = OPEN_MS + interval_ms(interval) * np.array(starts, np.int64)
        each = full(Bars(symbol, interval, start_ms, np.array(rows, np.float64).reshape(-1, 5)))
        each.close_ms[-1:] -= draw(st.sampled_from([0, 0, interval_ms(interval) // 2]))
        made.append(each)
    return made


@given(columns(), st.randoms(use_true_random=False))
def test_the_same_bars_are_the_same_bytes_in_whatever_order_the_symbols_come(
    given_bars: list[Closing], random: Random
) -> None:
    shuffled = list(given_bars)
    random.shuffle(shuffled)
    assert list(ticks_of(shuffled)) == list(ticks_of(given_bars))


@given(columns())
def test_bars_that_were_made_into_ticks_come_back_to_the_last_bit(given_bars: list[Closing]) -> None:
    found: dict[tuple[str, str], list[tuple[int, int, bytes]]] = {}
    ticks = list(ticks_of(given_bars))
    for tick in ticks:
        groups = decode_groups(raw(tick))
        for group in groups:
            assert group.symbols == tuple(sorted(set(group.symbols)))
            for symbol, row in zip(group.symbols, group.values, strict=True):
                found.setdefault((symbol, group.interval), []).append((tick[0], group.start_ms, row.tobytes()))
        order = [(interval_ms(group.interval), group.start_ms) for group in groups]
        assert order == sorted(set(order))
    expected = {
        (each.bars.symbol, each.bars.interval): [
            (close_ms, start_ms, row.tobytes())
            for close_ms, start_ms, row in zip(
                each.close_ms.tolist(), each.bars.start_ms.tolist(), each.bars.values, strict=True
            )
        ]
        for each in given_bars
        if len(each.bars)
    }
    assert found == expected
    assert [time_ms for time_ms, _ in ticks] == sorted({time_ms for time_ms, _ in ticks})
