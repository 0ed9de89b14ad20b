"""What the head of a session's page says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboard.holds import USER, WARM_UP
from dashboard.scene import Scene
from playhead.info import OVER, SessionInfo
from playhead.times import full_clock_text, local

CATCHING_UP: Final = "catching up"
CATCHING_UP_TEXT: Final = (
    "Symbols are being caught up. The clock stands, and what was there before is shown until all is there."
)
WARMING_TEXT: Final = "The history before the first day is being read. The session begins when it is there."
AWAY: Final = "away"
GONE: Final = "gone"


@dataclass(frozen=True, slots=True)
class Heading:
    """`status` is a word, `clock` a time of day in `zone`, `date` its date. `veiled`: what is shown is from before, and
    looks so. `notice` is what a person should know just now, `alarm` whether it is something to mend.
    """

    status: str
    clock: str
    date: str
    zone: str
    speed: str
    veiled: bool
    notice: str
    alarm: bool
    is_over: bool
    is_paused: bool


def heading_of(scene: Scene) -> Heading:
    """The head of a page."""
    info = scene.info
    if info is None:
        status = GONE if scene.gone else AWAY if scene.problem else ""
        return Heading(status, "--:--:--", "", "", "", True, scene.problem or "", True, True, False)
    notice, alarm = _notice(scene, info)
    status = info.status if info.active or info.status in OVER else CATCHING_UP
    return Heading(
        status=GONE if scene.gone else AWAY if scene.problem else status,
        clock="--:--:--" if info.clock_ms is None else full_clock_text(info.clock_ms, info.zone),
        date=_date(info),
        zone=info.zone,
        speed=info.speed,
        veiled=not info.active or scene.problem is not None,
        notice=notice,
        alarm=alarm,
        is_over=info.status in OVER,
        is_paused=USER in info.holds,
    )


def _date(info: SessionInfo) -> str:
    day = info.date if info.clock_ms is None else local(info.clock_ms, info.zone).date()
    return f"{day:%a} {day}"


def _notice(scene: Scene, info: SessionInfo) -> tuple[str, bool]:
    if scene.problem:
        return scene.problem, True
    if info.error:
        return info.error, True
    if info.troubles:
        return "; ".join(f"{trouble.role} held up: {trouble.reason}" for trouble in info.troubles), True
    if info.recording_error:
        return f"not recorded: {info.recording_error}", True
    if not info.active and info.status not in OVER:
        return (WARMING_TEXT if WARM_UP in info.holds else CATCHING_UP_TEXT), False
    if info.waiting_for:
        return f"The clock waits for {', '.join(info.waiting_for)}.", False
    if info.expected:
        return f"The first tick waits for {', '.join(info.expected)}.", False
    return "", False
