"""Which feed carries which symbol, and the parts of a tick put together accordingly. Pure."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from coordinator.merge import MergedTick
from playhead.codec import Frame, frame_of, names_of, pack_names, parse_group_field, split_group
from playhead.errors import Malformed
from playhead.intervals import interval_ms
from playhead.messages import TYPE
from playhead.symbols import MAIN_FEED, SymbolRecord

LOG: Final = logging.getLogger(__name__)
_REMEMBERED: Final = 1024  # heads and combinations; the same ones come tick after tick


@dataclass(frozen=True, slots=True)
class Released:
    """One group of a tick as it is released: its field and value on the wire, and what they mean."""

    field: bytes
    value: bytes
    interval: str
    start_ms: int
    symbols: tuple[str, ...]
    frame: Frame


@dataclass(frozen=True, slots=True)
class _Part:
    value: bytes
    head: bytes
    frame: Frame
    rows: tuple[int, ...] | None  # None: all of them


class Roster:
    """The symbols of a session at one moment. A new one is made when they change."""

    def __init__(self, records: Mapping[str, SymbolRecord]) -> None:
        self.records = dict(records)
        # Between two of these times it does not change which feed carries a symbol.
        self._borders = sorted({record.through_ms for record in records.values()})
        self._rows = lru_cache(maxsize=_REMEMBERED)(self._rows_of)
        self.skipped = 0

    def accepts(self, feed: str, symbol: str, close_ms: int) -> bool:
        """Whether a symbol's bar that closes then is to be taken from this feed."""
        record = self.records.get(symbol)
        if record is None:
            return False
        return feed == (record.feed if close_ms <= record.through_ms else MAIN_FEED)

    def arrange(self, tick: MergedTick) -> list[Released]:
        """The groups of a tick in canonical order: what each feed is to carry, sorted by symbol. May be empty.

        A group that does not follow the protocol is left out, said and counted: it must not stop the clock.
        """
        parts: dict[bytes, list[_Part]] = {}
        faults: list[str] = []
        border = bisect_left(self._borders, tick.close_ms)
        for feed, fields in tick.parts:
            for field, value in fields.items():
                if field == TYPE:
                    continue
                try:
                    interval, start_ms = _group(field)
                    if not start_ms < tick.close_ms <= start_ms + interval_ms(interval):
                        raise Malformed(f"a bar of {field!r} does not close then")
                    head, packed = split_group(value)
                    rows = self._rows(feed, head, border)
                    frame = frame_of(packed)
                except Malformed as error:
                    faults.append(f"in feed {feed} {error}")
                    continue
                if rows is None or rows:
                    parts.setdefault(field, []).append(_Part(value, head, frame, rows))
        if faults:
            self.skipped += len(faults)
            LOG.warning("%d groups of the tick at %s are left out: %s", len(faults), tick.close_ms, faults[0])
        fields_in_order = sorted(parts, key=_canonical) if len(parts) > 1 else parts
        return [_combine(field, tuple(parts[field])) for field in fields_in_order]

    def _rows_of(self, feed: str, head: bytes, border: int) -> tuple[int, ...] | None:
        symbols = _names(head)
        if any(symbol >= following for symbol, following in pairwise(symbols)):
            raise Malformed("the symbols of a group are not sorted, or one comes twice")
        last = self._borders[-1] + 1 if self._borders else 0
        close_ms = self._borders[border] if border < len(self._borders) else last
        rows = tuple(at for at, symbol in enumerate(symbols) if self.accepts(feed, symbol, close_ms))
        return None if len(rows) == len(symbols) else rows


def _combine(field: bytes, parts: tuple[_Part, ...]) -> Released:
    interval, start_ms = _group(field)
    if len(parts) == 1 and parts[0].rows is None:
        part = parts[0]  # nothing to change: the bytes pass through
        return Released(field, part.value, interval, start_ms, _names(part.head), part.frame)
    head, order = _plan(tuple((part.head, part.rows) for part in parts))
    frame = np.concatenate([part.frame for part in parts])[order]
    return Released(field, head + frame.tobytes(), interval, start_ms, _names(head), frame)


@lru_cache(maxsize=_REMEMBERED)
def _plan(parts: tuple[tuple[bytes, tuple[int, ...] | None], ...]) -> tuple[bytes, NDArray[np.intp]]:
    """The head of a combined group, and which rows of the parts' frames, one after the other, it takes."""
    found: dict[str, int] = {}
    offset = 0
    for head, rows in parts:
        symbols = _names(head)
        for at in range(len(symbols)) if rows is None else rows:
            found[symbols[at]] = offset + at
        offset += len(symbols)
    ordered = sorted(found)
    return pack_names(ordered), np.array([found[symbol] for symbol in ordered], np.intp)


def _canonical(field: bytes) -> tuple[int, int]:
    interval, start_ms = _group(field)
    return interval_ms(interval), start_ms


_names = lru_cache(maxsize=_REMEMBERED)(names_of)
_group = lru_cache(maxsize=_REMEMBERED)(parse_group_field)
