"""The digest of a symbol's bars of one trading day: equal bars have equal ones, however they are cut into runs.

It is the beginning of the SHA-256 of the starts as little-endian int64 and then of the packed bars, both in time order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playhead.bars import Bars
from playhead.codec import Frame, pack
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from playhead.runs import BAR_BYTES, run_start

DIGITS: Final = 16
"""Hexadecimal digits of a digest."""
CLOCK_FIELD: Final = "clock_ms"
"""The field of the hash `digests` that comes last, once a session has ended: the clock up to which all are."""
UNREADABLE: Final = ""
"""Stands for the digest of session data that are no bars."""
_REMEMBERED: Final = 256  # layouts of runs: many symbols of one day have the same


def field_of(calendar: str, day: str, interval: str) -> str:
    """The field of the hash `digests` for one trading day."""
    return f"{calendar}:{day}:{interval}"


def parse_field(name: str) -> tuple[str, str, str]:
    """Calendar, day and interval of a field. Raises `Malformed`."""
    calendar, _, rest = name.partition(":")
    day, _, interval = rest.partition(":")
    if not (calendar and day and interval):
        raise Malformed(f"the digests have a field {name[:80]!r}, which is not <calendar>:<day>:<interval>")
    return calendar, day, interval


def digest_of(bars: Bars) -> str:
    """The digest of bars in time order."""
    return digest_of_frame(bars.start_ms, pack(bars.values))


def digest_of_frame(start_ms: NDArray[np.int64], frame: Frame) -> str:
    """The digest of packed bars of shape (n, 46) that begin at starts of shape (n,), in time order."""
    return _digest(start_ms.astype("<i8").tobytes(), frame.tobytes())


def digest_of_runs(interval: str, runs: Mapping[bytes, bytes]) -> str:
    """The digest of session data as it stands in Redis. Raises `Malformed` for what is no run.

    Runs that overlap are digested as they are: as bars that come twice.
    """
    fields, packed = tuple(runs), tuple(runs.values())
    starts, order = _layout(interval_ms(interval), fields, tuple(map(len, packed)))
    return _digest(starts, b"".join([packed[at] for at in order]))


@lru_cache(maxsize=_REMEMBERED)
def _layout(step_ms: int, fields: tuple[bytes, ...], sizes: tuple[int, ...]) -> tuple[bytes, tuple[int, ...]]:
    """The starts of all bars of some runs in time order, and the order of the runs in it."""
    starts_ms = [run_start(field, size) for field, size in zip(fields, sizes, strict=True)]
    order = tuple(sorted(range(len(fields)), key=starts_ms.__getitem__))
    parts = [starts_ms[at] + step_ms * np.arange(sizes[at] // BAR_BYTES, dtype="<i8") for at in order]
    return b"".join(part.astype("<i8").tobytes() for part in parts), order


def _digest(starts: bytes, packed: bytes) -> str:
    digest = sha256(starts)
    digest.update(packed)
    return digest.hexdigest()[:DIGITS]
