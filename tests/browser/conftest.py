"""A real browser, and the page's server as a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import sync_playwright

from tests.browser.pages import Browser, Site
from tests.conftest import lacking
from tests.integration.conftest import pytest_runtest_makereport
from tests.support.services import Services
from tests.support.system import Gate, System

__all__ = ["pytest_runtest_makereport"]

# Nothing that a browser does by itself: no updates, no look-ups, no first run.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """One browser for each file. Playwright keeps an event loop running in this thread as long as it is there, beside
    which no other test could have its own.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        lacking("no chromium on PATH; on Debian as root: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared_site(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page's server for all tests that do not stop it."""
    with Site(services.environment, tmp_path_factory.mktemp("page")) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The same, and it runs."""
    shared_site.wait_ready()
    return shared_site


@pytest.fixture
def browser(chromium: Chromium, site: Site) -> Iterator[Browser]:
    """Pages of that server in contexts that share nothing. A request that leaves this machine, an error of a script
    and an unanswered question fail the test."""
    with closing(Browser(chromium, site.url)) as browser:
        yield browser
        browser.check()


@pytest.fixture
def gate(system: System) -> Iterator[Gate]:
    """A source that stands still until it is opened; open at the end, whatever happened."""
    gate = Gate(system.directory)
    yield gate
    gate.open()


@pytest.fixture
def own_site(services: Services, tmp_path: Path) -> Site:
    """A server of the page that a test starts, with what it needs."""
    return Site(services.environment, tmp_path)
