"""JSON that another hand may have written: read without trusting it."""

from __future__ import annotations

import json
from typing import Any, TypeVar

T = TypeVar("T")


def load(text: bytes | str) -> Any:
    """What a JSON text says. Raises `ValueError` for everything that is none, however it is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def load_object(text: bytes | str) -> dict[str, Any]:
    """The JSON object in a text. Raises `ValueError`."""
    found = load(text)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def typed(value: object, *kinds: type[T], what: str) -> T:
    """The value itself, if it is of one of these types; `bool` is no `int`. Raises `TypeError` saying what it is of."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{what} is {str(value)[:40]!r}, which is no {kinds[0].__name__}")
    return value
