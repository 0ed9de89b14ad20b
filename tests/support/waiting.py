"""Waiting for something to become true, in place of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_S = 0.01


def wait_until(
    condition: Callable[[], object], timeout_s: float = 10.0, what: str = "the condition", poll_s: float = POLL_S
) -> None:
    """Returns as soon as `condition()` is truthy. It is asked at least once, and its errors pass through.

    Raises `AssertionError` with `what` when it is still not so after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s for {what}")
        time.sleep(poll_s)
