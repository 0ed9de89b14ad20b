"""What a session knows of each of its symbols: the values of the hash `symbols`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from playhead.entries import BEGINNING, is_entry, order
from playhead.errors import Malformed
from playhead.plain import load_object, typed
from playhead.times import MAX_TIME_MS

MAIN_FEED = "main"


@dataclass(frozen=True, slots=True)
class SymbolRecord:
    """One symbol of a session.

    `calendar` is its exchange's, `zone` that calendar's time zone, `source` the URI of its own data source
    where it has one. Its bars that close by `through_ms` come in the feed named `feed`, later ones in the
    main feed. A symbol that was added carries the clock (`added_ms`), the id of the event (`added_entry`) and
    its `receipt`; one that was removed carries the id of that event (`removed_entry`).
    """

    calendar: str
    zone: str
    source: str | None = None
    feed: str = MAIN_FEED
    through_ms: int = 0
    added_ms: int | None = None
    added_entry: str | None = None
    receipt: Mapping[str, Any] = field(default_factory=dict)
    removed_entry: str | None = None

    @property
    def since(self) -> str:
        """The position from which on it is there. A symbol that was removed and added again has another one."""
        return self.added_entry or BEGINNING

    def there_at(self, position: str) -> bool:
        """Whether a reader at a position sees it."""
        here = order(position)
        return order(self.since) <= here and (self.removed_entry is None or here < order(self.removed_entry))

    @property
    def dynamic(self) -> bool:
        """Whether it was added in mid-session."""
        return self.added_ms is not None


def encode(record: SymbolRecord, *, event_to_come: bool = False, removal_to_come: bool = False) -> str:
    """The record as JSON, without what is empty. With `event_to_come` or `removal_to_come` the id of the event is
    left for the script that emits it.
    """
    fields = {name: value for name, value in asdict(record).items() if value}
    fields |= {"added_entry": ""} if event_to_come else {}
    fields |= {"removed_entry": ""} if removal_to_come else {}
    return json.dumps(fields, separators=(",", ":"))


def decode(text: bytes | str) -> SymbolRecord:
    """The record in a field of the hash. Raises `Malformed`. Unknown names are passed over, so that clients
    of this version can read sessions of a later one.
    """
    try:
        given = load_object(text)
        return _checked(SymbolRecord(**{name: given[name] for name in SymbolRecord.__slots__ if name in given}))
    except (ValueError, TypeError) as error:
        raise Malformed(f"the record of a symbol is not as it should be: {error}") from error


def _checked(record: SymbolRecord) -> SymbolRecord:
    for name in ("calendar", "zone", "feed"):
        typed(getattr(record, name), str, what=name)
    typed(record.source, str, type(None), what="source")
    typed(record.receipt, dict, what="receipt")
    for name in ("through_ms", "added_ms"):
        moment_ms = getattr(record, name)
        if moment_ms is not None and not 0 <= typed(moment_ms, int, what=name) <= MAX_TIME_MS:
            raise ValueError(f"{name} is {moment_ms}, which is no market time")
    for name in ("added_entry", "removed_entry"):
        entry = getattr(record, name)
        if entry is not None and not is_entry(typed(entry, str, what=name)):
            raise ValueError(f"{name} is {entry[:40]!r}, which is no id of an entry")
    return record
