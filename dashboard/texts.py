"""Numbers and times as the page writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from dashboard.consumers import ConsumerState
from dashboard.deeds import Deed
from dashboard.holds import HoldView
from playhead.info import SessionInfo
from playhead.times import clock_text, full_clock_text, local

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 24 * HOUR_S


def span_text(seconds: int) -> str:
    """A length of time: `45 s`, `12 min`, `3 h 20 min`, `2 d`."""
    if seconds < MINUTE_S:
        return f"{seconds} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S} min"
    if seconds < DAY_S:
        minutes = seconds % HOUR_S // MINUTE_S
        return f"{seconds // HOUR_S} h {minutes} min" if minutes else f"{seconds // HOUR_S} h"
    return f"{seconds // DAY_S} d"


def wall_text(moment_ms: int) -> str:
    """A wall time of day on the server's clock: `20:14:03`."""
    return f"{datetime.fromtimestamp(moment_ms / 1000).astimezone():%H:%M:%S}"


def hold_text(hold: HoldView) -> str:
    """Who, and since when: `paused by hand since 20:14:03`."""
    since = "" if hold.since_ms is None else f", since {'' if hold.exact else 'before '}{wall_text(hold.since_ms)}"
    return f"{hold.who}{since}"


def lag_text(consumer: ConsumerState, clock_ms: int | None) -> str:
    """How far a consumer is behind the clock in market time."""
    if consumer.position_ms is None or clock_ms is None:
        return "-"
    behind_s = max(0, clock_ms - consumer.position_ms) // 1000
    return span_text(behind_s) if behind_s else "0"


def life_text(consumer: ConsumerState) -> str:
    """Whether a consumer lives."""
    if consumer.silent_s is None:
        return "left"
    return f"silent for {span_text(consumer.silent_s)}" if consumer.silent_s else "alive"


def market_text(moment_ms: int, info: SessionInfo) -> str:
    """A market time in the session's zone, with its date where the session has several."""
    clock = clock_text(moment_ms, info.zone)
    several = info.first_date != info.last_date
    return f"{local(moment_ms, info.zone):%m-%d} {clock}" if several else clock


def deed_text(deed: Deed, info: SessionInfo) -> tuple[str, str, str]:
    """A line of the journal: market time, what was done, how it ended."""
    clock = "" if deed.clock_ms is None else full_clock_text(deed.clock_ms, info.zone)
    if info.first_date != info.last_date and deed.clock_ms is not None:
        clock = f"{local(deed.clock_ms, info.zone):%m-%d} {clock}"
    how = "; ".join(deed.outcomes)
    if not how and deed.pause_ms is not None:
        how = f"clock stood {deed.pause_ms} ms"
    return clock, f"{deed.op} {deed.asked}".strip(), how or (deed.status if deed.status != "ok" else "")
