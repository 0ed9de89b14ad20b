"""Pages as a test uses them: the server's process, browsers, and what a page shows."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Locator, Page, Request

from shared.free_port import free_port
from shared.redis_server import LOOPBACK
from tests.support.services import REPOSITORY
from tests.support.waiting import wait_until

TIMEOUT_S = 30.0
STOP_S = 5.0
LOOK_S = 0.05  # a page is not asked more often
DESKTOP = (1280, 800)
_SAID = re.compile(r"page at (http://\S+)")


class Site:
    """`python -m dashboard`. All is ended at the end of a `with` block, which fails where it does not end well."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self._environment = dict(environment)
        self._directory = directory
        self._port = free_port(LOOPBACK)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory / "page.log"

    def start(self, **variables: str) -> Self:
        """Starts the process, on the same port each time."""
        ours = {"PLAYHEAD_DASHBOARD_PORT": str(self._port)} | {f"PLAYHEAD_{name}": of for name, of in variables.items()}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dashboard"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=REPOSITORY,
                env=self._environment | ours,
            )
        return self

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def said(self) -> str:
        """Its log."""
        return self._log.read_text()

    @property
    def address(self) -> str:
        """The address that it said last."""
        self.wait_ready()
        return str(_SAID.findall(self.said)[-1])

    def wait_ready(self) -> None:
        """Waits until it serves."""

        def ready() -> bool:
            assert self._process is None or self._process.poll() is None, self.said
            return len(_SAID.findall(self.said)) > self.said.count("dashboard stopped")

        wait_until(ready, TIMEOUT_S, "the page's server to be ready")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Waits until it serves, and stops it at the end."""
        self.wait_ready()
        try:
            yield
        finally:
            self.stop()

    def ended(self) -> int:
        """Waits until it ends by itself. The exit code."""
        process, self._process = self._process, None
        assert process is not None
        return process.wait(TIMEOUT_S)

    def stop(self) -> None:
        """SIGTERM. Raises `AssertionError` where it does not end within 5 s, or not with 0."""
        if self._process is None:
            return
        self.wait_ready()
        begun_s = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(TIMEOUT_S)
        took_s = time.monotonic() - begun_s
        self._process = None
        assert code == 0, f"ended with {code}:\n{self.said}"
        assert took_s < STOP_S, f"took {took_s:.1f} s to end:\n{self.said}"
        assert "Traceback" not in self.said, self.said

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and kind is not None:
            self._process.kill()
            self._process.wait()
            return
        self.stop()


class Shown:
    """A page in a browser. What it shows is asked again and again, until it is so."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def text(self, name: str) -> str:
        """The text of a part of the head, such as `clock`."""
        found = self.page.locator(f".ph-{name}")
        return found.first.inner_text() if found.count() else ""

    @property
    def chart(self) -> Mapping[str, str]:
        """What is drawn: `symbol`, `interval`, `bars`, `caught`, `last`, `draws`."""
        given: Any = self.page.evaluate("() => ({...document.querySelector('.ph-chart')?.dataset})")
        return dict(given)

    @property
    def bars(self) -> int:
        return int(self.chart.get("bars") or 0)

    def rows(self, name: str) -> list[list[str]]:
        """The cells of a table."""
        found: list[list[str]] = self.page.evaluate(
            """name => [...document.querySelectorAll(`[aria-label="${name}"] tbody tr`)].map(
                 row => [...row.querySelectorAll("td:not(.act)")].map(cell => cell.innerText))""",
            name,
        )
        return found

    def symbols(self) -> dict[str, list[str]]:
        """The table of symbols."""
        return {row[0]: row[1:] for row in self.rows("Symbols")}

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def press(self, title: str) -> None:
        """Clicks the button of that name."""
        self.page.get_by_role("button", name=title, exact=True).click()

    def type(self, label: str, text: str) -> None:
        """Types a text into a field, and presses Enter."""
        self.field(label).fill(text)
        self.field(label).press("Enter")

    def error_at(self, label: str) -> str:
        """What stands below a field."""
        field = self.page.locator("label, .q-field").filter(has=self.field(label)).locator(".q-field__messages")
        return field.last.inner_text() if field.count() else ""

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits until the page shows something."""
        try:
            wait_until(condition, TIMEOUT_S, what, LOOK_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page shows:\n{self.page.inner_text('body')}") from None


class Browser:
    """Browsers of people who do not know of each other."""

    def __init__(self, chromium: Chromium, url: str) -> None:
        self._chromium = chromium
        self._url = url
        self._contexts: list[BrowserContext] = []
        self._problems: list[str] = []

    def context(self, size: tuple[int, int] = DESKTOP) -> BrowserContext:
        """One with no cookies."""
        context = self._chromium.new_context(viewport={"width": size[0], "height": size[1]})
        context.set_default_timeout(1000 * TIMEOUT_S)
        context.on("request", self._note)
        self._contexts.append(context)
        return context

    def open(self, path: str = "/", size: tuple[int, int] = DESKTOP, url: str | None = None) -> Shown:
        """A page in a browser of its own."""
        page = self.context(size).new_page()
        page.on("pageerror", lambda error: self._problems.append(f"a script failed: {error}"))
        page.on("dialog", lambda dialog: self._problems.append(f"a dialog: {dialog.message}"))
        page.goto((url or self._url) + path)
        return Shown(page)

    def session(self, name: str, size: tuple[int, int] = DESKTOP, **chosen: str) -> Shown:
        """The page of a session, once its chart is drawn."""
        query = "&".join(f"{key}={value}" for key, value in chosen.items())
        shown = self.open(f"/session/{name}?{query}", size)
        shown.until(lambda: shown.bars > 0, "the chart to be drawn")
        return shown

    def check(self) -> None:
        """Fails where a page did what none should."""
        assert not self._problems, self._problems

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _note(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if urlsplit(request.url).scheme not in ("data", "blob", "about") and host not in (LOOPBACK, "localhost"):
            self._problems.append(f"a request to {request.url}")
