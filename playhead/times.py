"""Times that people read and type. Everywhere else a time is an integer of UTC milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from playhead.errors import InvalidInput

MAX_TIME_MS: Final = 253_402_300_799_000
"""The last second of the year 9999 in UTC: a later time is a mistake."""
_CLOCK_TIME = re.compile(r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2}) +)?([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")


def now_ms() -> int:
    """The wall clock in UTC milliseconds."""
    return int(datetime.now(UTC).timestamp() * 1000)


def to_ms(moment: datetime) -> int:
    """An aware datetime in UTC milliseconds. Raises `InvalidInput` for a naive one."""
    if moment.tzinfo is None:
        raise InvalidInput(f"time {moment.isoformat()} has no time zone; give one, such as {moment.isoformat()}+00:00")
    return round(moment.timestamp() * 1000)


def local(moment_ms: int, zone: str) -> datetime:
    """A time as an aware datetime in a zone such as `America/New_York`.

    Raises `InvalidInput` for a zone that there is not, and a time of no year from 1 to 9999.
    """
    try:
        return datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(_zone(zone))
    except (ValueError, OverflowError, OSError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{moment_ms} ms is no time of the years 1 to 9999") from error


def clock_text(moment_ms: int, zone: str) -> str:
    """A time of day in a zone: `12:06`, with seconds only where there are some."""
    moment = local(moment_ms, zone)
    return moment.strftime("%H:%M:%S" if moment.second else "%H:%M")


def full_clock_text(moment_ms: int, zone: str) -> str:
    """A time of day in a zone, always with seconds: `12:06:00`."""
    return local(moment_ms, zone).strftime("%H:%M:%S")


def parse_moment(text: str, zone: str, on: date) -> int:
    """A typed time in UTC milliseconds: `12:06` in the zone on that date, `2025-07-02 12:06` in the zone on its own, or
    an ISO time with an offset. Of a time that comes twice when clocks are set back, the first is meant.

    Raises `InvalidInput` for anything else, an ISO time without an offset included, and for a time that is left out
    when clocks are set forward.
    """
    match = _CLOCK_TIME.fullmatch(text.strip())
    if match:
        clock = time(int(match[2]), int(match[3]), int(match[4] or 0))
        moment = datetime.combine(parse_date(match[1]) if match[1] else on, clock, _zone(zone))
        moment_ms = to_ms(moment)
        if local(moment_ms, zone).time() != clock:
            raise InvalidInput(f"there is no {clock} on {moment.date()} in {zone}: clocks are set forward then")
        return moment_ms
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            f"time {text[:40]!r} is neither a time of day such as 12:06, nor one with its date such as "
            "2025-07-02 12:06, nor an ISO time such as 2025-07-02T16:06:00Z"
        ) from None
    return to_ms(moment)


def full_text(moment_ms: int, zone: str) -> str:
    """A date and a time of day in a zone, always with seconds: `2025-07-02 12:06:00`, as it can be typed."""
    return local(moment_ms, zone).strftime("%Y-%m-%d %H:%M:%S")


def typed(moment: str | int | datetime) -> str:
    """A time as it is typed: text as it is, UTC milliseconds and an aware datetime in ISO form.

    Raises `InvalidInput` for a naive datetime.
    """
    if isinstance(moment, str):
        return moment
    moment_ms = to_ms(moment) if isinstance(moment, datetime) else moment
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds")


def parse_date(text: str) -> date:
    """A typed date. Raises `InvalidInput`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"date {text[:40]!r} is not a date such as 2025-07-02") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # not there, no plain name, or the name of a folder
        raise InvalidInput(f"there is no time zone {name[:40]!r}") from error
