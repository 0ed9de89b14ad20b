"""What exchanges have published and `exchange_calendars` has otherwise: single dates, and rules for many of them.

Single dates are data: `corrections.csv`, whose head says how to add one. A table of sessions is corrected where it
is made, so all that reads a table has the corrected hours.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from shared.trading_session import TradingSession

FILE: Final = Path(__file__).with_name("corrections.csv")
CLOSED: Final = "closed"  # in the column `open`: no session is labelled with this date


class Edge(Enum):
    """What a rule moves."""

    CLOSE = "close"
    BREAK_START = "break start"


@dataclass(frozen=True, slots=True)
class Rule:
    """On the sessions labelled first..last, an edge that the library has at one local time and the exchange at another.

    A session whose edge is at any other time, as at an early close, stays as it is. Both times are on the date
    of the label.
    """

    calendar: str
    first: date
    last: date
    edge: Edge
    library: time
    published: time
    source: str

    def of(self, session: TradingSession, zone: ZoneInfo) -> TradingSession:
        """The session as the exchange had it."""
        if not self.first <= session.label <= self.last:
            return session
        edge_ms = session.close_ms if self.edge is Edge.CLOSE else session.break_start_ms
        if edge_ms != _local_ms(session.label, self.library, zone):
            return session
        published_ms = _local_ms(session.label, self.published, zone)
        if self.edge is Edge.CLOSE:
            return replace(session, close_ms=published_ms)
        return replace(session, break_start_ms=published_ms)


RULES: Final = (
    Rule(
        calendar="CMES",
        first=date(2012, 11, 19),
        last=date(2015, 9, 20),
        edge=Edge.CLOSE,
        library=time(17),
        published=time(16, 15),
        source="CME Group: equity index products end their day at 16:15 from trade date 2012-11-19 on",
    ),
    Rule(
        calendar="CMES",
        first=date(2015, 9, 21),
        last=date.max,
        edge=Edge.CLOSE,
        library=time(17),
        published=time(16),
        source="CME Group: maintenance of CME Globex begins at 16:00 from 2015-09-21 on",
    ),
    Rule(
        calendar="XTKS",
        first=date.min,
        last=date(2011, 11, 20),
        edge=Edge.BREAK_START,
        library=time(11, 30),
        published=time(11),
        source="Tokyo Stock Exchange: the morning session is longer by half an hour from 2011-11-21 on",
    ),
)


@dataclass(frozen=True, slots=True)
class Correction:
    """One row of the file: the session that a calendar has on a date, `None` where there is none."""

    calendar: str
    label: date
    session: TradingSession | None
    source: str


def read_corrections(file: Path = FILE) -> tuple[Correction, ...]:
    """The rows of a file, in its order. Times in it are ISO 8601 with their offset from UTC."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader((line for line in lines if not line.startswith("#")), strict=True)
        return tuple(_correction(row) for row in rows)


def corrected(
    sessions: Sequence[TradingSession], calendar: str, zone: ZoneInfo, first: date, last: date
) -> tuple[TradingSession, ...]:
    """The sessions of a calendar as its exchange published them, in time order.

    `sessions` are those that the library has with the labels first..last, and `calendar` its own name for it, no
    alias. A date of the file comes before a rule.
    """
    rules = [rule for rule in RULES if rule.calendar == calendar]
    by_label = {session.label: session for session in sessions}
    for rule in rules:
        by_label = {label: rule.of(session, zone) for label, session in by_label.items()}
    for label, session in _dated().get(calendar, {}).items():
        if session is None:
            by_label.pop(label, None)
        elif first <= label <= last:
            by_label[label] = session
    return tuple(by_label[label] for label in sorted(by_label))


@lru_cache(maxsize=1)
def _dated() -> Mapping[str, Mapping[date, TradingSession | None]]:
    """The sessions of the file, by the name of the calendar and the label."""
    found: dict[str, dict[date, TradingSession | None]] = {}
    for row in read_corrections():
        found.setdefault(row.calendar, {})[row.label] = row.session
    return found


def _correction(row: dict[str, str]) -> Correction:
    calendar, label = row["calendar"], date.fromisoformat(row["label"])
    session = None
    if row["open"] != CLOSED:
        pause = [_ms(row[name]) if row[name] else None for name in ("break_start", "break_end")]
        session = TradingSession(calendar, label, _ms(row["open"]), _ms(row["close"]), *pause)
    return Correction(calendar, label, session, row["source"])


def _local_ms(day: date, local: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, local, zone).timestamp()) * 1000


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000
