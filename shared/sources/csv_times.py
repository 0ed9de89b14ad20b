"""The times of a text file: how they are written, and which instant a local one is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
from numpy.typing import NDArray

from playhead.errors import SourceError
from playhead.intervals import DAY_MS

ISO, UNIX_S, UNIX_MS = "iso", "unix_s", "unix_ms"

_UNIX_MS = {UNIX_S: 1_000, UNIX_MS: 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
# What the calendars can be asked for. A unit mistaken for another lies far outside.
_FIRST_YEAR, _LAST_YEAR = 1900, 2199
_EARLIEST_MS = (datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC) - _EPOCH) // _MS
_LATEST_MS = (datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) // _MS
_SLOW_DIRECTIVES = ("%z", "%Z", "%f")  # Arrow's strptime takes these otherwise than Python's, or not at all
_TRIAL = datetime(2011, 3, 14, 15, 9, 26, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How times are written: `iso`, `unix_s`, `unix_ms` or a strptime format, and the zone of naive ones."""

    format: str
    zone: ZoneInfo | None

    def check(self) -> None:
        """Raises `SourceError` for a strptime format from which no date can be read."""
        if self.format == ISO or self.format in _UNIX_MS:
            return
        try:
            read = datetime.strptime(_TRIAL.strftime(self.format), self.format)
        except ValueError as error:
            raise SourceError(f"format={self.format} cannot be read back ({error}); see strptime") from error
        if read.date() != _TRIAL.date():
            raise SourceError(f"format={self.format} does not say the date; iso, unix_s, unix_ms are others")

    def parse(self, text: str) -> int | datetime:
        """UTC ms, or a naive datetime that the zone has yet to place. Raises `ValueError` with the reason."""
        unit_ms = _UNIX_MS.get(self.format)
        if unit_ms is not None:
            return self._unix(text, unit_ms)
        try:
            time = datetime.fromisoformat(text.strip()) if self.format == ISO else datetime.strptime(text, self.format)
        except ValueError:
            raise ValueError(f"time {text!r} is not of the format {self.format}") from None
        if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
            raise ValueError(f"time {text!r} is not in the years {_FIRST_YEAR} to {_LAST_YEAR}")
        if time.microsecond % 1000:
            raise ValueError(f"time {text!r} is not a whole millisecond")
        if time.tzinfo is not None:
            return (time - _EPOCH) // _MS
        if self.zone is None:
            raise ValueError(f"time {text!r} has no offset; say which zone it is in with tz= in the URI")
        return time

    def parse_column(self, texts: Any) -> NDArray[np.int64] | None:
        """UTC ms of a whole Arrow column of strings, or None when it takes a look at each row."""
        times_ms = self._parse_quickly(texts)
        if times_ms is None or ((times_ms >= _EARLIEST_MS) & (times_ms < _LATEST_MS)).all():
            return times_ms
        return None

    def _unix(self, text: str, unit_ms: int) -> int:
        try:
            time_ms = float(text) * unit_ms
        except ValueError:
            raise ValueError(f"time {text!r} is not of the format {self.format}") from None
        if not _EARLIEST_MS <= time_ms < _LATEST_MS:
            years = f"{_FIRST_YEAR} to {_LAST_YEAR}"
            raise ValueError(f"time {text!r} as {self.format} is not in the years {years}; is it another unit?")
        if not time_ms.is_integer():
            raise ValueError(f"time {text!r} is not a whole millisecond")
        return int(time_ms)

    def _parse_quickly(self, texts: Any) -> NDArray[np.int64] | None:
        try:
            unit_ms = _UNIX_MS.get(self.format)
            if unit_ms is not None:
                return _ints(compute.cast(texts, pa.int64())) * unit_ms
            if self.format == ISO:
                return self._parse_iso(texts)
            if any(directive in self.format for directive in _SLOW_DIRECTIVES):
                return None
            times = compute.strptime(texts, format=self.format, unit="s")
            # Arrow takes 31 February for 3 March. What does not read back as it was written is looked at.
            if not compute.all(compute.equal(compute.strftime(times, format=self.format), texts)).as_py():
                return None
            return self._place(_ints(times) * 1_000)
        except pa.ArrowInvalid:
            return None

    def _parse_iso(self, texts: Any) -> NDArray[np.int64] | None:
        try:
            return _ints(compute.cast(texts, pa.timestamp("ms", "UTC")))
        except pa.ArrowInvalid:
            return self._place(_ints(compute.cast(texts, pa.timestamp("ms"))))

    def _place(self, local_ms: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """UTC ms of naive times, or None when there is no zone or one of them happens twice or never."""
        if self.zone is None:
            return None
        days, of_row = np.unique(local_ms // DAY_MS, return_inverse=True)
        offsets = [self._offset_ms(day * DAY_MS, (day + 1) * DAY_MS) for day in days.tolist()]
        offsets_ms = np.array([offset or 0 for offset in offsets], np.int64)[of_row]
        # The clocks changed on these dates, so their rows are looked at one by one.
        for at in np.flatnonzero(np.array([offset is None for offset in offsets], np.bool_)[of_row]):
            offset = self._offset_ms(int(local_ms[at]))
            if offset is None:
                return None
            offsets_ms[at] = offset
        return local_ms - offsets_ms

    def _offset_ms(self, *local_ms: int) -> int | None:
        """The offset from UTC that all of some local times have; None when it is not the same, or not one."""
        times = [datetime(1970, 1, 1, tzinfo=self.zone) + timedelta(milliseconds=each) for each in local_ms]
        found = {time.replace(fold=fold).utcoffset() for time in times for fold in (0, 1)}
        offset = found.pop()
        return None if found or offset is None else offset // _MS


def place(times: Sequence[int | datetime | None], zone: ZoneInfo | None) -> list[int | str | None]:
    """UTC ms of each time, or the reason why it has none. None stays None.

    A local time that the clocks show twice is placed by the order of the rows: those before the step back are
    the first, those after it the second. Without a step back in the file nobody can say.
    """
    placed: list[int | str | None] = []
    twice: list[tuple[int, datetime]] = []  # the run of ambiguous rows that is not placed yet
    for at, time in enumerate(times):
        if not isinstance(time, datetime):
            placed.append(time)
            continue
        first, second = (time.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        ambiguous = first.utcoffset() != second.utcoffset()
        if ambiguous and first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
            placed.append(f"time {time} does not exist in {zone}: the clocks went forward over it")
            ambiguous = False
        elif ambiguous:
            if twice and time - twice[-1][1] > timedelta(hours=12):
                _place_twice(placed, twice, zone)
                twice = []
            twice.append((at, time))
            placed.append(None)
        else:
            placed.append((first - _EPOCH) // _MS)
    _place_twice(placed, twice, zone)
    return placed


def _place_twice(placed: list[int | str | None], rows: list[tuple[int, datetime]], zone: ZoneInfo | None) -> None:
    steps = [index for index in range(1, len(rows)) if rows[index][1] <= rows[index - 1][1]]
    for index, (at, time) in enumerate(rows):
        if steps:
            fold = int(index >= steps[0])
            placed[at] = (time.replace(tzinfo=zone, fold=fold) - _EPOCH) // _MS
        else:
            placed[at] = f"time {time} happens twice in {zone}; write times with an offset, or in UTC"


def _ints(column: Any) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = compute.cast(column, pa.int64()).to_numpy()
    return numbers
