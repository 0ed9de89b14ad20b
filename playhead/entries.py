"""Ids of stream entries: `<ms>-<n>`, which order as two numbers and not as text."""

from __future__ import annotations

import re
from typing import Final

from playhead.errors import Malformed

BEGINNING: Final = "0-0"
"""The position before the first entry."""

_ENTRY: Final = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?")


def order(entry: str) -> tuple[int, int]:
    """What an entry id sorts by. Raises `Malformed` for what is none."""
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise Malformed(f"{entry[:40]!r} is no id of an entry")
    return int(match[1]), int(match[2] or 0)


def time_ms(entry: str) -> int:
    """The time in an entry id; in feeds and notifications this is market time, UTC milliseconds."""
    return order(entry)[0]


def is_entry(text: str) -> bool:
    """Whether it is a whole id, with its number. A cursor may have been written by any hand."""
    return "-" in text and _ENTRY.fullmatch(text) is not None
