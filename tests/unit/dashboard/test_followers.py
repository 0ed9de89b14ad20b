"""One follower a session for all who look at it, and none once nobody does."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dashboard import followers as module
from dashboard.followers import Followers
from dashboard.scene import Scene

NOWHERE = "redis://127.0.0.1:1/0"
TIMEOUT_S = 20.0


def looking() -> int:
    """How many threads look at a session."""
    return sum(thread.name.startswith("look-") for thread in threading.enumerate())


async def until(condition: object, what: str) -> None:
    """Lets the loop go on until something is so."""
    assert callable(condition)
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


def test_all_who_look_at_a_session_are_shown_the_same_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_S", 0.05)
    one: list[Scene] = []
    two: list[Scene] = []

    async def story() -> None:
        followers = Followers(NOWHERE, NOWHERE)
        first = followers.join("demo", one.append)
        await until(lambda: one, "a scene")
        assert one[-1].problem is not None
        assert "does not answer" in one[-1].problem
        second = followers.join("demo", two.append)
        assert second.scene is one[-1]
        assert (len(followers), looking()) == (1, 1)
        first.look_at(("AAPL", "1m"))
        followers.leave("demo", first)
        followers.leave("demo", first)
        assert len(followers) == 1, "one still looks"
        followers.leave("demo", second)
        third = followers.join("demo", one.append)
        await asyncio.sleep(0.1)
        assert len(followers) == 1, "somebody has come back in time"
        followers.leave("demo", third)
        await until(lambda: len(followers) == 0 and looking() == 0, "its end")

    asyncio.run(story())


def test_the_end_ends_all() -> None:
    async def story() -> None:
        followers = Followers(NOWHERE, NOWHERE)
        for name in ("a", "b"):
            followers.join(name, lambda _: None)
        assert looking() == 2
        followers.end()
        await until(lambda: looking() == 0, "their end")

    asyncio.run(story())
