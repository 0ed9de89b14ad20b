"""Whether a session has what a replay from the start has: every symbol's bars of every trading day, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np

from playhead import sessions
from playhead.bars import Bar, Bars
from playhead.config import SessionConfig
from playhead.connection import connect, shown_url
from playhead.entries import BEGINNING
from playhead.errors import CommandTimeout, SessionFailed
from playhead.gathering import DayBars, Gathering
from playhead.keys import Keys
from playhead.messages import Tick
from playhead.original import Expected, NotVerifiable, Original
from playhead.session import Session

FOLLOWER: Final = "verify"
"""The consumer that the replay waits for."""
SHOWN: Final = 100
"""Differences that are looked into; of more only the number is said."""
START_S: Final = 30.0
_NAME: Final = 64 - len("verify--") - 8


@dataclass(frozen=True, slots=True)
class Difference:
    """A symbol's bars of one trading day that are not those of a replay.

    `at_ms` is the start of the first bar that is another one, is missing or is too many; the bars are `None` on the
    side that has none there. `bars` is how many the session has, `None` where these are not kept any more: then only
    the digests are known to differ. `place` says where they are from.
    """

    symbol: str
    interval: str
    calendar: str
    day: str
    zone: str
    bars: int | None
    replayed_bars: int
    at_ms: int | None
    bar: Bar | None
    replayed_bar: Bar | None
    place: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was compared: so many digests of so many symbols and days, up to a clock; and what is not the same.

    `not_compared` are the digests of symbols that were removed and added again in another calendar or from another
    source: on the days before that. A replay has one calendar and one source of a symbol.
    `differences` are the first hundred that were met, in the order of their bars.
    """

    session: str
    clock_ms: int
    zone: str
    symbols: int
    days: int
    compared: int
    not_compared: int
    different: int
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        return not self.different


def verify(name: str, url: str, directory: Path | None = None) -> Verdict:
    """Replays a session's source with all its symbols from the start, in a session of its own which is deleted in the
    end, and compares what comes with the digests that the session has kept.

    A session that has ended is compared up to its clock, a paused one too, a running one up to its last day that is
    over. `directory` is where it was recorded, if not where its configuration says. Raises `NotVerifiable`,
    `SessionNotFound`, `InvalidInput`, `Malformed`.
    """
    with connect(url) as client:
        original = Original(client, Keys(name), directory)
        fresh = f"verify-{name[:_NAME]}-{uuid4().hex[:8]}"
        try:
            found = list(_differences(original, fresh, url))
        finally:
            sessions.delete(client, fresh)
    shown = [each for each in found if each is not None]
    return Verdict(
        session=name,
        clock_ms=original.clock_ms,
        zone=original.zone,
        symbols=len(original.symbols()),
        days=len({(of.calendar, of.day.label) for of in original.expected}),
        compared=sum(len(of.digests) for of in original.expected),
        not_compared=original.not_compared,
        different=len(found),
        differences=tuple(sorted(shown, key=_place)),
    )


def replayed(original: Original) -> SessionConfig:
    """What a session is started with that has all symbols of another one from the start, and no pauses."""
    return replace(
        original.config,
        symbols=original.symbols(),
        history=0,
        speed=None,
        run_until=None,
        script=(),
        lead=None,
        expect=(FOLLOWER,),
        record=None,
    )


def _differences(original: Original, fresh: str, url: str) -> Iterator[Difference | None]:
    """One item a digest that is another one; `None` for those that are not looked into."""
    shown = 0
    for of, here in _days(original, fresh, url):
        for symbol, digest in sorted(of.digests.items()):
            if here.digest(symbol) != digest:
                shown += 1
                yield _difference(original, of, symbol, here.bars(symbol)) if shown <= SHOWN else None


def _days(original: Original, fresh: str, url: str) -> Iterator[tuple[Expected, DayBars]]:
    """What is expected of each day, and what a replay has."""
    gathering = Gathering()
    waiting = sorted(original.expected, key=lambda of: (of.until_ms, of.calendar, of.interval), reverse=True)
    try:
        with (
            Session.start(fresh, replayed(original), url, START_S) as session,
            session.subscribe(FOLLOWER, from_start=True) as items,
        ):
            if items.position != BEGINNING:
                raise NotVerifiable("the replay had gone on before it could be followed; try it again")
            for item in items:
                # Everything that closed by a time is there when something comes that is later.
                while waiting and waiting[-1].until_ms < item.clock_ms:
                    of = waiting.pop()
                    yield of, gathering.day(of.interval, of.day.open_ms, of.day.close_ms)
                    gathering.forget_before(min((each.day.open_ms for each in waiting), default=0))
                if not waiting:
                    return
                if isinstance(item, Tick):
                    gathering.take(item)
    except SessionFailed as error:
        raise NotVerifiable(f"the source cannot be replayed: {error}") from error
    except CommandTimeout as error:
        raise NotVerifiable(
            f"the replay has not begun within {START_S:g} s; a producer and a coordinator must serve {shown_url(url)}"
        ) from error
    for of in reversed(waiting):
        yield of, gathering.day(of.interval, of.day.open_ms, of.day.close_ms)


def _difference(original: Original, of: Expected, symbol: str, again: Bars) -> Difference:
    bars, place = original.bars(of, symbol)
    at_ms, bar, replayed_bar = (None, None, None) if bars is None else first_difference(bars, again)
    return Difference(
        symbol=symbol,
        interval=of.interval,
        calendar=of.calendar,
        day=of.day.label,
        zone=original.zone_of(of.calendar),
        bars=None if bars is None else len(bars),
        replayed_bars=len(again),
        at_ms=at_ms,
        bar=bar,
        replayed_bar=replayed_bar,
        place=place,
    )


def first_difference(bars: Bars, again: Bars) -> tuple[int | None, Bar | None, Bar | None]:
    """The start of the first bar that two have not in common, and that bar on each side, if it is there.

    Bars are compared bit by bit: a price that is no number equals itself.
    """
    common = min(len(bars), len(again))
    same = (bars.start_ms[:common] == again.start_ms[:common]) & (
        bars.values[:common].view(np.int64) == again.values[:common].view(np.int64)
    ).all(axis=1)
    at = common if same.all() else int(np.argmin(same))
    here, there = (each[at] if at < len(each) else None for each in (bars, again))
    starts = [bar.start_ms for bar in (here, there) if bar is not None]
    if not starts:
        return None, None, None
    at_ms = min(starts)
    return at_ms, _at(at_ms, here), _at(at_ms, there)


def _at(start_ms: int, bar: Bar | None) -> Bar | None:
    return bar if bar is not None and bar.start_ms == start_ms else None


def _place(of: Difference) -> tuple[bool, int, str, str]:
    return of.at_ms is None, of.at_ms or 0, of.interval, of.symbol
