"""`playhead session start --follow`: how far a session of many days is, and how long it will still take."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from playhead.cli.board import summary_line
from playhead.cli.options import info_of
from playhead.cli.output import print_line, print_note
from playhead.errors import RedisUnavailable, SessionFailed
from playhead.info import OVER, SessionInfo
from playhead.session import Session
from playhead.times import local

LOOK_S: Final = 0.25
"""Between two looks at the session."""
RATE_S: Final = 30.0
"""The time left is judged by the pace of so many last seconds."""


def follow(session: Session, console: Console | None, *, quiet: bool, stops: bool) -> SessionInfo:
    """Shows how far the session is until it is over, or with `stops` until it has paused where it was told to.

    As a bar on a terminal, else as a line for each day, or with `quiet` not at all. Raises `SessionFailed` where it
    failed. Ctrl-C leaves it running, and says so.
    """
    try:
        info = _lines(session, quiet, stops) if console is None else _bar(session, console, stops)
    except KeyboardInterrupt:
        print_note(f"session {session.name} goes on; to see how far it is: playhead watch --session {session.name}")
        raise
    if info.status == "failed":
        raise SessionFailed(f"session {session.name} failed: {info.error or 'it gave no reason'}")
    return info


def _bar(session: Session, console: Console, stops: bool) -> SessionInfo:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[day]}", markup=False),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.fields[what]}", markup=False),
    )
    with Progress(*columns, console=console, expand=True, speed_estimate_period=RATE_S) as progress:
        task = progress.add_task(session.name, total=None, day="", what="left")
        while True:
            try:
                info = info_of(session)
            except RedisUnavailable:
                progress.update(task, what="Redis is away")
                time.sleep(LOOK_S)
                continue
            of = info.progress
            if of is not None:
                progress.update(
                    task,
                    description=f"{session.name}  {_date_text(info)}",
                    completed=of.done,
                    total=of.total,
                    day=f"day {of.day} of {of.days}",
                    what=_what(info),
                )
            if _is_over(info, stops):
                return info
            time.sleep(LOOK_S)


def _lines(session: Session, quiet: bool, stops: bool) -> SessionInfo:
    day = 0
    while True:
        try:
            info = info_of(session)
        except RedisUnavailable as error:
            print_note(str(error))
            time.sleep(LOOK_S)
            continue
        of = info.progress
        if of is not None and of.day != day and not quiet:
            day = of.day
            print_line(f"session {session.name}: day {of.day} of {of.days}, {_date_text(info)}, {of.share:.0%}")
        if _is_over(info, stops):
            if not quiet:
                print_line(summary_line(info))
            return info
        time.sleep(LOOK_S)


def _is_over(info: SessionInfo, stops: bool) -> bool:
    return info.status in OVER or (stops and "user" in info.holds)


def _what(info: SessionInfo) -> str:
    """What stands behind the time: how it is meant, or why there is none."""
    if info.troubles:
        return f"{info.troubles[0].role} held up"
    if info.holds:
        return f"paused ({', '.join(info.holds)})"
    return "taken" if info.status in OVER else "left"


def _date_text(info: SessionInfo) -> str:
    return "" if info.clock_ms is None else f"{local(info.clock_ms, info.zone).date()}"
