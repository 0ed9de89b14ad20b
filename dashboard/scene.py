"""What a page shows of a session: all that was read of it at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboard.consumers import ConsumerState
from dashboard.deeds import Deed
from dashboard.farm import Farm
from dashboard.holds import HoldView
from playhead.bars import Bars
from playhead.info import SessionInfo

SeriesKey = tuple[str, str]
"""Symbol and interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The bars of a symbol and interval that had closed by the clock: history that the session keeps, and the current
    day. `added_ms` is the clock at which the symbol was added, `None` for one from the start; `since` tells one that
    was removed and added again from the one before.
    """

    bars: Bars
    since: str
    added_ms: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One moment of a session.

    `info` is the session as it is now, `None` before it was first read. `settled` is the last one in which it was
    active: while symbols are caught up, their parts are nobody's, so the numbers shown are those from before. `problem`
    says why nothing newer could be read; all else is then what was known last. `gone`: there is no such session.
    """

    info: SessionInfo | None = None
    settled: SessionInfo | None = None
    series: Mapping[SeriesKey, Series] = field(default_factory=dict)
    holds: tuple[HoldView, ...] = ()
    consumers: tuple[ConsumerState, ...] = ()
    deeds: tuple[Deed, ...] = ()
    farm: Farm | None = None
    problem: str | None = None
    gone: bool = False
