"""Copies bars from any source into a Parquet dataset of the layout that `parquet:` reads fastest.

    DIR/date=2025-07-02/part-00000.parquet      by the UTC date of each bar's start

Rows are sorted by symbol, then time, in row groups of a few symbols; the footer says interval, adjusted and
symbols. Bars of all hours are copied, as they are to the last bit. The dataset is written beside its place
and moved there when it is complete: nobody reads half of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from playhead.bars import COLUMNS, Bars
from playhead.errors import SourceError
from playhead.intervals import DAY_MS
from playhead.names import parse_symbols
from shared.sources.parquet_file import ADJUSTED_KEY, INTERVAL_KEY, START_MS, SYMBOL, SYMBOLS_KEY
from shared.sources.source import DataSource, SkipsRows
from shared.sources.uri import parse_uri

_GROUP_SYMBOLS = 5  # symbols in a row group: few enough to read one quickly, enough for a small footer
_BUFFER_BYTES = 256 * 2**20  # of bars in memory, beside those of the symbol that is being read
_FIRST_MS = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp()) * 1000
_LAST_MS = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000
_DATE_FOLDER = re.compile(r"date=[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SCHEMA = [(SYMBOL, pa.string()), (START_MS, pa.int64()), *((name, pa.float64()) for name in COLUMNS)]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was copied. `symbols` had a bar, those in `empty` had none; `skipped_rows` the source left out."""

    symbols: int
    empty: tuple[str, ...]
    bars: int
    files: int
    skipped_rows: int


def import_bars(
    source: DataSource,
    destination_uri: str,
    symbols: Sequence[str] | None,
    interval: str,
    start: datetime | int | None = None,
    end: datetime | int | None = None,
    *,
    overwrite: bool = False,
) -> ImportReport:
    """Copies the bars of some symbols, of all that the source lists for None, into `parquet:DIR`.

    `start` and `end` are as in `get_bars`, and None is as far as there are bars. With `overwrite` an earlier
    dataset at the same place is replaced; a directory with anything else in it never is. Raises `SourceError`
    for such a place, for no symbols, and for whatever the source raises; then the place is as it was.
    """
    parsed = parse_uri(destination_uri, ())
    if parsed.scheme != "parquet" or not parsed.path:
        raise SourceError(f"{destination_uri} is no place to import to; write parquet:/data/bars")
    place = Path(parsed.path).absolute()
    _check_place(place, overwrite)
    names = source.symbols() if symbols is None else parse_symbols(symbols)
    if not names:
        raise SourceError(f"{source.uri} lists no symbols; name those to import")
    fresh = place.with_name(f".{place.name}.import-{os.getpid()}")
    try:
        shutil.rmtree(fresh, ignore_errors=True)  # what a killed process of the same number may have left
        fresh.mkdir(parents=True)
        writer = _Writer(fresh, interval, source.adjusted)
        empty: list[str] = []
        skipped = 0
        for symbol in sorted(names):
            bars = source.get_bars(
                symbol, interval, _FIRST_MS if start is None else start, _LAST_MS if end is None else end
            )
            skipped += source.skipped(symbol) if isinstance(source, SkipsRows) else 0
            if len(bars):
                writer.add(bars)
            else:
                empty.append(symbol)
        writer.flush()
        _move(fresh, place)
    except OSError as error:
        raise SourceError(f"{place} cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return ImportReport(len(names) - len(empty), tuple(empty), writer.bars, writer.files, skipped)


class _Writer:
    """Gathers symbols, in sorted order, and writes them by date when they fill the buffer."""

    def __init__(self, directory: Path, interval: str, adjusted: bool) -> None:
        self.bars = 0
        self.files = 0
        self._directory = directory
        self._said = {INTERVAL_KEY: json.dumps(interval), ADJUSTED_KEY: json.dumps(adjusted)}
        self._days: dict[int, list[Bars]] = {}
        self._bytes = 0
        self._part = 0

    def add(self, bars: Bars) -> None:
        days, begins = np.unique(bars.start_ms // DAY_MS, return_index=True)
        ends = [*begins[1:].tolist(), len(bars)]
        for day, begin, end in zip(days.tolist(), begins.tolist(), ends, strict=True):
            cut = Bars(bars.symbol, bars.interval, bars.start_ms[begin:end], bars.values[begin:end])
            self._days.setdefault(day, []).append(cut)
        self.bars += len(bars)
        self._bytes += bars.start_ms.nbytes + bars.values.nbytes
        if self._bytes > _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        for day, cuts in sorted(self._days.items()):
            date = datetime(1970, 1, 1, tzinfo=UTC).date() + timedelta(days=day)
            folder = self._directory / f"date={date}"
            folder.mkdir(exist_ok=True)
            self._write(folder / f"part-{self._part:05d}.parquet", cuts)
            self.files += 1
        self._days.clear()
        self._bytes = 0
        self._part += 1

    def _write(self, path: Path, cuts: list[Bars]) -> None:
        said = self._said | {SYMBOLS_KEY: json.dumps([cut.symbol for cut in cuts])}
        schema = pa.schema(_SCHEMA, metadata=said)
        with parquet.ParquetWriter(path, schema, use_dictionary=[SYMBOL], compression="lz4") as writer:
            for at in range(0, len(cuts), _GROUP_SYMBOLS):
                group = cuts[at : at + _GROUP_SYMBOLS]
                values = np.concatenate([cut.values for cut in group])
                columns = [
                    pa.array(np.repeat([cut.symbol for cut in group], [len(cut) for cut in group])),
                    pa.array(np.concatenate([cut.start_ms for cut in group])),
                    *(pa.array(np.ascontiguousarray(values[:, column])) for column in range(len(COLUMNS))),
                ]
                writer.write_table(pa.table(columns, schema=schema))


def _check_place(place: Path, overwrite: bool) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise SourceError(f"{place} is a file; import into a directory")
    held = sorted(entry.name for entry in place.iterdir())
    foreign = [name for name in held if not _is_ours(place / name)]
    if foreign:
        raise SourceError(f"{place} holds {foreign[0]}, which no import wrote; choose another directory")
    if held and not overwrite:
        raise SourceError(f"{place} holds a dataset; choose another directory, or say --overwrite")


def _is_ours(entry: Path) -> bool:
    if not _DATE_FOLDER.fullmatch(entry.name) or not entry.is_dir():
        return False
    return all(re.fullmatch(r"part-[0-9]{5,}\.parquet", below.name) for below in entry.iterdir())


def _move(fresh: Path, place: Path) -> None:
    """Puts a complete dataset in its place. An earlier one goes just before."""
    old = place.with_name(f".{place.name}.old-{os.getpid()}")
    if place.exists():
        place.rename(old)
    try:
        fresh.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
