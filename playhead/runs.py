"""Runs of packed bars in session data, as far as they can be judged without looking into them, and without numpy."""

from __future__ import annotations

import re
from typing import Final

from playhead.errors import Malformed
from playhead.times import MAX_TIME_MS

BAR_BYTES: Final = 46
"""Of a packed bar, whatever is in it."""
_START: Final = re.compile(rb"[0-9]{1,15}")


def run_start(field: bytes, size: int) -> int:
    """The start of a run's first bar, of the field and the size of the run. Raises `Malformed` for what is no time, and
    for bytes that are no whole bars.
    """
    if not _START.fullmatch(field) or int(field) > MAX_TIME_MS:
        raise Malformed(f"a run is named {field[:40]!r}, not by a start in milliseconds")
    if size % BAR_BYTES:
        raise Malformed(f"{size} bytes of bars are not a multiple of {BAR_BYTES}")
    return int(field)
