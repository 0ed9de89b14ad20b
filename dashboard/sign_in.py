"""The page at which somebody signs in, where a token or a password is asked for."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboard.access import Access
from dashboard.gate import COOKIE

WRONG_S: Final = 0.5
"""Who was wrong waits for so long: trying takes time."""
MAX_FORM: Final = 4_096
"""Bytes."""
KEPT_S: Final = 30 * 24 * 3600
"""How long a browser keeps its cookie."""

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Playhead</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ background: #0e1217; color: #d5dbe3; font: 14px/1.5 system-ui, sans-serif; margin: 0;
  display: grid; place-items: center; min-height: 100vh; }}
form {{ width: 280px; padding: 24px; border: 1px solid #232b35; border-radius: 6px; background: #141a21; }}
h1 {{ font-size: 16px; margin: 0 0 16px; font-weight: 600; }}
label {{ display: block; margin-bottom: 12px; color: #8a95a3; font-size: 12px; }}
input {{ box-sizing: border-box; width: 100%; margin-top: 4px; padding: 8px; border: 1px solid #2c3642;
  border-radius: 4px; background: #0e1217; color: inherit; font: inherit; }}
button {{ width: 100%; padding: 8px; border: 0; border-radius: 4px; background: #2f6fed; color: #fff; font: inherit;
  cursor: pointer; }}
p {{ color: #f0716d; margin: 0 0 12px; }}
</style></head>
<body><form method="post"><h1>Playhead</h1>{complaint}{fields}<button>Sign in</button></form></body></html>
"""
_FIRST: Final = '<label>User<input name="user" autocomplete="username" autofocus required></label>'
_SECOND: Final = '<label>Password<input name="secret" type="password" autocomplete="current-password" required></label>'
_ONLY: Final = (
    '<label>Token<input name="secret" type="password" autocomplete="current-password" autofocus required></label>'
)
_WRONG: Final = '<p role="alert">That is not it.</p>'


class SignIn:
    """Answers at the address for it. All that its page says is constant."""

    def __init__(self, access: Access | None) -> None:
        self._access = access

    async def show(self, request: Request) -> Response:
        """The form; who brings the token in the address is let in at once."""
        if self._access is None:
            return RedirectResponse("/", status_code=303)
        token = request.query_params.get("token")
        if token is not None:
            return await _judged(self._access, "", token, request)
        return _form(self._access, "", 200)

    async def take(self, request: Request) -> Response:
        """What was typed into the form."""
        if self._access is None:
            return RedirectResponse("/", status_code=303)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_FORM:
                return _form(self._access, _WRONG, 413)
        fields = parse_qs(body.decode(errors="replace"))
        user, secret = (fields.get(name, [""])[0] for name in ("user", "secret"))
        return await _judged(self._access, user, secret, request)


async def _judged(access: Access, user: str, secret: str, request: Request) -> Response:
    if not access.admits(user if access.user else "", secret):
        await asyncio.sleep(WRONG_S)
        return _form(access, _WRONG, 401)
    answer = RedirectResponse("/", status_code=303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, access.cookie, KEPT_S, httponly=True, samesite="strict", secure=secure)
    return answer


def _form(access: Access, complaint: str, status: int) -> Response:
    page = _PAGE.format(complaint=complaint, fields=_FIRST + _SECOND if access.user else _ONLY)
    return HTMLResponse(page, status, headers={"cache-control": "no-store"})
