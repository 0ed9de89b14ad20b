"""What another page, another machine and another hand can do with the page: nothing."""

from __future__ import annotations

import json
import socket

import pytest
from playwright.sync_api import Page

from playhead.keys import SESSIONS
from tests.browser.pages import Browser, Shown, Site
from tests.support.system import NOON_MS, System

MARKUP = "<img src=x onerror=\"window.broken='yes'\"><script>window.broken='yes'</script>"
TOKEN = "a-token-that-nobody-guesses"


def test_what_looks_like_markup_is_shown_as_the_text_that_it_is(system: System, browser: Browser) -> None:
    system.start("RIVN")
    page = browser.session(system.name, symbol="RIVN")
    page.type("Add symbols", MARKUP.replace(" ", "/"))
    page.until(lambda: "<img/src" in page.error_at("Add symbols"), "the error as text")
    page.type("Run to", MARKUP)
    page.until(lambda: "<img src=x" in page.error_at("Run to"), "the error as text")
    system.client.sadd(SESSIONS, MARKUP)
    try:
        forge(system)
        page.until(lambda: MARKUP in page.symbols(), "the symbol as text")
        page.until(lambda: page.text("notice") == MARKUP, "the error as text")
        page.until(lambda: MARKUP in [row[0] for row in page.rows("Holds")], "the hold as text")
        page.until(lambda: any(MARKUP in row[1] for row in page.rows("Journal")), "the journal as text")
        page.page.locator("tr", has_text="added").get_by_role("button").first.click()
        page.page.locator(".ph-receipt").get_by_text(f"Receipt of {MARKUP}").wait_for()
        page.press("Close")
        page.page.locator('tr[data-key^="<img"] td').first.click()
        page.page.locator(".ph-pauses-canvas").hover()
        page.until(lambda: "%3Cimg" in page.page.url, "the choice in the address")
        assert untouched(page)
        page.page.goto(page.page.url.partition("/session/")[0])
        page.until(lambda: any(row[0] == system.name for row in page.rows("Sessions")), "the list")
        assert not any("<img" in row[0] for row in page.rows("Sessions")), "no session can have that name"
        page.field("Name").fill(MARKUP)
        page.press("Start")
        page.until(lambda: "<img src=x" in page.text("form-error"), "the error as text")
        page.page.goto(f"{page.page.url}session/%3Cimg%20src=x%20onerror=%22window.broken='yes'%22%3E")
        page.until(lambda: "<img src=x" in page.text("notice"), "the error as text")
        assert untouched(page)
    finally:
        system.client.srem(SESSIONS, MARKUP)


def forge(system: System) -> None:
    """Writes markup wherever another hand can write what the page shows."""
    keys, client = system.keys(), system.client
    record = json.loads(client.hget(keys.symbols, "RIVN") or b"{}") | {
        "added_ms": NOON_MS,
        "receipt": {"loaded": MARKUP},
    }
    client.sadd(keys.holds, MARKUP)
    client.hset(keys.symbols, MARKUP, json.dumps(record))
    client.hset(keys.state, mapping={"producer_trouble": MARKUP, "error": MARKUP, "speed": MARKUP})
    client.hset(keys.consumers, MARKUP, 1)
    results = json.dumps({MARKUP: {"error": MARKUP, "held_ms": 5}})
    client.xadd(keys.journal, {"op": MARKUP, "symbol": MARKUP, "clock_ms": NOON_MS, "run_hash": "", "results": results})


def untouched(page: Shown) -> bool:
    """Whether no text became an element or ran."""
    return bool(page.page.evaluate("() => window.broken === undefined && !document.querySelector('img[src=x]')"))


# What a websocket to the page's server becomes that a page of `origin` opens.
CONNECT = """url => new Promise(resolve => {
  const socket = new WebSocket(url);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("refused");
})"""


def test_a_page_of_another_origin_opens_no_websocket_and_sends_no_form(browser: Browser, site: Site) -> None:
    where = site.url.removeprefix("http://")
    target = f"ws://{where}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    context = browser.context()
    context.route(
        "http://127.0.0.1:1/**", lambda route: route.fulfill(body="<p>another page</p>", content_type="text/html")
    )
    other = context.new_page()
    other.goto("http://127.0.0.1:1/")
    assert other.evaluate(CONNECT, target) == "refused"
    ours = browser.open().page
    assert ours.evaluate(CONNECT, target) == "open"
    for origin, code in ((None, 403), ("http://127.0.0.1:1", 403), (f"http://{where}", 303)):
        assert answer(site, "POST", "/sign-in", origin=origin).startswith(f"HTTP/1.1 {code}"), origin


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.1.2.3:8765", "a@127.0.0.1", ""])
def test_on_this_machine_alone_a_page_of_another_name_is_refused(site: Site, host: str) -> None:
    assert answer(site, "GET", "/", host=host).startswith("HTTP/1.1 403")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8765", "[::1]:8765", "LOCALHOST:1"])
def test_it_is_served_under_the_names_of_this_machine(site: Site, host: str) -> None:
    assert answer(site, "GET", "/", host=host).startswith("HTTP/1.1 200")


def answer(site: Site, method: str, path: str, host: str | None = None, origin: str | None = None) -> str:
    """What the server answers to a request with these very headers."""
    where, _, port = site.url.removeprefix("http://").partition(":")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {f'{where}:{port}' if host is None else host}", "Connection: close"]
    lines += [f"Origin: {origin}"] if origin is not None else []
    with socket.create_connection((where, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode(errors="replace")


def test_where_other_machines_can_come_it_does_not_start_without_a_secret(own_site: Site) -> None:
    own_site.start(DASHBOARD_HOST="0.0.0.0")
    assert own_site.ended() == 1
    assert "can be reached from other machines" in own_site.said
    assert "Traceback" not in own_site.said


def test_who_knows_the_token_is_let_in_and_nobody_else(own_site: Site, browser: Browser, system: System) -> None:
    system.start("RIVN")
    own_site.start(DASHBOARD_HOST="0.0.0.0", DASHBOARD_TOKEN=TOKEN)
    with own_site.serving():
        page = browser.open(f"/session/{system.name}", url=own_site.url).page
        page.wait_for_url("**/sign-in")
        assert (
            page.evaluate(
                CONNECT, own_site.url.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
            )
            == "refused"
        )
        sign_in(page, "a-token-that-somebody-guesses")
        page.get_by_text("That is not it.").wait_for()
        sign_in(page, TOKEN)
        page.get_by_text("Start a session").wait_for()
        shown = Shown(page)
        page.goto(f"{own_site.url}/session/{system.name}")
        shown.until(lambda: shown.bars > 100, "the chart")
        assert TOKEN not in own_site.said
        assert answer(own_site, "GET", "/").startswith("HTTP/1.1 401")


def test_a_token_that_is_made_stands_in_the_log_and_lets_in(own_site: Site, browser: Browser) -> None:
    own_site.start(DASHBOARD_HOST="0.0.0.0", DASHBOARD_RANDOM_TOKEN="1")
    with own_site.serving():
        page = browser.open(own_site.address.removeprefix(own_site.url), url=own_site.url).page
        page.get_by_text("Start a session").wait_for()
        assert "token" not in page.url


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_port_that_is_taken_is_said(own_site: Site, site: Site) -> None:
    port = site.url.rpartition(":")[2]
    own_site.start(DASHBOARD_PORT=port)
    assert own_site.ended() == 1
    assert f"port {port} on 127.0.0.1 is taken by another process" in own_site.said
