"""Whether a reader of the notifications still has its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from playhead.entries import BEGINNING, order
from playhead.errors import ConsumerFellBehind, HistoryLost, SessionNotFound

FIELDS: Final = ("history", "trimmed", "noted", "status", "error")
"""What is read from the state in one step with the notifications."""

_LATE_CONSUMER: Final = "follow under another name, which begins at the oldest that is kept"
_LATE_READER: Final = "subscribe again to go on from the end, or under a name: the clock waits for that"


def check_place(session: str, history: str, read: str, state: Mapping[str, bytes | None], registered: bool) -> None:
    """Raises where what comes after the entry `read` is not all there, or is not what it was.

    `history` is the session's when the reader began, `state` has `FIELDS`.
    Raises `SessionNotFound`, `HistoryLost`, `ConsumerFellBehind`.
    """
    if state["history"] is None:
        raise SessionNotFound(f"session {session} was deleted while it was followed")
    if state["history"].decode() != history:
        raise HistoryLost(f"session {session} was made anew while it was followed; subscribe again")
    noted = (state["noted"] or b"").decode() or BEGINNING
    if order(read) > order(noted):
        raise HistoryLost(
            f"session {session} has notifications up to {noted}, and {read} had been read already: the "
            "server lost writes; start the session and its consumers again"
        )
    trimmed = (state["trimmed"] or b"").decode() or BEGINNING
    if order(read) < order(trimmed):
        raise ConsumerFellBehind(
            f"position {read} in session {session} is too old: nothing up to {trimmed} is kept any more; "
            + (_LATE_CONSUMER if registered else _LATE_READER)
        )
