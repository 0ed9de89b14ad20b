"""The bytes of bars: what is packed comes back to the last bit, and bytes that are no bars are refused."""

from __future__ import annotations

import math
import struct
from itertools import pairwise
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it has no types
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from playhead.codec import (
    bars_of,
    frame_of,
    group_field,
    names_of,
    pack,
    pack_names,
    parse_group_field,
    runs_of,
    split_group,
    unpack,
)
from playhead.errors import Malformed
from playhead.runs import BAR_BYTES
from playhead.times import MAX_TIME_MS

MINUTE_MS = 60_000
ANY_FLOATS = st.floats(width=64, allow_nan=True, allow_infinity=True)
VALUES = st.integers(0, 40).flatmap(lambda n: arrays(np.float64, (n, 5), elements=ANY_FLOATS))
MINUTES = st.sets(st.integers(0, 2_000), max_size=60).map(sorted)
GOOD = pack(np.ones((2, 5))).tobytes()

BAD_BARS = [
    GOOD[:-1],
    GOOD + b"\x00",
    b"\x94" + GOOD[1:],
    GOOD[:1] + b"\xca" + GOOD[2:],
    GOOD[:BAR_BYTES] + bytes(BAR_BYTES),
    bytes(BAR_BYTES),
    b"\xff",
]
BAD_FIELDS = [
    b"",
    b"1m",
    b"1m@",
    b"@1",
    b"1m@-1",
    b"0m@1",
    b"01m@1",
    b"1d@1",
    b"25h@1",
    b"1m@1 ",
    b"1m@1\n",
    b"1m@1@2",
    b"1m@" + str(MAX_TIME_MS + 1).encode(),
    "1m@\u0661".encode(),
]


def same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Equal bit for bit, NaN included."""
    return a.shape == b.shape and a.tobytes() == b.tobytes()


@given(VALUES)
def test_packed_bars_come_back_to_the_last_bit(values: NDArray[np.float64]) -> None:
    assert same(unpack(pack(values).tobytes()), values)


@given(VALUES)
def test_any_msgpack_reader_reads_packed_bars(values: NDArray[np.float64]) -> None:
    reader = msgpack.Unpacker()
    reader.feed(pack(values).tobytes())
    rows = np.array(list(reader), np.float64).reshape(len(values), 5)
    assert same(rows, values)


@given(arrays(np.float64, (5,), elements=ANY_FLOATS))
def test_a_packed_bar_is_what_msgpack_itself_writes(row: NDArray[np.float64]) -> None:
    assert pack(row.reshape(1, 5)).tobytes() == msgpack.packb(row.tolist(), use_single_float=False)


def test_a_bar_has_the_bytes_that_the_protocol_says() -> None:
    packed = pack(np.array([[1.0, 2.0, 0.5, 1.5, 100.0]])).tobytes()
    assert packed == b"\x95" + b"".join(b"\xcb" + struct.pack(">d", x) for x in (1.0, 2.0, 0.5, 1.5, 100.0))
    assert len(packed) == BAR_BYTES


@pytest.mark.parametrize("packed", BAD_BARS)
def test_bytes_that_are_no_bars_are_refused(packed: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(packed)


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_bars_or_malformed(packed: bytes) -> None:
    try:
        frame = frame_of(packed)
    except Malformed:
        return
    assert frame.tobytes() == packed


@given(MINUTES)
def test_bars_cut_into_runs_and_put_together_again_are_the_same(minutes: list[int]) -> None:
    starts = np.array(minutes, np.int64) * MINUTE_MS
    values = np.arange(5.0 * len(minutes)).reshape(-1, 5)
    runs = {str(start).encode(): packed for start, packed in runs_of(starts, pack(values), MINUTE_MS)}
    bars = bars_of("AAPL", "1m", runs)
    assert bars.start_ms.tolist() == starts.tolist()
    assert same(bars.values, values)
    gaps = sum(1 for a, b in pairwise(minutes) if b - a > 1)
    assert len(runs) == (gaps + 1 if minutes else 0)


def test_runs_are_ordered_by_number_and_not_by_text() -> None:
    runs = {b"9000000": GOOD, b"10000000": GOOD, b"60000": GOOD}
    assert bars_of("AAPL", "1m", runs).start_ms.tolist() == [
        60_000,
        120_000,
        9_000_000,
        9_060_000,
        10_000_000,
        10_060_000,
    ]


@pytest.mark.parametrize("runs", [{b"0": GOOD, b"60000": GOOD}, {b"x": GOOD}, {b"0": GOOD[:-1]}])
def test_runs_that_overlap_or_are_no_runs_are_refused(runs: dict[bytes, bytes]) -> None:
    with pytest.raises(Malformed):
        bars_of("AAPL", "1m", runs)


@given(st.sampled_from(["1s", "1m", "5m", "1h", "24h"]), st.integers(0, MAX_TIME_MS))
def test_a_group_field_comes_back(interval: str, start_ms: int) -> None:
    assert parse_group_field(group_field(interval, start_ms).encode()) == (interval, start_ms)


@pytest.mark.parametrize("field", BAD_FIELDS)
def test_a_field_that_is_no_group_is_refused(field: bytes) -> None:
    with pytest.raises(Malformed):
        parse_group_field(field)


def test_a_group_comes_back_as_its_symbols_and_bars() -> None:
    head, packed = split_group(pack_names(["AAPL", "BRK.B"]) + GOOD)
    assert names_of(head) == ("AAPL", "BRK.B")
    assert bytes(packed) == GOOD


@pytest.mark.parametrize("value", [b"", GOOD, b"AAPL\n", b"AAPL\n" + GOOD, b"A,B,C\n" + GOOD, b"\n" + GOOD])
def test_a_group_whose_bars_do_not_fit_its_symbols_is_refused(value: bytes) -> None:
    with pytest.raises(Malformed):
        split_group(value)


def test_symbols_that_are_not_ascii_are_refused() -> None:
    with pytest.raises(Malformed):
        names_of("\u00c5\n".encode())


def test_special_numbers_pass() -> None:
    special: list[Any] = [math.nan, math.inf, -math.inf, -0.0, 5e-324]
    assert same(unpack(pack(np.array([special])).tobytes()), np.array([special]))
