"""Ids of stream entries: `<ms>-<n>`, which order as two numbers and not as text."""

from __future__ import annotations

from typing import Final

from playhead.errors import Malformed

BEGINNING: Final = "0-0"
"""The position before the first entry."""


def order(entry: str) -> tuple[int, int]:
    """What an entry id sorts by. Raises `Malformed` for what is none."""
    time, dash, number = entry.partition("-")
    if not dash:
        number = "0"
    # Not by a regular expression: it would take a good part of the time for a small tick.
    if not (entry.isascii() and time.isdigit() and number.isdigit() and len(time) <= 20 and len(number) <= 20):
        raise Malformed(f"{entry[:40]!r} is no id of an entry")
    return int(time), int(number)


def time_ms(entry: str) -> int:
    """The time in an entry id; in feeds and notifications this is market time, UTC milliseconds."""
    return order(entry)[0]


def is_entry(text: str) -> bool:
    """Whether it is a whole id, with its number. A cursor may have been written by any hand."""
    try:
        order(text)
    except Malformed:
        return False
    return "-" in text
