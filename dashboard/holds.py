"""Who holds the clock, and since when, as far as that can be known.

Redis has the names of the holds and nothing else of them. When a hold was placed follows for some from what stands
beside them: a pause by hand is in the journal, an addition says when it began. Of the others the page knows since when
it has seen them itself, and whether it saw them come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.deeds import Deed
from playhead.config import EXPECT_HOLD

USER: Final = "user"
ADDITION: Final = "add:"
WARM_UP: Final = "warm-up"
_PLACES: Final = ("pause",)
_LIFTS: Final = ("resume", "step", "run-until")


@dataclass(frozen=True, slots=True)
class Seen:
    """When a hold was first seen here in wall time, and whether it was seen to come."""

    wall_ms: int
    came: bool


@dataclass(frozen=True, slots=True)
class HoldView:
    """One hold: its name, who has placed it, since which wall time. `exact`: not a moment before that."""

    name: str
    who: str
    since_ms: int | None
    exact: bool


def seen_now(before: Mapping[str, Seen] | None, names: Sequence[str], now_ms: int) -> dict[str, Seen]:
    """The holds that are there, with when each was first seen. `before` is `None` at the first look."""
    known = before or {}
    return {name: known.get(name) or Seen(now_ms, before is not None) for name in names}


def holds_of(seen: Mapping[str, Seen], deeds: Sequence[Deed], begun_ms: int | None) -> tuple[HoldView, ...]:
    """What is shown of the holds. `deeds` are newest first; `begun_ms` is when the addition in progress began."""
    return tuple(_hold(name, at, deeds, begun_ms) for name, at in sorted(seen.items()))


def _hold(name: str, seen: Seen, deeds: Sequence[Deed], begun_ms: int | None) -> HoldView:
    if name == USER:
        last = next((deed for deed in deeds if deed.op in _PLACES + _LIFTS), None)
        if last is not None and last.op in _PLACES:
            return HoldView(name, "paused by hand", last.wall_ms, True)
        return HoldView(name, "a stop that was reached", seen.wall_ms, seen.came)
    if name.startswith(ADDITION):
        return HoldView(name, "symbols are being added", begun_ms or seen.wall_ms, begun_ms is not None)
    if name == WARM_UP:
        return HoldView(name, "history is being read", begun_ms or seen.wall_ms, begun_ms is not None)
    if name.startswith(EXPECT_HOLD):
        return HoldView(name, f"waits for consumer {name.removeprefix(EXPECT_HOLD)}", seen.wall_ms, seen.came)
    return HoldView(name, "placed by another program", seen.wall_ms, seen.came)
