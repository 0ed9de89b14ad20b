"""What a row must be like to be a bar, whichever file it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from playhead.bars import COLUMNS


def value_fault(values: Sequence[float]) -> str | None:
    """What is wrong with open, high, low, close and volume, or None.

    Zero is accepted, and so is an open or close outside low..high: vendors' files have both.
    """
    for name, value in zip(COLUMNS, values, strict=True):
        if not math.isfinite(value):
            return f"{name} is {value}, not a number"
        if value < 0:
            return f"{name} {value} is negative"
    if values[1] < values[2]:
        return f"high {values[1]} is below low {values[2]}"
    return None


def order_fault(before_ms: int, start_ms: int) -> str | None:
    """What is wrong with a start after the one of the row before it, both UTC ms, or None."""
    if start_ms > before_ms:
        return None
    if start_ms == before_ms:
        return f"time {show_time(start_ms)} is that of the row before it"
    return f"time {show_time(start_ms)} is earlier than {show_time(before_ms)} of the row before it"


def are_sound(start_ms: NDArray[np.int64], values: NDArray[np.float64], begins: NDArray[np.intp]) -> bool:
    """Whether all rows of many symbols are bars, in the order of their times where another symbol does not begin.
    Many are judged at once, some times faster than one symbol after the other; `first_fault` says what is wrong."""
    if not len(values):
        return True
    rises = np.diff(start_ms) > 0
    rises[begins[begins > 0] - 1] = True
    in_range = values.min() >= 0 and values.max() < math.inf  # neither holds where there is a NaN
    return bool(in_range and (values[:, 1] >= values[:, 2]).all() and rises.all())


def first_fault(start_ms: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[int, str] | None:
    """The first row of shape (n,) and (n, 5) that is no bar, with the reason, or None."""
    bad = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1) | (values[:, 1] < values[:, 2])
    bad[1:] |= np.diff(start_ms) <= 0
    if not bad.any():
        return None
    at = int(bad.argmax())
    reason = value_fault(values[at].tolist()) or order_fault(int(start_ms[at - 1]), int(start_ms[at]))
    return at, reason or "the row is no bar"


def show_time(time_ms: int) -> str:
    """A time for an error, in ISO form with its offset."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(
        sep=" ", timespec="milliseconds" if time_ms % 1000 else "seconds"
    )
