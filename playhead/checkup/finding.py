"""What was looked at, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]
"""`warn` is what works and may not go on so, or what a person may have wanted; with `fail` something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was looked at, what was found there, and what to do about it; `todo` is empty where there is nothing."""

    level: Level
    what: str
    found: str
    todo: str = ""
