"""What the tests of the whole system share: the services, as real processes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.redis_server import RedisServer
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.system import System


@pytest.fixture(scope="session")
def services(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A coordinator, a producer and two workers for the whole run.

    They use the next database of the server: sessions that other tests write by hand are not theirs to serve.
    """
    with Services(next_database(redis_url), tmp_path_factory.mktemp("services")) as running:
        running.start("coordinator", "producer", "worker", "worker")
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


@pytest.fixture
def own_system(own_server: RedisServer, tmp_path: Path) -> Iterator[Callable[..., System]]:
    """Makes services for this test alone, on a server of its own: `own_system("coordinator", job_silence_ms=300)`."""
    with ExitStack() as stack:

        def make(*roles: str, **limits: int) -> System:
            running = stack.enter_context(Services(own_server.url, tmp_path, **limits))
            running.start(*roles)
            return stack.enter_context(closing(System(running, "own", tmp_path)))

        yield make


def next_database(url: str) -> str:
    """The URL of the database after the one of a URL."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + 1}").geturl()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test shows what the services logged during it."""
    report = yield
    if report.failed:
        used: dict[str, Any] = getattr(item, "funcargs", {})
        texts = {value.log_text() for value in used.values() if isinstance(value, Services | System)}
        report.sections += [("log of the services", text) for text in texts]
    return report
