"""Recordings of a session: the ticks that a recorder has written to Parquet files, and how they are read.

A recording of session S in DIR is the directory `DIR/S`. It has

- `<entry>.parquet`: the ticks of consecutive notifications, named by the first of these, one row a bar. The footer says
  which session it is of, which notifications it covers, and which events are among them.
- `added-<entry>.parquet`: what a symbol had when it was added, named by the event: bars that were in no tick, except
  for those of a symbol that had been removed before. Then it has all that the symbol is to have of its day and before.
- `events.jsonl`: the events, one JSON object a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from playhead.bars import COLUMNS, Bars
from playhead.entries import order, time_ms
from playhead.errors import InvalidInput
from playhead.frames import PackageMissing

SUFFIX: Final = ".parquet"
ADDED: Final = "added-"
EVENTS: Final = "events.jsonl"
FOOTER: Final = b"playhead.recording"
"""In the footer of a file, JSON: `session`, `history`, `first`, `last` (entries) and `events`."""
_DAYS_KEPT: Final = 2


def part_name(entry: str) -> str:
    """The file of the ticks from an entry on."""
    return f"{entry}{SUFFIX}"


def added_name(entry: str) -> str:
    """The file of what the symbols of an event had."""
    return f"{ADDED}{entry}{SUFFIX}"


def parts(directory: Path) -> list[Path]:
    """The files of ticks, in time order."""
    found = directory.glob(f"[0-9]*{SUFFIX}")
    return sorted(found, key=lambda path: order(path.name.removesuffix(SUFFIX)))


class Recording:
    """The bars of one session as they were recorded."""

    def __init__(self, directory: Path, session: str) -> None:
        """Raises `InvalidInput` where there is none."""
        self.directory = directory / session
        if not parts(self.directory):
            raise InvalidInput(f"there is no recording of session {session} in {directory}")
        self._of_day = lru_cache(maxsize=_DAYS_KEPT)(self._read)

    def bars(self, symbol: str, interval: str, open_ms: int, close_ms: int) -> Bars:
        """The bars that start in a half-open range of time. Raises `InvalidInput` for files that cannot be read,
        `PackageMissing` without the extra `arrow`.
        """
        return self._of_day(open_ms, close_ms).get((symbol, interval)) or Bars.empty(symbol, interval)

    def _read(self, open_ms: int, close_ms: int) -> Mapping[tuple[str, str], Bars]:
        tables = [(path, self._table(path, open_ms, close_ms)) for path in self._files(open_ms, close_ms)]
        return _by_symbol((_added_at_ms(path), table) for path, table in tables if len(table))

    def _files(self, open_ms: int, close_ms: int) -> Iterable[Path]:
        """Those that may have bars of a range: ticks come after the start of their bars."""
        found = parts(self.directory)
        begins = [order(path.name.removesuffix(SUFFIX))[0] for path in found]
        for at, path in enumerate(found):
            ends_ms = begins[at + 1] if at + 1 < len(found) else None
            if (ends_ms is None or ends_ms > open_ms) and begins[at] <= close_ms:
                yield path
        yield from sorted(self.directory.glob(f"{ADDED}*{SUFFIX}"), key=lambda path: order(_added_entry(path)))

    def _table(self, path: Path, open_ms: int, close_ms: int) -> Any:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise PackageMissing("pyarrow", "arrow") from error
        try:
            return pyarrow.parquet.read_table(
                path, filters=[("start_ms", ">=", open_ms), ("start_ms", "<", close_ms)], partitioning=None
            )
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise InvalidInput(f"{path} cannot be read as a recording ({error})") from error


def _added_entry(path: Path) -> str:
    return path.name.removeprefix(ADDED).removesuffix(SUFFIX)


def _added_at_ms(path: Path) -> int | None:
    """The clock of an addition, `None` for a file of ticks."""
    return time_ms(_added_entry(path)) if path.name.startswith(ADDED) else None


def _by_symbol(tables: Iterable[tuple[int | None, Any]]) -> Mapping[tuple[str, str], Bars]:
    """The bars of some tables: those of ticks first, then those of additions in their order.

    What a symbol has of an addition stands for all that it had by then: it may have been removed before.
    """
    starts: dict[tuple[str, str], list[Any]] = {}
    values: dict[tuple[str, str], list[Any]] = {}
    closes: dict[tuple[str, str], list[Any]] = {}
    for added_ms, table in tables:
        symbols, intervals = (_codes(table.column(name)) for name in ("symbol", "interval"))
        start_ms, close_ms = (table.column(name).to_numpy() for name in ("start_ms", "close_ms"))
        rows = np.stack([table.column(name).to_numpy() for name in COLUMNS], axis=1)
        (symbol_codes, symbol_names), (interval_codes, interval_names) = symbols, intervals
        owners = symbol_codes.astype(np.int64) * len(interval_names) + interval_codes
        by_owner = np.argsort(owners, kind="stable")
        borders = np.flatnonzero(np.diff(owners[by_owner])) + 1
        for of in np.split(by_owner, borders):
            key = symbol_names[symbol_codes[of[0]]], interval_names[interval_codes[of[0]]]
            if added_ms is not None and key in starts:
                later = [each > added_ms for each in closes[key]]
                for kept in (starts, values, closes):
                    kept[key] = [each[where] for each, where in zip(kept[key], later, strict=True)]
            starts.setdefault(key, []).append(start_ms[of])
            values.setdefault(key, []).append(rows[of])
            closes.setdefault(key, []).append(close_ms[of])
    found: dict[tuple[str, str], Bars] = {}
    for (symbol, interval), parts_of in starts.items():
        all_starts, all_values = np.concatenate(parts_of), np.concatenate(values[symbol, interval])
        in_order = np.argsort(all_starts, kind="stable")
        found[symbol, interval] = Bars(symbol, interval, all_starts[in_order], all_values[in_order])
    return found


def _codes(column: Any) -> tuple[Any, list[str]]:
    """The values of a column as numbers, and what these stand for."""
    encoded = column.combine_chunks()
    if not hasattr(encoded, "dictionary"):
        encoded = encoded.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
