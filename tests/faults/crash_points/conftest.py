"""What the tests of crash points share: a server whose databases may be emptied, and the story that nobody disturbs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.redis_server import RedisServer
from tests.conftest import started
from tests.support.crash_story import Played, play
from tests.support.crash_visits import SERVICES, Place


@pytest.fixture(scope="session")
def emptied_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for tests that empty the databases that they use."""
    with started(tmp_path_factory.mktemp("emptied")) as running:
        yield running


@pytest.fixture
def place(emptied_server: RedisServer, tmp_path: Path) -> Place:
    """Where this test has its cells."""
    return Place(emptied_server.url, tmp_path)


@pytest.fixture(scope="session")
def undisturbed(emptied_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The story without a death, in a session that forgets nothing."""
    with Place(emptied_server.url, tmp_path_factory.mktemp("undisturbed")).cell() as cell:
        cell.serve(*SERVICES)
        return play(cell)


@pytest.fixture(scope="session")
def recorded(emptied_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The same, recorded."""
    with Place(emptied_server.url, tmp_path_factory.mktemp("recorded")).cell() as cell:
        cell.serve(*SERVICES, "recorder")
        return play(cell, recorded=True)
