"""A session that a test drives while another hand writes to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from redis.exceptions import ResponseError

from playhead.config import SessionConfig, SymbolConfig
from tests.support.hostile import entry_ids, fields
from tests.support.in_process import InProcess
from tests.support.system import CLOSE_MS
from tests.support.tally import INPUTS, TEST_INPUTS
from tests.support.tape import MINUTE_MS, OPEN_MS

DATE = date(2025, 7, 2)
CONFIG = SessionConfig((SymbolConfig("AAPL"), SymbolConfig("RIVN")), DATE, DATE, run_until="12:06")
LIMITS = {"feed_ticks_ahead": 24, "batch_ticks": 4, "job_attempts": 1}
SHARE = INPUTS // 9
"""Inputs of each test here."""
AT_ONCE = 8
"""Inputs between two steps of the session."""

VALID_TICK = {b"type": b"tick", b"1m@%d" % (OPEN_MS + 200 * MINUTE_MS): b"AAPL\n\x95" + b"\xcb@u\0\0\0\0\0\0" * 5}
MARKS = (
    {b"type": b"window-end", b"through_ms": b"%d" % CLOSE_MS, b"final": b"1"},
    {b"type": b"session-finished"},
    {b"type": b"symbol-removed", b"symbols": b"AAPL", b"command": b"x"},
)


def ids() -> SearchStrategy[str]:
    """Ids that are later than the last one of a stream, most of them, and that the server takes for ids."""
    near = st.integers(OPEN_MS, CLOSE_MS).map(lambda moment_ms: f"{moment_ms}-0")
    marks = st.integers(1, 400).map(lambda minute: f"{OPEN_MS + minute * MINUTE_MS}-0")
    return st.just("*") | near | marks | entry_ids().map(lambda entry: entry.decode(errors="replace"))


ENTRIES = st.tuples(ids(), fields([VALID_TICK, *MARKS]))


def write(run: InProcess, stream: str, entry: str, found: Mapping[bytes, bytes]) -> bool:
    """Adds an entry with the rights of any hand. False where the server itself has refused it."""
    given: Any = found or {b"": b""}
    try:
        run.client.xadd(stream, given, id=entry)
    except ResponseError:
        return False
    return True


def fuzz(test: Any, inputs: SearchStrategy[Any], number: int) -> None:
    """Calls a test with so many inputs, a few at once."""
    settings(
        max_examples=max(1, number // AT_ONCE),
        deadline=None,
        derandomize=INPUTS == TEST_INPUTS,
        database=None,
        phases=[Phase.generate],  # what came before is a part of what happens
        suppress_health_check=list(HealthCheck),
    )(given(st.lists(inputs, min_size=AT_ONCE, max_size=AT_ONCE))(test))()
