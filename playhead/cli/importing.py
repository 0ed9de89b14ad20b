"""`playhead data import`: from one data source to a dataset, with the services' own sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from playhead.cli.output import print_json, print_line
from playhead.errors import InvalidInput
from playhead.times import parse_date
from shared.sources.importer import ImportReport, import_bars
from shared.sources.registry import open_source

_SKIP: Final = "skip_bad_rows=yes"


def run_import(
    origin: str,
    target: str,
    symbols: Sequence[str] | None,
    interval: str,
    start: str | None,
    end: str | None,
    skip_bad_rows: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Copies the bars and prints what was copied. `start` and `end` are dates in UTC, both included."""
    first = None if start is None else parse_date(start)
    last = None if end is None else parse_date(end)
    if first is not None and last is not None and last < first:
        raise InvalidInput(f"the end {last} is before the start {first}")
    source = open_source(f"{origin}{'&' if '?' in origin else '?'}{_SKIP}" if skip_bad_rows else origin)
    source.check()
    report = import_bars(
        source,
        target,
        symbols,
        interval,
        None if first is None else _midnight(first),
        None if last is None else _midnight(last + timedelta(days=1)),
        overwrite=overwrite,
    )
    if as_json:
        print_json(asdict(report))
    else:
        print_line(_text(report, target))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _text(report: ImportReport, target: str) -> str:
    text = f"imported {report.bars} bars of {report.symbols} symbols into {target} ({report.files} files)"
    if report.skipped_rows:
        text += f"; {report.skipped_rows} bad rows skipped"
    if report.empty:
        text += f"; no bars of {', '.join(report.empty)}"
    return text
