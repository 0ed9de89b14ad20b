"""How the text files of a source are laid out, as its URI says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from playhead.bars import COLUMNS
from playhead.errors import InvalidInput, SourceError
from playhead.intervals import interval_ms
from shared.sources.csv_times import ISO, TimeFormat
from shared.sources.uri import SourceUri

OPTIONS: Final = (
    "adjusted",
    "columns",
    "delimiter",
    "format",
    "header",
    "interval",
    "label",
    "pattern",
    "skip_bad_rows",
    "symbol",
    "tz",
)

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "}
_FIELDS = ("time", *COLUMNS)


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """How rows are written. `columns` has the places of time, open, high, low, close and volume.

    A place is a name in the header, in any case, or a position from 0. None is the default: the first column
    is the time, and the others go by their names, or by the positions 1 to 5 where there is no header.
    """

    delimiter: str
    header: bool
    columns: tuple[str | int, ...] | None
    times: TimeFormat
    interval: str
    shift_ms: int  # what to take from a label to have the start
    skip_bad_rows: bool

    @classmethod
    def of(cls, uri: SourceUri) -> CsvLayout:
        """The layout that the options of a URI say. Raises `SourceError` for a value that is none."""
        options, header = uri.options, uri.flag("header", default=True)
        interval = options.get("interval", "1m")
        try:
            length_ms = interval_ms(interval)
        except InvalidInput as error:
            raise SourceError(f"{uri.text}: {error}") from error
        label = options.get("label", "start")
        if label not in ("start", "end"):
            raise SourceError(f"{uri.text}: label={label} is neither start nor end")
        times = TimeFormat(options.get("format", ISO), _zone(uri))
        times.check()
        return cls(
            delimiter=_delimiter(uri),
            header=header,
            columns=_columns(uri, header),
            times=times,
            interval=interval,
            shift_ms=length_ms if label == "end" else 0,
            skip_bad_rows=uri.flag("skip_bad_rows"),
        )

    def positions(self, first_row: list[str]) -> tuple[int, ...]:
        """Where time, open, high, low, close and volume are, given the fields of the first row.

        Raises `ValueError` with the reason when one is not there.
        """
        if self.columns is None and not self.header:
            places: tuple[str | int, ...] = tuple(range(len(_FIELDS)))
        else:
            places = self.columns or (0, *COLUMNS)
        names = [name.strip().lower() for name in first_row] if self.header else []
        return tuple(
            _position(field, place, names, len(first_row)) for field, place in zip(_FIELDS, places, strict=True)
        )


def _position(field: str, place: str | int, names: list[str], width: int) -> int:
    if isinstance(place, int):
        if place >= width:
            raise ValueError(f"there is no column {place} for {field}; there are {width}, counted from 0")
        return place
    found = names.count(place.lower())
    if found != 1:
        fault = f"there is no column {place!r}" if not found else f"there are {found} columns {place!r}"
        raise ValueError(f"{fault} for {field}; the header has {', '.join(names)}; say columns= in the URI")
    return names.index(place.lower())


def _columns(uri: SourceUri, header: bool) -> tuple[str | int, ...] | None:
    text = uri.options.get("columns")
    if text is None:
        return None
    places = tuple(part.strip() for part in text.split(","))
    if len(places) != len(_FIELDS) or len(set(places)) != len(places) or not all(places):
        raise SourceError(f"{uri.text}: columns={text} are not six different ones, for {', '.join(_FIELDS)}")
    if all(place.isdecimal() for place in places):
        return tuple(int(place) for place in places)
    if not header:
        raise SourceError(f"{uri.text}: without a header columns are positions, such as columns=0,1,2,3,4,5")
    return places


def _delimiter(uri: SourceUri) -> str:
    text = uri.options.get("delimiter", ",")
    delimiter = _DELIMITERS.get(text, text)
    if len(delimiter) != 1 or delimiter in '"\r\n' or not delimiter.isascii():
        names = ", ".join(sorted(_DELIMITERS))
        raise SourceError(f"{uri.text}: delimiter={text} is not one ASCII character, or one of {names}")
    return delimiter


def _zone(uri: SourceUri) -> ZoneInfo | None:
    name = uri.options.get("tz")
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # what zoneinfo raises depends on how the name is wrong
        raise SourceError(f"{uri.text}: there is no time zone {name}; write one as Europe/London") from error
