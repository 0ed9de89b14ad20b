"""The ticks and events of one file, collected until it is written. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from playhead.bars import COLUMNS, Bars
from playhead.messages import Event, Group, Message, Tick

MAX_ROWS: Final = 500_000
"""Bars of one file: some 15 MB of it, and 60 MB here."""
MAX_TICKS: Final = 4_096
"""Notifications of one file: well below what is kept of them, since the clock waits for what is not written."""

SCHEMA: Final = pa.schema(
    [
        ("close_ms", pa.int64()),
        ("start_ms", pa.int64()),
        ("interval", pa.string()),
        ("symbol", pa.string()),
        *((name, pa.float64()) for name in COLUMNS),
    ]
)


class Part:
    """Consecutive notifications: named by the first, written as often as there are more, until it is full."""

    def __init__(self, first: str) -> None:
        self.first = first
        self.last = first
        self.events: list[Event] = []
        self._ticks: list[Tick] = []
        self._batches: list[pa.RecordBatch] = []
        self._messages = 0
        self._rows = 0

    @property
    def is_full(self) -> bool:
        return self._rows >= MAX_ROWS or self._messages >= MAX_TICKS

    def add(self, message: Message) -> None:
        """Takes the next notification."""
        self.last = message.entry
        self._messages += 1
        if isinstance(message, Tick):
            self._ticks.append(message)
            self._rows += sum(len(group.symbols) for group in message.groups)
        else:
            self.events.append(message)

    def table(self) -> pa.Table:
        """All its bars, one a row, in the order of the notifications."""
        if self._ticks:
            groups = [(tick.clock_ms, group) for tick in self._ticks for group in tick.groups]
            self._batches.append(_batch_of_groups(groups))
            self._ticks.clear()
        return pa.Table.from_batches(self._batches, SCHEMA)


def table_of_bars(parts: list[tuple[Bars, NDArray[np.int64]]]) -> pa.Table:
    """Bars with the times at which they closed, as a table like that of ticks."""
    batches = [
        _batch(
            closes, bars.start_ms, pa.repeat(bars.interval, len(bars)), pa.repeat(bars.symbol, len(bars)), bars.values
        )
        for bars, closes in parts
    ]
    return pa.Table.from_batches(batches, SCHEMA)


def _batch_of_groups(groups: list[tuple[int, Group]]) -> pa.RecordBatch:
    sizes = [len(group.symbols) for _, group in groups]
    closes = np.repeat(np.array([close_ms for close_ms, _ in groups], np.int64), sizes)
    starts = np.repeat(np.array([group.start_ms for _, group in groups], np.int64), sizes)
    intervals = pa.concat_arrays(
        [pa.repeat(group.interval, size) for (_, group), size in zip(groups, sizes, strict=True)]
    )
    symbols = pa.concat_arrays([_names(group.symbols) for _, group in groups])
    return _batch(closes, starts, intervals, symbols, np.concatenate([group.values for _, group in groups]))


@lru_cache(maxsize=64)  # the same symbols come tick after tick
def _names(symbols: tuple[str, ...]) -> pa.Array:
    return pa.array(symbols, pa.string())


def _batch(
    closes: NDArray[np.int64],
    starts: NDArray[np.int64],
    intervals: pa.Array,
    symbols: pa.Array,
    values: NDArray[np.float64],
) -> pa.RecordBatch:
    columns = [pa.array(closes), pa.array(starts), intervals, symbols]
    columns += [pa.array(np.ascontiguousarray(values[:, at])) for at in range(len(COLUMNS))]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
