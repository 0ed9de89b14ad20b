"""Reads one text file of bars: all at once when it is in order, row by row to find what is wrong with it."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from playhead.bars import COLUMNS
from playhead.errors import BadRow, SourceError
from shared.sources.checks import first_fault, order_fault, value_fault
from shared.sources.csv_layout import CsvLayout
from shared.sources.csv_times import place

log = logging.getLogger(__name__)

_SHOWN = 40  # characters of an unreadable value that an error repeats


@dataclass(frozen=True, slots=True, eq=False)
class CsvTable:
    """The bars of a file, read-only: starts in UTC ms, shape (n,), values (n, 5), and rows left out."""

    start_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    skipped: int = 0

    @property
    def nbytes(self) -> int:
        return self.start_ms.nbytes + self.values.nbytes


@dataclass(slots=True)
class _Row:
    line: int
    time: int | datetime | None
    values: list[float]
    fault: str | None


def read_csv(path: Path, layout: CsvLayout) -> CsvTable:
    """The bars of a file. Prices are read as `float` would read them.

    Raises `BadRow` for the first row that is no bar, unless the layout says to skip those, and `SourceError`
    when the file cannot be read at all.
    """
    try:
        head = _read_head(path, layout)
        if head is None:
            table = CsvTable(np.empty(0, np.int64), np.empty((0, 5), np.float64))
        else:
            # The quick way decides nothing about bad files: the row by row one names the line, or skips it.
            table = _read_all(path, layout, *head) or _read_rows(path, layout, *head)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror})") from error
    table.start_ms.setflags(write=False)
    table.values.setflags(write=False)
    return table


def _read_head(path: Path, layout: CsvLayout) -> tuple[int, int, tuple[int, ...]] | None:
    """How many lines a header takes, how many columns there are, where ours are; None for an empty file."""
    for line, fields in _rows(path, layout):
        try:
            return line if layout.header else 0, len(fields), layout.positions(fields)
        except ValueError as error:
            raise BadRow(str(path), line, str(error)) from error
    if layout.header:
        raise BadRow(str(path), 1, "the file is empty, without even a header; say header=no if it may be")
    return None


def _read_all(path: Path, layout: CsvLayout, skip: int, width: int, places: tuple[int, ...]) -> CsvTable | None:
    """The bars by Arrow, or None when anything at all is not as it should be."""
    names = [str(position) for position in range(width)]
    wanted = [names[position] for position in places]
    types = {name: pa.float64() for name in wanted} | {wanted[0]: pa.string()}
    try:
        table = arrow_csv.read_csv(
            str(path),
            read_options=arrow_csv.ReadOptions(column_names=names, skip_rows=skip),
            parse_options=arrow_csv.ParseOptions(delimiter=layout.delimiter),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=wanted, null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    start_ms = layout.times.parse_column(table.column(wanted[0]).combine_chunks())
    if start_ms is None:
        return None
    values = np.column_stack([table.column(name).to_numpy() for name in wanted[1:]])
    return None if first_fault(start_ms, values) else CsvTable(start_ms - layout.shift_ms, values)


def _read_rows(path: Path, layout: CsvLayout, skip: int, width: int, places: tuple[int, ...]) -> CsvTable:
    rows = [_row(line, fields, layout, width, places) for line, fields in _rows(path, layout) if line > skip]
    placed = place([row.time for row in rows], layout.times.zone)
    starts: list[int] = []
    values: list[list[float]] = []
    faults: list[tuple[int, str]] = []
    for row, time in zip(rows, placed, strict=True):
        fault = row.fault or (time if isinstance(time, str) else None)
        if fault is None and isinstance(time, int):
            start_ms = time - layout.shift_ms
            fault = order_fault(starts[-1], start_ms) if starts else None
            if fault is None:
                starts.append(start_ms)
                values.append(row.values)
                continue
        faults.append((row.line, fault or "the row has no time"))
        if not layout.skip_bad_rows:
            raise BadRow(str(path), *faults[0])
    if faults:
        log.warning("%s: %d bad rows left out; the first is line %d: %s", path, len(faults), *faults[0])
    return CsvTable(np.array(starts, np.int64), np.array(values, np.float64).reshape(len(starts), 5), len(faults))


def _row(line: int, fields: list[str], layout: CsvLayout, width: int, places: tuple[int, ...]) -> _Row:
    row = _Row(line, None, [], None)
    if len(fields) != width:
        row.fault = f"there are {len(fields)} columns, and {width} in the first row"
        return row
    try:
        row.time = layout.times.parse(fields[places[0]])
        row.values = [_number(name, fields[position]) for name, position in zip(COLUMNS, places[1:], strict=True)]
    except ValueError as error:
        row.time, row.fault = None, str(error)
        return row
    row.fault = value_fault(row.values)
    return row


def _number(name: str, text: str) -> float:
    try:
        if "_" in text:  # which Python takes for a digit separator
            _refuse(name, text)
        return float(text)
    except ValueError:
        _refuse(name, text)


def _refuse(name: str, text: str) -> NoReturn:
    fault = f"{name} {text[:_SHOWN]!r} is not a number" if text.strip() else f"{name} is empty"
    raise ValueError(fault) from None


def _rows(path: Path, layout: CsvLayout) -> Iterator[tuple[int, list[str]]]:
    """The fields of each row that is not blank, with the line it begins on."""
    # Bytes that are no UTF-8 are passed on: they matter only where a time or a number should be.
    with path.open(encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        reader = csv.reader(file, delimiter=layout.delimiter)
        line = 1
        try:
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            raise BadRow(str(path), line, f"the row cannot be read ({error})") from error
