"""`parquet:PATH?option=value&…` - bars of many symbols and days in Parquet files.

PATH is a file, or a directory with `*.parquet` anywhere below it. A file has the columns symbol, open, high,
low, close, volume, and the start of each bar as start_ms (int64, UTC milliseconds) or time (a timestamp with
a zone). Its rows are sorted by symbol, then time. Of folders `date=YYYY-MM-DD` a read looks at those that it
needs, and within a file at the row groups whose statistics can have the symbol and the time.

    interval=5m     the length of the bars, where the files do not say; 1m by default
    adjusted=yes    prices are adjusted for splits and dividends, where the files do not say

`shared.sources.importer` writes such datasets from other sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from playhead.bars import Bars
from playhead.errors import BadRow, InvalidInput, SourceError
from playhead.intervals import interval_ms
from playhead.names import parse_symbol
from shared.sources.cache import Cache
from shared.sources.checks import order_fault
from shared.sources.parquet_file import ParquetBars, Piece
from shared.sources.parquet_listing import Listing
from shared.sources.source import require_interval, time_range, unknown_symbol
from shared.sources.uri import parse_uri

_CACHE_FILES, _CACHE_BYTES = 1_024, 256 * 2**20
_DEFAULT_INTERVAL = "1m"


class ParquetSource:
    """Bars in Parquet files. See the module."""

    def __init__(self, uri: str) -> None:
        parsed = parse_uri(uri, ("adjusted", "interval"))
        if not parsed.path:
            raise SourceError(f"{uri} names no file or directory; write parquet:/data/bars")
        self.uri = uri
        self.path = Path(parsed.path).absolute()
        self._interval = parsed.options.get("interval")
        self._adjusted = parsed.flag("adjusted")
        if self._interval is not None:
            try:
                interval_ms(self._interval)
            except InvalidInput as error:
                raise SourceError(f"{uri}: {error}") from error
        self._listing = Listing(self.path)
        self._footers: Cache[ParquetBars] = Cache(_CACHE_FILES, _CACHE_BYTES)
        self._seen: set[str] = set()  # symbols that had a bar when they were asked for

    @property
    def adjusted(self) -> bool:
        """What the first file says, else the URI."""
        said = next((file.adjusted for file in self._files()), None) if self.path.exists() else None
        return self._adjusted if said is None else said

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        symbol = parse_symbol(symbol)
        return self.get_many([symbol], interval, start, end)[symbol]

    def get_many(
        self, symbols: Sequence[str], interval: str, start: datetime | int, end: datetime | int
    ) -> dict[str, Bars]:
        start_ms, end_ms = time_range(start, end)
        names = [parse_symbol(symbol) for symbol in symbols]
        interval_ms(interval)
        pieces: dict[str, list[Piece]] = {symbol: [] for symbol in names}
        if start_ms < end_ms:
            for file in self._files(_utc_date(start_ms), _utc_date(end_ms - 1)):
                require_interval(self.uri, interval, self._interval_of(file))
                for symbol, found in file.read(names, start_ms, end_ms).items():
                    pieces[symbol] += found
        if not any(pieces.values()):
            self.check()  # a disk that is not mounted is an empty folder, and not a day without bars
        bars = {symbol: _join(symbol, interval, found, start_ms, end_ms) for symbol, found in pieces.items()}
        for symbol, found in pieces.items():
            if found:
                self._seen.add(symbol)
            elif symbol not in self._seen:
                self._check_symbol(symbol, interval)
        return bars

    def symbols(self) -> list[str]:
        found: set[str] = set()
        for file in self._files():
            found |= file.symbols
        return sorted(found)

    def check(self) -> None:
        if next(self._files(), None) is None:
            raise SourceError(f"{self.uri}: there is no .parquet file below {self.path}; import some there")

    def _check_symbol(self, symbol: str, interval: str) -> None:
        for file in self._files():
            require_interval(self.uri, interval, self._interval_of(file))
            if file.may_have(symbol) and symbol in file.symbols:
                self._seen.add(symbol)
                return
        raise unknown_symbol(self.uri, symbol, self.symbols())

    def _interval_of(self, file: ParquetBars) -> str:
        if self._interval is not None and file.interval is not None:
            require_interval(str(file.path), self._interval, file.interval)
        return file.interval or self._interval or _DEFAULT_INTERVAL

    def _files(self, first: date = date.min, last: date = date.max) -> Iterator[ParquetBars]:
        try:
            for path in self._listing.files(first, last):
                status = path.stat()
                stamp = status.st_mtime_ns, status.st_size
                file = self._footers.get(path, stamp)
                if file is None:
                    file = ParquetBars(path)
                    self._footers.put(path, file, file.nbytes, stamp)
                yield file
        except OSError as error:
            raise SourceError(f"{self.uri}: {error.filename} cannot be read ({error.strerror})") from error


def _join(symbol: str, interval: str, pieces: list[Piece], start_ms: int, end_ms: int) -> Bars:
    if not pieces:
        return Bars.empty(symbol, interval)
    pieces = sorted(pieces, key=lambda piece: int(piece.start_ms[0]))
    for before, piece in pairwise(pieces):
        fault = order_fault(int(before.start_ms[-1]), int(piece.start_ms[0]))
        if fault:
            raise BadRow(str(piece.file), piece.first_row, f"{fault}, for {symbol} in {before.file}")
    if len(pieces) == 1:
        joined = Bars(symbol, interval, pieces[0].start_ms, pieces[0].values)
    else:
        joined = Bars(
            symbol,
            interval,
            np.concatenate([piece.start_ms for piece in pieces]),
            np.concatenate([piece.values for piece in pieces]),
        )
    return joined.between(start_ms, end_ms)


def _utc_date(time_ms: int) -> date:
    """The UTC date of a time, as far as dates go."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC).date() + timedelta(milliseconds=time_ms)
    except OverflowError:
        return date.max if time_ms > 0 else date.min
