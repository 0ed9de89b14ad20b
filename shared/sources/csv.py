"""`csv:DIR?option=value&…` - one text file a symbol.

By default the file of a symbol is `DIR/{symbol}.csv`, with a header; its first column is a time with an
offset, at the start of a 1m bar, and open, high, low, close and volume go by their names. Options say
otherwise:

    pattern={symbol}_2022.csv   the file of a symbol. Without {symbol} the source has one symbol: what stands
                                before the first _ of the file's name, or symbol=SPY
    header=no                   the first line is a bar
    columns=0,1,2,3,4,5         time, open, high, low, close, volume as positions from 0, or as names
    delimiter=;                 one character, or comma, semicolon, tab, pipe, space
    format=%Y%m%d %H%M%S        strptime, or iso, unix_s, unix_ms
    tz=America/New_York         the zone of times without an offset
    label=end                   times are the ends of bars
    interval=5m                 the length of the bars
    adjusted=yes                prices are adjusted for splits and dividends
    skip_bad_rows=yes           leave out rows that are no bars, and count them

Values may be percent-encoded; & has to be.
"""

from __future__ import annotations

import glob
import re
from datetime import datetime
from pathlib import Path

from playhead.bars import Bars
from playhead.errors import InvalidInput, SourceError
from playhead.names import parse_symbol
from shared.sources.cache import Cache
from shared.sources.csv_file import CsvTable, read_csv
from shared.sources.csv_layout import OPTIONS, CsvLayout
from shared.sources.source import OneByOne, require_interval, time_range, unknown_symbol
from shared.sources.uri import parse_uri

_PLACE = "{symbol}"
_CACHE_FILES, _CACHE_BYTES = 64, 256 * 2**20


class CsvSource(OneByOne):
    """Bars in text files. See the module."""

    def __init__(self, uri: str) -> None:
        parsed = parse_uri(uri, OPTIONS)
        self.uri = uri
        self.adjusted = parsed.flag("adjusted")
        if not parsed.path:
            raise SourceError(f"{uri} names no directory; write csv:/data/bars")
        self._layout = CsvLayout.of(parsed)
        self._directory = Path(parsed.path).absolute()
        self._pattern = parsed.options.get("pattern", f"{_PLACE}.csv")
        if Path(self._pattern).is_absolute() or ".." in Path(self._pattern).parts or not self._pattern:
            raise SourceError(f"{uri}: pattern={self._pattern} does not lie below the directory")
        self._only: str | None = None
        if _PLACE not in self._pattern:
            stem = re.split(r"_|\.[^.]*$", Path(self._pattern).name)[0]
            self._only = _symbol_or_none(parsed.options.get("symbol", stem))
            if self._only is None:
                raise SourceError(f"{uri}: pattern={self._pattern} does not say which symbol it is; say symbol=")
        elif "symbol" in parsed.options:
            raise SourceError(f"{uri}: symbol= is for a pattern without {_PLACE}; leave it out")
        self._tables: Cache[CsvTable] = Cache(_CACHE_FILES, _CACHE_BYTES)
        self._skipped: dict[str, int] = {}

    def get_bars(self, symbol: str, interval: str, start: datetime | int, end: datetime | int) -> Bars:
        start_ms, end_ms = time_range(start, end)
        symbol = parse_symbol(symbol)
        require_interval(self.uri, interval, self._layout.interval)
        table = self._table(symbol)
        return Bars(symbol, interval, table.start_ms, table.values).between(start_ms, end_ms)

    def symbols(self) -> list[str]:
        self._check_directory()
        if self._only is not None:
            return [self._only] if self._file(self._only) else []
        found = set()
        wild = glob.escape(self._pattern.replace(_PLACE, "\0")).replace("\0", "*")
        # The same symbol wherever the pattern has it: the first is a group, the others refer to it.
        before, *after = (re.escape(part) for part in self._pattern.split(_PLACE))
        shape = re.compile(before + "([^/]+)" + r"\1".join(after))
        for path in self._directory.glob(wild):
            match = shape.fullmatch(path.relative_to(self._directory).as_posix())
            symbol = _symbol_or_none(match[1]) if match else None
            if symbol is not None and self._file(symbol) == path:
                found.add(symbol)
        return sorted(found)

    def check(self) -> None:
        self._check_directory()
        if self._only is not None and self._file(self._only) is None:
            raise SourceError(f"{self.uri}: there is no file {self._directory / self._pattern}")

    def skipped(self, symbol: str) -> int:
        return self._skipped.get(parse_symbol(symbol), 0)

    def _table(self, symbol: str) -> CsvTable:
        path = self._file(symbol)
        if path is None:
            raise unknown_symbol(self.uri, symbol, self.symbols())
        try:
            status = path.stat()
        except OSError as error:
            raise SourceError(f"{path} cannot be read ({error.strerror})") from error
        stamp = status.st_mtime_ns, status.st_size
        table = self._tables.get(path, stamp)
        if table is None:
            table = read_csv(path, self._layout)
            self._tables.put(path, table, table.nbytes, stamp)
        self._skipped[symbol] = table.skipped
        return table

    def _file(self, symbol: str) -> Path | None:
        """The file of a symbol, named in upper or else in lower case; None when there is none."""
        if self._only not in (None, symbol):
            return None
        for name in (symbol, symbol.lower()):
            path = self._directory / self._pattern.replace(_PLACE, name)
            try:
                if path.is_file():
                    # A symbol cannot leave the directory by its name; a link may, and is not followed out of it.
                    if not path.resolve().is_relative_to(self._directory.resolve()):
                        raise SourceError(f"{path} lies outside {self._directory}; put the file itself there")
                    return path
            except OSError as error:  # a folder that may not be entered, a network disk that is away
                raise SourceError(f"{path} cannot be read ({error.strerror})") from error
        return None

    def _check_directory(self) -> None:
        if not self._directory.is_dir():
            raise SourceError(f"{self.uri}: there is no directory {self._directory}")


def _symbol_or_none(text: str) -> str | None:
    try:
        return parse_symbol(text)
    except InvalidInput:
        return None
