"""One Parquet file of bars: what its footer says, and the bars of some symbols out of it."""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from playhead.bars import COLUMNS
from playhead.errors import BadRow, SourceError
from shared.sources.checks import are_sound, first_fault

SYMBOL, START_MS, TIME = "symbol", "start_ms", "time"
# What our importer adds to the footer, as JSON values.
INTERVAL_KEY: Final = b"playhead.interval"
ADJUSTED_KEY: Final = b"playhead.adjusted"
SYMBOLS_KEY: Final = b"playhead.symbols"

_NEVER_MS = 1 << 62
READ_ROWS: Final = 128 << 10
"""Rows that are decoded together. Memory that is used for the first time costs more than to decode into it: a few
megabytes are used again and again, where the columns of all rows of a day would take hundreds."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group: the file's rows that it has, and between which symbols and starts (UTC ms) they lie."""

    number: int
    first_row: int
    rows: int
    symbols: tuple[str, str] | None  # None when the footer does not say
    starts: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive bars of one symbol in one file: starts in UTC ms, shape (n,), and values, shape (n, 5)."""

    file: Path
    first_row: int  # from 1
    start_ms: NDArray[np.int64]
    values: NDArray[np.float64]


class ParquetBars:
    """A file by its footer, which is read once. The file is open only while bars are read; any thread may."""

    def __init__(self, path: Path) -> None:
        """Raises `SourceError` when it is no Parquet file, or not one of bars."""
        self.path = path
        try:
            with parquet.ParquetFile(path) as file:
                self._footer: Any = file.metadata
                schema: Any = file.schema_arrow
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"{path} cannot be read as Parquet ({error})") from error
        self._time = self._check_columns(schema)
        self._columns = [SYMBOL, self._time, *COLUMNS]
        said: Mapping[bytes, bytes] = self._footer.metadata or {}
        self.interval: str | None = self._said(said, INTERVAL_KEY, str)
        self.adjusted: bool | None = self._said(said, ADJUSTED_KEY, bool)
        self._listed: list[str] | None = self._said(said, SYMBOLS_KEY, list)
        self._groups = self._read_groups()

    @property
    def nbytes(self) -> int:
        """About how much memory the footer takes."""
        return int(self._footer.serialized_size) * 2

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The symbols that have a row. Costs a read of that column when the footer does not say."""
        if self._listed is not None:
            return frozenset(self._listed)
        with self._open() as file:
            column = file.read(columns=[SYMBOL], use_threads=False).column(SYMBOL)
        return frozenset(compute.unique(column.cast(pa.string())).to_pylist()) - {None}

    def may_have(self, symbol: str) -> bool:
        """Whether a row group can have the symbol, by the footer alone."""
        return any(group.symbols is None or group.symbols[0] <= symbol <= group.symbols[1] for group in self._groups)

    def read(self, symbols: Sequence[str], start_ms: int, end_ms: int) -> dict[str, list[Piece]]:
        """The bars of some symbols out of the row groups that can have any in the half-open range.

        Pieces are in the order of the rows, and may have bars outside the range. Raises `BadRow` for a row of
        these symbols that is no bar.
        """
        ordered = sorted(symbols)
        groups = [group for group in self._groups if _wanted(group, ordered, start_ms, end_ms)]
        found: dict[str, list[Piece]] = {}
        for some, table in self._tables(groups):
            pieces, sound = self._pieces(table, some, set(ordered))
            del table  # before the next one is decoded
            for symbol, piece in pieces:
                fault = None if sound else first_fault(piece.start_ms, piece.values)
                if fault:
                    raise BadRow(str(self.path), piece.first_row + fault[0], fault[1])
                found.setdefault(symbol, []).append(piece)
        return found

    def _tables(self, groups: Sequence[_Group]) -> Iterator[tuple[list[_Group], Any]]:
        """The rows of row groups, some of these at a time."""
        if not groups:  # of many files most have nothing of a day: those are not opened
            return
        try:
            with self._open() as file:
                for some in _together(groups):
                    numbers = [group.number for group in some]
                    yield some, file.read_row_groups(numbers, columns=self._columns, use_threads=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(f"{self.path} cannot be read ({error})") from error

    def _open(self) -> Any:
        return parquet.ParquetFile(self.path, metadata=self._footer, read_dictionary=[SYMBOL])

    def _pieces(
        self, table: Any, groups: list[_Group], wanted: Collection[str]
    ) -> tuple[list[tuple[str, Piece]], bool]:
        """The rows of the wanted symbols, a piece for each symbol and row group, and whether all rows are bars."""
        # Where each row group begins in the table.
        borders = np.cumsum([0, *(group.rows for group in groups[:-1])])

        def row_of(at: int) -> int:
            of = bisect_right(borders, at) - 1
            return int(groups[of].first_row + at - borders[of])

        for name in (SYMBOL, self._time):
            column = table.column(name)
            if column.null_count:
                at = int(compute.index(compute.is_null(column), True).as_py())
                raise BadRow(str(self.path), row_of(at), f"{name} is empty")
        coded = table.column(SYMBOL).combine_chunks()
        if not isinstance(coded, pa.DictionaryArray):
            coded = coded.dictionary_encode()
        names, codes = coded.dictionary.to_pylist(), coded.indices.to_numpy()
        # A piece begins with each row group, and where the symbol changes.
        begins = np.union1d(borders, np.flatnonzero(codes[1:] != codes[:-1]) + 1)
        pairs = np.searchsorted(borders, begins, side="right") * len(names) + codes[begins]
        _, firsts = np.unique(pairs, return_index=True)
        if len(firsts) < len(begins):
            at = int(begins[np.setdiff1d(np.arange(len(begins)), firsts)[0]])
            raise BadRow(
                str(self.path),
                row_of(at),
                f"the rows of {names[codes[at]]} are not together; sort the file by symbol, then time",
            )
        starts = self._starts(table.column(self._time))
        values = np.column_stack([table.column(name).cast(pa.float64()).to_numpy() for name in COLUMNS])
        ends = [*begins[1:].tolist(), len(codes)]
        chosen = [
            (begin, end) for begin, end in zip(begins.tolist(), ends, strict=True) if names[codes[begin]] in wanted
        ]
        # A day of one symbol does not keep all of it in memory; where most of it is wanted, it need not be copied.
        few = 2 * sum(end - begin for begin, end in chosen) < len(codes)
        pieces = []
        for begin, end in chosen:
            columns = starts[begin:end], values[begin:end]
            if few:
                columns = columns[0].copy(), columns[1].copy()
            pieces.append((names[codes[begin]], Piece(self.path, row_of(begin), *columns)))
        return pieces, are_sound(starts, values, begins)

    def _starts(self, column: Any) -> NDArray[np.int64]:
        if self._time == TIME:
            try:
                column = column.cast(pa.timestamp("ms", column.type.tz)).cast(pa.int64())
            except pa.ArrowInvalid as error:
                raise SourceError(f"{self.path} has times that are no whole milliseconds ({error})") from error
        starts: NDArray[np.int64] = column.to_numpy()
        return starts

    def _check_columns(self, schema: Any) -> str:
        time = START_MS if START_MS in schema.names else TIME
        missing = [name for name in (SYMBOL, time, *COLUMNS) if name not in schema.names]
        if missing:
            raise SourceError(
                f"{self.path} has no column {', '.join(missing)}; a file of bars has symbol, start_ms or "
                f"time, {', '.join(COLUMNS)}, and this one has {', '.join(schema.names)}"
            )
        kinds = {name: schema.field(name).type for name in (SYMBOL, time, *COLUMNS)}
        text = kinds[SYMBOL].value_type if pa.types.is_dictionary(kinds[SYMBOL]) else kinds[SYMBOL]
        wrong = [] if pa.types.is_string(text) or pa.types.is_large_string(text) else [SYMBOL]
        if time == START_MS:
            wrong += [] if pa.types.is_int64(kinds[time]) else [time]
        elif not pa.types.is_timestamp(kinds[time]) or kinds[time].tz is None:
            raise SourceError(f"{self.path}: time is {kinds[time]}, not a timestamp with a zone; say which zone")
        wrong += [
            name for name in COLUMNS if not (pa.types.is_floating(kinds[name]) or pa.types.is_integer(kinds[name]))
        ]
        if wrong:
            raise SourceError(
                f"{self.path}: column {wrong[0]} is {kinds[wrong[0]]}; symbol is text, start_ms int64, "
                "the others are numbers"
            )
        return time

    def _said(self, said: Mapping[bytes, bytes], key: bytes, kind: type) -> Any:
        if key not in said:
            return None
        try:
            value = json.loads(said[key])
        except ValueError as error:
            raise SourceError(f"{self.path}: {key.decode()} in the footer is no JSON; import it again") from error
        if not isinstance(value, kind):
            raise SourceError(f"{self.path}: {key.decode()} in the footer is {value!r}; import it again")
        return value

    def _read_groups(self) -> list[_Group]:
        paths = [self._footer.schema.column(at).path for at in range(self._footer.num_columns)]
        symbol_at, time_at = paths.index(SYMBOL), paths.index(self._time)
        groups, first_row = [], 1
        for number in range(self._footer.num_row_groups):
            group = self._footer.row_group(number)
            if not group.num_rows:
                continue
            symbols, times = group.column(symbol_at).statistics, group.column(time_at).statistics
            has_symbols = symbols is not None and symbols.has_min_max
            has_times = times is not None and times.has_min_max
            groups.append(
                _Group(
                    number,
                    first_row,
                    group.num_rows,
                    (symbols.min, symbols.max) if has_symbols else None,
                    (_ms(times.min, math.floor), _ms(times.max, math.ceil)) if has_times else (-_NEVER_MS, _NEVER_MS),
                )
            )
            first_row += group.num_rows
        return groups


def _together(groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """Row groups that are read together: as many as have so many rows, and at least one."""
    some: list[_Group] = []
    rows = 0
    for group in groups:
        if some and rows + group.rows > READ_ROWS:
            yield some
            some, rows = [], 0
        some.append(group)
        rows += group.rows
    if some:
        yield some


def _wanted(group: _Group, ordered: list[str], start_ms: int, end_ms: int) -> bool:
    if group.starts[1] < start_ms or group.starts[0] >= end_ms:
        return False
    if group.symbols is None:
        return True
    lowest, highest = group.symbols
    at = bisect_left(ordered, lowest)
    return at < len(ordered) and ordered[at] <= highest


def _ms(time: Any, rounded: Any) -> int:
    if isinstance(time, datetime):
        aware = time if time.tzinfo else time.replace(tzinfo=UTC)
        return int(rounded(aware.timestamp() * 1000))
    return int(time)
