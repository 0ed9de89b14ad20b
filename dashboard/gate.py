"""What every request passes, pages and websockets alike: from which page it comes, for which host, and from whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.access import Access

COOKIE: Final = "playhead_page"
SIGN_IN: Final = "/sign-in"
_READS: Final = ("GET", "HEAD")
_REFUSED: Final = {"type": "websocket.close", "code": 1008}

# Nothing is loaded from another host, and no other page has this one in a frame. The framework runs scripts that stand
# in the page, and makes functions of texts that its server has sent.
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with less, a browser would not say of a form from where it comes
    "cross-origin-opener-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """Says of a request why it is refused. `is_local`: the page is served to this machine alone."""

    access: Access | None
    is_local: bool

    def objection(self, kind: str, method: str, headers: Mapping[str, str]) -> str | None:
        """What is wrong with the way a request has come, `None` where nothing is. `kind` is `http` or `websocket`.

        A page of another host can point its own name at this machine (then the host is that name), and can have a
        browser send requests here (then the origin is that page).
        """
        host = headers.get("host", "")
        if self.is_local and not is_own_name(host):
            return f"this page is not for the host {host[:80]!r}; open it as localhost or 127.0.0.1"
        origin = headers.get("origin")
        if origin is None:
            needs_one = kind == "websocket" or method not in _READS
            return "a request without an origin changes nothing here" if needs_one else None
        scheme, _, place = origin.partition("://")
        if scheme not in ("http", "https") or place.lower() != host.lower():
            return f"a page of {origin[:80]!r} has no business here"
        return None

    def lets_in(self, headers: Mapping[str, str]) -> bool:
        """Whether it comes from somebody who was let in."""
        if self.access is None:
            return True
        if "authorization" in headers and self.access.admits_header(headers["authorization"]):
            return True
        return self.access.admits_cookie(cookie_of(headers.get("cookie", "")))


def is_own_name(host: str) -> bool:
    """Whether a header `Host` names this machine as itself: localhost, or an address that only it can reach."""
    if "@" in host:
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:  # no address
        return False


def cookie_of(header: str) -> str:
    """What our cookie says, in the header `Cookie`; empty without one."""
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


class Gate:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, judge: Judge) -> None:
        self._app = app
        self._judge = judge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = HTTPConnection(scope).headers
        answer = self._answer(scope, headers)
        if answer is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send(_REFUSED)  # before it was accepted: the browser is answered with 403
        else:
            await answer(scope, receive, _with_headers(send))

    def _answer(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """What is answered in the place of the application; `None` where the request goes on to it."""
        objection = self._judge.objection(scope["type"], scope.get("method", ""), headers)
        if objection is not None:
            return PlainTextResponse(objection, status_code=403)
        if scope["path"] == SIGN_IN or self._judge.lets_in(headers):
            return None
        if "text/html" in headers.get("accept", ""):
            return RedirectResponse(SIGN_IN, status_code=303)
        return PlainTextResponse("sign in first, or send the token as Authorization: Bearer", status_code=401)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending
