"""The digest of a day's bars: how they are cut does not matter, and everything else does."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.codec import bars_of, pack
from playhead.digest import digest_of, digest_of_runs, field_of, parse_field
from playhead.errors import Malformed
from playhead.runs import BAR_BYTES

MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000


@st.composite
def days(draw: st.DrawFn, least: int = 0) -> Bars:
    """Bars of a symbol, with gaps; any float64, those that are no numbers too."""
    minutes = sorted(draw(st.sets(st.integers(0, 389), min_size=least, max_size=40)))
    bits = draw(st.lists(st.integers(0, 2**64 - 1), min_size=5 * len(minutes), max_size=5 * len(minutes)))
    values: NDArray[np.float64] = np.array(bits, np.uint64).view(np.float64).reshape(-1, 5)
    return Bars("AAPL", "1m", OPEN_MS + MINUTE_MS * np.array(minutes, np.int64), values)


@st.composite
def cut(draw: st.DrawFn, bars: Bars) -> Mapping[bytes, bytes]:
    """The bars as runs, cut wherever there is a gap and wherever it comes to mind, in any order of the fields."""
    frame = pack(bars.values)
    at: set[int] = set((np.flatnonzero(np.diff(bars.start_ms) != MINUTE_MS) + 1).tolist())
    at |= draw(st.sets(st.integers(1, len(bars)))) if len(bars) else set()
    borders = sorted({0, len(bars), *at})
    runs = [
        (str(bars.start_ms[first]).encode(), frame[first:last].tobytes())
        for first, last in pairwise(borders)
        if first < last
    ]
    return dict(draw(st.permutations(runs)))


@given(data=st.data(), bars=days())
def test_the_borders_of_runs_do_not_matter(data: st.DataObject, bars: Bars) -> None:
    assert digest_of_runs("1m", data.draw(cut(bars))) == digest_of(bars)


@given(data=st.data(), bars=days(least=1))
def test_any_bit_of_a_bar_matters(data: st.DataObject, bars: Bars) -> None:
    runs = data.draw(cut(bars))
    field = data.draw(st.sampled_from(sorted(runs)))
    at, bit = data.draw(st.integers(0, len(runs[field]) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(runs[field])
    changed[at] ^= 1 << bit
    assert digest_of_runs("1m", {**runs, field: bytes(changed)}) != digest_of(bars)


@given(data=st.data(), bars=days(least=1))
def test_a_missing_bar_matters(data: st.DataObject, bars: Bars) -> None:
    gone = data.draw(st.integers(0, len(bars) - 1))
    assert digest_of(bars.where(np.arange(len(bars)) != gone)) != digest_of(bars)


@given(data=st.data(), bars=days(least=1))
def test_a_bar_that_comes_twice_matters(data: st.DataObject, bars: Bars) -> None:
    twice = data.draw(st.integers(0, len(bars) - 1))
    starts = np.insert(bars.start_ms, twice, bars.start_ms[twice])
    values = np.insert(bars.values.view(np.int64), twice, bars.values[twice].view(np.int64), axis=0).view(np.float64)
    assert digest_of(Bars("AAPL", "1m", starts, values)) != digest_of(bars)


@given(bars=days(least=2), data=st.data())
def test_two_bars_that_have_changed_places_matter(data: st.DataObject, bars: Bars) -> None:
    places = list(range(len(bars)))
    one, other = sorted(data.draw(st.sets(st.sampled_from(places), min_size=2, max_size=2)))
    places[one], places[other] = other, one
    swapped = bars.values.view(np.int64)[places].view(np.float64)
    same = (swapped.view(np.int64) == bars.values.view(np.int64)).all()
    assert (digest_of(Bars("AAPL", "1m", bars.start_ms, swapped)) == digest_of(bars)) == same


@given(bars=days(least=1), data=st.data())
def test_a_bar_of_another_minute_matters(data: st.DataObject, bars: Bars) -> None:
    moved = bars.start_ms.copy()
    moved[data.draw(st.integers(0, len(bars) - 1)) :] += MINUTE_MS
    assert digest_of(Bars("AAPL", "1m", moved, bars.values)) != digest_of(bars)


def test_a_run_that_overlaps_another_one_is_not_the_bars_without_it() -> None:
    frame = pack(np.arange(15, dtype=np.float64).reshape(3, 5)).tobytes()
    runs = {str(OPEN_MS).encode(): frame}
    overlapping = {**runs, str(OPEN_MS + MINUTE_MS).encode(): frame[BAR_BYTES : 2 * BAR_BYTES]}
    assert digest_of_runs("1m", runs) == digest_of(bars_of("AAPL", "1m", runs))
    assert digest_of_runs("1m", overlapping) != digest_of_runs("1m", runs)


@pytest.mark.parametrize("runs", [{b"noon": b""}, {b"1": b"half a bar"}])
def test_what_is_no_run_has_no_digest(runs: Mapping[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        digest_of_runs("1m", runs)


def test_a_field_says_calendar_day_and_interval() -> None:
    assert parse_field(field_of("24/7", "2025-07-02", "5m")) == ("24/7", "2025-07-02", "5m")
    with pytest.raises(Malformed, match="is not <calendar>:<day>:<interval>"):
        parse_field("clock_ms")
