"""The merge of feeds: in close-time order, waiting for what may still come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.merge import FOREVER_MS, Feed, Merge, Merged, MergedStretch, MergedTick
from playhead.codec import pack
from playhead.errors import Malformed

TICK = {b"type": b"tick"}
MOST = 100


def merge_of(*names: str, clock_ms: int = 0) -> Merge:
    merge = Merge()
    merge.follow(names, clock_ms)
    return merge


def tick(name: str, time_ms: int) -> dict[bytes, bytes]:
    """Fields that say which entry they are."""
    return {**TICK, b"1m@0": f"{name} {time_ms}".encode()}


def mark(time_ms: int, *, final: bool = False) -> dict[bytes, bytes]:
    return {b"type": b"window-end", b"through_ms": str(time_ms).encode(), b"final": b"1" if final else b"0"}


def push(merge: Merge, name: str, *times: int) -> None:
    for time_ms in times:
        merge.feeds[name].push(f"{time_ms}-0".encode(), tick(name, time_ms))


def push_mark(merge: Merge, name: str, time_ms: int, *, final: bool = False) -> None:
    merge.feeds[name].push(f"{time_ms}-1".encode(), mark(time_ms, final=final))


def times(ticks: Sequence[Merged]) -> list[int]:
    return [each.last_ms for each in ticks]


def test_a_feed_without_an_entry_is_waited_for() -> None:
    merge = merge_of("main", "add-1")
    push(merge, "main", 60, 120)
    assert merge.frontier_ms() == 0
    assert merge.peek(merge.frontier_ms(), MOST) == []


def test_the_frontier_is_where_the_slowest_feed_is() -> None:
    merge = merge_of("main", "add-1")
    push(merge, "main", 60, 120, 180)
    push(merge, "add-1", 120)
    assert merge.frontier_ms() == 120
    assert times(merge.peek(120, MOST)) == [60, 120]


def test_the_mark_of_a_window_frees_what_closes_by_its_end() -> None:
    merge = merge_of("main", "add-1")
    push(merge, "main", 60, 120, 180)
    push_mark(merge, "add-1", 150)
    assert merge.frontier_ms() == 150
    assert times(merge.peek(150, MOST)) == [60, 120]


def test_a_feed_that_has_ended_is_not_waited_for_any_more() -> None:
    merge = merge_of("main", "add-1")
    push(merge, "main", 60, 120)
    push_mark(merge, "add-1", 30, final=True)
    assert merge.frontier_ms() == 120
    push_mark(merge, "main", 120, final=True)
    assert merge.frontier_ms() == FOREVER_MS
    assert times(merge.peek(FOREVER_MS, MOST)) == [60, 120]


def test_bars_that_close_together_are_one_tick_in_the_order_of_the_feeds_names() -> None:
    merge = merge_of("main", "add-2", "add-1")
    for name in ("main", "add-2", "add-1"):
        push(merge, name, 60)
    assert merge.peek(60, MOST) == [
        MergedTick(60, (("add-1", tick("add-1", 60)), ("add-2", tick("add-2", 60)), ("main", tick("main", 60))))
    ]


@pytest.mark.parametrize("names", [("main",), ("main", "add-1")])
def test_no_more_ticks_are_given_than_were_asked_for(names: tuple[str, ...]) -> None:
    merge = merge_of(*names)
    for name in names:
        push(merge, name, 60, 120, 180, 240)
    assert times(merge.peek(240, 2)) == [60, 120]
    assert times(merge.peek(60, 2)) == [60]


def test_what_was_released_does_not_come_again() -> None:
    merge = merge_of("main", "add-1")
    push(merge, "main", 60, 180)
    push(merge, "add-1", 120, 180)
    merge.release(120)
    assert merge.next_ms() == 180
    assert times(merge.peek(180, MOST)) == [180]
    merge.release(180)
    assert merge.next_ms() is None


def test_a_feed_that_is_followed_anew_is_read_from_the_clock_on() -> None:
    merge = merge_of("main", clock_ms=120)
    assert merge.feeds["main"] == Feed("120-0", 120, 120)
    push(merge, "main", 60, 120, 180)  # a feed that was not trimmed in time
    assert times(merge.peek(180, MOST)) == [180]


def test_following_another_feed_keeps_what_was_read_of_the_others() -> None:
    merge = merge_of("main")
    push(merge, "main", 60, 120)
    merge.follow(["main", "add-1"], 60)
    merge.release(60)
    assert merge.frontier_ms() == 60
    push_mark(merge, "add-1", 60, final=True)
    assert times(merge.peek(120, MOST)) == [120]
    merge.follow(["main"], 60)
    assert list(merge.feeds) == ["main"]


@pytest.mark.parametrize(
    ("entry", "fields"),
    [
        (b"60-0", {b"type": b"tock"}),
        (b"60-0", {}),
        (b"253402300800001-0", TICK),
        (b"18446744073709551615-18446744073709551615", TICK),
    ],
)
def test_what_is_no_part_of_a_feed_is_refused_and_the_feed_goes_on_after_it(
    entry: bytes, fields: dict[bytes, bytes]
) -> None:
    feed = Feed("0-0", 0, 0)
    with pytest.raises(Malformed):
        feed.push(entry, fields)
    assert feed.cursor == entry.decode()
    assert feed.known_ms == 0
    assert not feed.ticks


feeds_of_bars = st.dictionaries(
    st.sampled_from(["main", "add-1", "add-2"]), st.sets(st.integers(1, 40)), min_size=1
).map(lambda feeds: {name: sorted(times) for name, times in feeds.items()})


@given(feeds_of_bars, st.data())
def test_however_the_feeds_come_in_the_same_ticks_come_out(feeds: dict[str, list[int]], data: st.DataObject) -> None:
    expected = [
        MergedTick(time_ms, tuple((name, tick(name, time_ms)) for name in sorted(feeds) if time_ms in feeds[name]))
        for time_ms in sorted(set().union(*feeds.values()))
    ]
    merge = merge_of(*feeds)
    left = {name: list(times) for name, times in feeds.items()}
    ended: set[str] = set()
    released: list[Merged] = []
    while len(released) < len(expected) or len(ended) < len(feeds):
        name = data.draw(st.sampled_from(sorted(feeds)))
        if left[name]:
            push(merge, name, left[name].pop(0))
        elif name not in ended:
            ended.add(name)
            push_mark(merge, name, 41, final=True)
        if data.draw(st.booleans()) or len(ended) == len(feeds):
            ticks = merge.peek(merge.frontier_ms(), data.draw(st.integers(1, 5)))
            if ticks:
                released += ticks
                merge.release(ticks[-1].close_ms)
    assert released == expected


MINUTE_MS = 60_000
BAR = pack(np.arange(5.0).reshape(1, 5)).tobytes()


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=6),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(1, 9),
)
def test_stretches_are_cut_wherever_a_move_begins_and_ends(
    given_spans: list[tuple[int, int]], released: int, after: int, through: int, most: int
) -> None:
    """Minutes: spans with gaps between, what was released, where to look from, and to."""
    merge = merge_of("main")
    minutes: list[int] = []
    for gap, length in given_spans:
        first = (minutes[-1] if minutes else 0) + gap
        minutes += range(first, first + length)
        fields = {b"type": b"ticks", b"1m@%d" % ((first - 1) * MINUTE_MS): b"A\n" + length * BAR}
        merge.feeds["main"].push(b"%d-0" % (minutes[-1] * MINUTE_MS), fields)
    merge.release(released * MINUTE_MS)
    left = [minute for minute in minutes if minute > released]
    feed = merge.feeds["main"]
    assert feed.buffered == len(left)
    assert feed.buffered_bytes == sum(each.size for each in feed.ticks)
    assert merge.next_ms() == (left[0] * MINUTE_MS if left else None)
    found = merge.peek(through * MINUTE_MS, most, after * MINUTE_MS)
    assert times_of(found) == [minute for minute in left if after < minute <= through][:most]
    assert sum(each.length for each in found) == len(times_of(found))


def times_of(found: Sequence[Merged]) -> list[int]:
    """The minutes of all ticks, one by one, each with the group that it is to have."""
    minutes = []
    for each in found:
        for tick in each.ticks() if isinstance(each, MergedStretch) else (each,):
            minutes.append(tick.close_ms // MINUTE_MS)
            ((_, fields),) = tick.parts
            assert fields == {b"type": b"tick", b"1m@%d" % (tick.close_ms - MINUTE_MS): b"A\n" + BAR}
    return minutes
