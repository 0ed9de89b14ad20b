"""The bytes of bars on the wire. Nothing else in Playhead knows how a bar is packed.

A bar is a msgpack array of five float64: open, high, low, close, volume. Every number is written as a float64, so a
bar is always 46 bytes and numpy can pack and cut whole columns without touching a bar. Any msgpack reader can read it.

    95  cb <8 bytes>  cb <8 bytes>  cb <8 bytes>  cb <8 bytes>  cb <8 bytes>

A *run* is bars that follow each other at their interval, packed one after the other; its first start stands beside it.
A *group* is the bars of one tick that share interval and start: the field name is `<interval>@<start_ms>`, the value is
the sorted symbols joined by commas, a line feed, and one bar a symbol in that order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.errors import InvalidInput, Malformed
from playhead.intervals import interval_ms
from playhead.runs import BAR_BYTES, run_start
from playhead.times import MAX_TIME_MS

_ARRAY_OF_5, _FLOAT64 = 0x95, 0xCB
_MARKS = [0, 1, 10, 19, 28, 37]
_MARK_BYTES = np.array([_ARRAY_OF_5] + [_FLOAT64] * 5, np.uint8)
_BLANK = np.zeros(BAR_BYTES, np.uint8)
_BLANK[_MARKS] = _MARK_BYTES
_FIRST_VALUE, _VALUE_STEP = 2, 9  # bytes: where the first value stands, and from one to the next
_SYMBOL = rb"[A-Z0-9^][A-Z0-9.=^_-]{0,31}"
_NAMES = re.compile(rb"%b(?:,%b)*\n" % (_SYMBOL, _SYMBOL))
_END_OF_NAMES = b"\n"

Frame = NDArray[np.uint8]
"""Packed bars as an array of shape (n, 46)."""


def pack(values: NDArray[np.float64]) -> Frame:
    """Bars of shape (n, 5) as packed bars of shape (n, 46)."""
    frame = np.tile(_BLANK, (len(values), 1))
    _numbers_in(frame)[:] = values
    return frame


def frame_of(packed: bytes | memoryview) -> Frame:
    """Packed bars as an array of shape (n, 46), without a copy. Raises `Malformed`."""
    if len(packed) % BAR_BYTES:
        raise Malformed(f"{len(packed)} bytes of bars are not a multiple of {BAR_BYTES}")
    frame = np.frombuffer(packed, np.uint8).reshape(-1, BAR_BYTES)
    if not (frame[:, _MARKS] == _MARK_BYTES).all():
        raise Malformed("bars are not msgpack arrays of five float64")
    return frame


def unpack(packed: bytes | memoryview) -> NDArray[np.float64]:
    """The values of packed bars, shape (n, 5). Raises `Malformed`."""
    return values_of(frame_of(packed))


class Table:
    """Packed bars of any number of groups in one piece, shape (n, 46), which are known to be well formed.

    The numbers of all of them are made when the first one is asked for: to numpy one group costs as much as many.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Open, high, low, close and volume, shape (n, 5); read-only, as the frame is."""
        values = values_of(self.frame)
        values.flags.writeable = False
        return values


def values_of(frame: Frame) -> NDArray[np.float64]:
    """The values of a frame that is known to be well formed, shape (n, 5)."""
    return _numbers_in(np.ascontiguousarray(frame)).astype(np.float64)


def _numbers_in(frame: Frame) -> NDArray[np.float64]:
    """The numbers of a frame that is in one piece, as they stand in it: shape (n, 5), big-endian."""
    if not len(frame):
        return np.empty((0, 5), ">f8")
    return np.ndarray((len(frame), 5), ">f8", frame, _FIRST_VALUE, (BAR_BYTES, _VALUE_STEP))


def runs_of(start_ms: NDArray[np.int64], frame: Frame, step_ms: int) -> Iterator[tuple[int, bytes]]:
    """Cuts bars in time order into runs: pairs of the first start and the packed bars."""
    if not len(start_ms):
        return
    breaks = np.flatnonzero(np.diff(start_ms) != step_ms) + 1
    first = 0
    for last in (*breaks.tolist(), len(start_ms)):
        yield int(start_ms[first]), frame[first:last].tobytes()
        first = last


def bars_of(symbol: str, interval: str, runs: Mapping[bytes, bytes]) -> Bars:
    """Session data of one symbol and interval, put in order.

    Raises `Malformed` for a field that is not a run, or runs that overlap.
    """
    step_ms = interval_ms(interval)
    ordered = sorted((run_start(start, len(packed)), packed) for start, packed in runs.items())
    if not ordered:
        return Bars.empty(symbol, interval)
    starts = np.concatenate([start + step_ms * np.arange(len(packed) // BAR_BYTES) for start, packed in ordered])
    values = unpack(b"".join(packed for _, packed in ordered))
    if (np.diff(starts) <= 0).any():
        raise Malformed(f"runs of {symbol} {interval} overlap")
    return Bars(symbol, interval, starts.astype(np.int64), values)


def group_field(interval: str, start_ms: int) -> str:
    """The field name of a group."""
    return f"{interval}@{start_ms}"


def parse_group_field(field: bytes) -> tuple[str, int]:
    """Interval and start of a group's field name. Raises `Malformed`."""
    interval, _, start = field.partition(b"@")
    if not start.isdigit() or len(start) > 15:
        raise Malformed(f"field {field[:40]!r} is not <interval>@<start_ms>")
    start_ms = int(start)
    if start_ms > MAX_TIME_MS:
        raise Malformed(f"start {start_ms} is beyond the year 9999")
    return _interval(interval), start_ms


@lru_cache(maxsize=64)  # a regular expression for each tick would take longer than all the rest
def _interval(text: bytes) -> str:
    interval = text[:40].decode(errors="replace")
    try:
        interval_ms(interval)
    except InvalidInput as error:
        raise Malformed(str(error)) from error
    return interval


def pack_names(symbols: Sequence[str]) -> bytes:
    """The head of a group: what stands before its bars."""
    return ",".join(symbols).encode() + _END_OF_NAMES


def split_group(value: bytes) -> tuple[bytes, memoryview]:
    """The head of a group (as `pack_names` makes it) and its packed bars. Raises `Malformed`."""
    end = value.find(_END_OF_NAMES) + 1
    if not end:
        raise Malformed("a group of bars has no line of symbols")
    head, packed = value[:end], memoryview(value)[end:]
    if len(packed) != BAR_BYTES * (head.count(b",") + 1):
        raise Malformed(f"{len(packed)} bytes of bars do not fit {head.count(b',') + 1} symbols")
    return head, packed


def names_of(head: bytes) -> tuple[str, ...]:
    """The symbols of a group's head. Raises `Malformed`."""
    if not _NAMES.fullmatch(head):
        raise Malformed(f"{head[:40]!r} is no line of symbols")
    return tuple(head[:-1].decode("ascii").split(","))
