"""What tests share: one real server, the services, session names of their own, the recorded bars.

What a test needs and this machine lacks skips the test with the reason; with `CI=true` it fails it.
`PLAYHEAD_TEST_REDIS_URL` takes a running server in place of one started here, `PLAYHEAD_REAL_BARS` another
folder of recorded bars.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import Phase, settings

from shared.redis_server import RedisServer, ServerMissing
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.system import System, next_database

REPOSITORY = Path(__file__).resolve().parent.parent
SEARCH = (Phase.explicit, Phase.reuse, Phase.generate)

# What makes a test fail is explained by the test; that takes minutes where an example is a whole session.
settings.register_profile("playhead", phases=(*SEARCH, Phase.shrink))
# For wrong programs that are made on purpose: that one is noticed is enough, the smallest case of it is not asked for.
settings.register_profile("unshrunk", phases=SEARCH, database=None, derandomize=False)
settings.load_profile("playhead")


@dataclass(frozen=True)
class RunningServer:
    """A server that somebody else runs: it can be used, and neither stopped nor killed."""

    url: str


def lacking(reason: str) -> NoReturn:
    """Ends the test: skipped on a laptop, failed in CI, where nothing may be left out unseen."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (a failure since CI=true)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer | RunningServer]:
    """The one server of the test run. A test that kills or restarts a server takes `own_server`."""
    url = os.environ.get("PLAYHEAD_TEST_REDIS_URL")
    if url:
        yield RunningServer(own_databases(url))
        return
    with started(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for this test alone, on a free port, to be killed and restarted at will."""
    with started(tmp_path / "redis") as running:
        yield running


def own_databases(url: str) -> str:
    """The URL of the first of two databases that are this process's alone, where several run the tests side by side."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for _ in range(2 * number):
        url = next_database(url)
    return url


def started(directory: Path) -> RedisServer:
    try:
        return RedisServer.start(directory=directory)
    except ServerMissing as error:
        lacking(str(error))


@pytest.fixture(scope="session")
def redis_url(server: RedisServer | RunningServer) -> str:
    """The URL of the server of this test run."""
    return server.url


@pytest.fixture
def session_name(request: pytest.FixtureRequest, redis_url: str) -> Iterator[str]:
    """A session name that no other test has; see `own_sessions`."""
    with own_sessions(redis_url, request.node.nodeid) as name:
        yield name


@pytest.fixture(scope="session")
def real_bars() -> Path:
    """The folder of recorded one-minute bars that is handed out beside the repository."""
    place = Path(os.environ.get("PLAYHEAD_REAL_BARS") or REPOSITORY.parent / "shared" / "data" / "minute-bars")
    if not place.is_dir():
        lacking(f"no recorded bars in {place}; set PLAYHEAD_REAL_BARS to their folder")
    return place


@pytest.fixture(scope="session")
def services(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A coordinator, a producer, two workers and a recorder for the whole run.

    They use the next database of the server: sessions that other tests write by hand are not theirs to serve.
    """
    with Services(next_database(redis_url), tmp_path_factory.mktemp("services")) as running:
        running.start("coordinator", "producer", "worker", "worker", "recorder")
        yield running


@pytest.fixture
def system(services: Services, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """The running services, and session names for this test. What it kills is started again after it."""
    with (
        own_sessions(services.url, request.node.nodeid) as name,
        closing(System(services, name, tmp_path)) as system,
    ):
        services.wait_ready()
        yield system
        services.heal()
