"""The sessions of a server, for the page that lists them."""

from __future__ import annotations

from dataclasses import dataclass

from playhead.connection import connect, text
from playhead.errors import InvalidInput, PlayheadError, RedisUnavailable, SessionNotFound
from playhead.keys import SESSIONS
from playhead.names import check_session
from playhead.session import Session
from playhead.times import clock_text


@dataclass(frozen=True, slots=True)
class Listed:
    """One session as the list has it; `problem` says why it cannot be read."""

    name: str
    status: str = ""
    date: str = ""
    clock: str = ""
    holds: str = ""
    symbols: str = ""
    problem: str = ""


def read_sessions(url: str) -> list[Listed]:
    """All that there are, by name. A name that no session can have is another hand's, and left out.

    Raises `RedisUnavailable`.
    """
    with connect(url) as client:
        names = sorted(text(member) for member in client.smembers(SESSIONS))
    return [found for name in names if _is_name(name) and (found := _listed(name, url)) is not None]


def _listed(name: str, url: str) -> Listed | None:
    try:
        with Session(name, url) as session:
            info = session.info()
    except (RedisUnavailable, SessionNotFound) as error:
        if isinstance(error, RedisUnavailable):
            raise
        return None  # deleted since it was listed
    except PlayheadError as error:
        return Listed(name, "unreadable", problem=str(error))
    if info is None:
        return None
    return Listed(
        name,
        info.status if info.active or info.status in ("finished", "stopped", "failed") else "catching up",
        str(info.date),
        "-" if info.clock_ms is None else clock_text(info.clock_ms, info.zone),
        ", ".join(info.holds) or "-",
        _some(sorted(info.symbols)),
        info.error or "",
    )


def _some(symbols: list[str]) -> str:
    return ", ".join(symbols[:4]) + (f" and {len(symbols) - 4} more" if len(symbols) > 4 else "")


def _is_name(name: str) -> bool:
    try:
        check_session(name)
    except InvalidInput:
        return False
    return True
