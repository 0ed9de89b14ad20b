"""Ids of stream entries: `<ms>-<n>`, which order as two numbers and not as text."""

from __future__ import annotations

from typing import Final

BEGINNING: Final = "0-0"
"""The position before the first entry."""


def order(entry: str) -> tuple[int, int]:
    """What an entry id sorts by."""
    ms, _, n = entry.partition("-")
    return int(ms), int(n or 0)


def time_ms(entry: str) -> int:
    """The time in an entry id; in feeds and notifications this is market time, UTC milliseconds."""
    return order(entry)[0]
