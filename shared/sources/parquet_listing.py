"""Which files a Parquet dataset has, found without walking through it each time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

# A folder that changed so shortly before it was listed may change again within the same tick of its clock.
_SETTLED_NS = 2_000_000_000
# Foreign datasets may be cut by the exchange's date, which is not that of UTC.
_DATE_MARGIN = timedelta(days=1)
_DATE = re.compile(r"date=([0-9]{4}-[0-9]{2}-[0-9]{2})")


@dataclass(frozen=True, slots=True)
class _Folder:
    mtime_ns: int
    listed_ns: int
    folders: tuple[tuple[Path, date | None], ...]
    files: tuple[Path, ...]


@dataclass(slots=True)
class Listing:
    """The `*.parquet` files at or below a path, those of folders `date=YYYY-MM-DD` by their date.

    Names that begin with . or _ are left out: writers keep there what is not ready.
    """

    root: Path
    _folders: dict[Path, _Folder] = field(default_factory=dict)

    def files(self, first: date = date.min, last: date = date.max) -> Iterator[Path]:
        """The files that may have bars of the UTC dates first..last, in the order of their paths.

        Raises `OSError` when the root is not there or cannot be listed.
        """
        lowest = first - _DATE_MARGIN if first > date.min else first
        highest = last + _DATE_MARGIN if last < date.max else last
        if self.root.is_file():
            yield self.root
        else:
            yield from self._below(self.root, lowest, highest)

    def _below(self, path: Path, lowest: date, highest: date) -> Iterator[Path]:
        folder = self._folder(path)
        yield from folder.files
        for below, day in folder.folders:
            if day is None or lowest <= day <= highest:
                yield from self._below(below, lowest, highest)

    def _folder(self, path: Path) -> _Folder:
        known = self._folders.get(path)
        mtime_ns = path.stat().st_mtime_ns
        if known and known.mtime_ns == mtime_ns and known.listed_ns - mtime_ns > _SETTLED_NS:
            return known
        listed_ns = time.time_ns()
        folders, files = [], []
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith((".", "_")):
                    continue
                if entry.is_dir():
                    folders.append((path / entry.name, _date(entry.name)))
                elif entry.name.endswith(".parquet"):
                    files.append(path / entry.name)
        folder = self._folders[path] = _Folder(mtime_ns, listed_ns, tuple(folders), tuple(files))
        return folder


def _date(name: str) -> date | None:
    match = _DATE.fullmatch(name)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
