"""The speed of a session as it is typed: `max`, or market seconds a wall second."""

from __future__ import annotations

import math
from typing import Final

from playhead.errors import InvalidInput

MAX_SPEED: Final = "max"


def parse_speed(text: str) -> float | None:
    """`max` (as `None`) or market seconds a wall second. Raises `InvalidInput`."""
    if text == MAX_SPEED:
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise InvalidInput(f"speed {text[:40]!r} is neither max nor a number above 0, such as 60")
    return factor


def speed_text(factor: float | None) -> str:
    """A speed as it is typed: `max`, `60`, `0.5`."""
    return MAX_SPEED if factor is None else repr(float(factor)).removesuffix(".0")
