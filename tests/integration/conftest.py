"""What the tests of the whole system share: the services, as real processes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.system import System, next_database


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
