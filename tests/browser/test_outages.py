"""The page while its session or its Redis is not there."""

from __future__ import annotations

from datetime import date

from playhead.config import SessionConfig, SymbolConfig
from playhead.session import Session
from shared.redis_server import RedisServer
from tests.browser.pages import Browser, Site
from tests.support.system import DAY, System


def test_a_redis_that_is_away_is_said_and_waited_for(own_server: RedisServer, own_site: Site, browser: Browser) -> None:
    day = date.fromisoformat(DAY)
    Session.start("alone", SessionConfig((SymbolConfig("RIVN"),), day, day), own_server.url, wait_s=0).close()
    own_site.start(REDIS_URL=own_server.url)
    with own_site.serving():
        page = browser.open("/session/alone", url=own_site.url)
        page.until(lambda: page.text("status") == "created", "the session")
        own_server.kill()
        page.until(
            lambda: "does not answer" in page.text("notice") and page.text("status") == "away", "that to be said"
        )
        page.type("Run to", "12:06")
        page.until(lambda: "does not answer" in page.error_at("Run to"), "the same of a command")
        own_server.restart()
        page.until(lambda: page.text("notice") == "" and page.text("status") == "created", "the page to go on")


def test_a_session_that_is_deleted_is_said_and_one_of_its_name_is_shown_when_it_comes(
    system: System, browser: Browser
) -> None:
    page = browser.open(f"/session/{system.name}")
    page.until(lambda: page.text("status") == "gone", "that there is none")
    assert f"there is no session {system.name}" in page.text("notice")
    session = system.start("RIVN")
    page.until(lambda: page.text("clock") == "12:06:00" and page.bars > 100, "it to be shown")
    session.delete()
    page.until(lambda: page.text("status") == "gone", "its end")
    system.start("AAPL", run_until="10:00")
    page.until(lambda: page.text("clock") == "10:00:00" and page.chart["symbol"] == "AAPL", "another one of its name")
    page.until(lambda: page.bars == 30, "its bars alone")
