"""Who is let in: whoever knows the token, or the user and the password. A browser then has a cookie that says so."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from playhead.errors import InvalidInput

SHORTEST_TOKEN: Final = 16
SHORTEST_PASSWORD: Final = 8
"""Characters. What is shorter is found by trying."""

_SALT: Final = b"playhead dashboard"


@dataclass(frozen=True)
class Access:
    """The secret: a token (then `user` is empty), or the password of a user."""

    secret: str
    user: str = ""

    def check(self) -> Access:
        """The same, if it is worth something. Raises `InvalidInput`, which does not repeat the secret."""
        what, shortest = ("password", SHORTEST_PASSWORD) if self.user else ("token", SHORTEST_TOKEN)
        if len(self.secret) < shortest:
            raise InvalidInput(f"the {what} of the page has {len(self.secret)} characters; give at least {shortest}")
        if ":" in self.user:
            raise InvalidInput("the user of the page has a colon in it; give a name without one")
        return self

    def admits(self, user: str, secret: str) -> bool:
        """Whether that is the secret. Takes the same time however much of it is right."""
        same_user = hmac.compare_digest(user.encode(), self.user.encode())
        same_secret = hmac.compare_digest(secret.encode(), self.secret.encode())
        return same_user and same_secret

    @cached_property
    def cookie(self) -> str:
        """What the cookie of a browser that was let in says.

        It is the same after a restart, so that a page goes on by itself. The secret cannot be had from it, nor tried
        quickly.
        """
        known = f"{self.user}:{self.secret}".encode()
        return hashlib.scrypt(known, salt=_SALT, n=1 << 14, r=8, p=1, dklen=32).hex()

    def admits_cookie(self, value: str) -> bool:
        """Whether a cookie is of a browser that was let in."""
        return hmac.compare_digest(value.encode(), self.cookie.encode())

    def admits_header(self, authorization: str) -> bool:
        """Whether the header `Authorization` has the secret: `Bearer <token>`, or `Basic` with user and password."""
        kind, _, value = authorization.partition(" ")
        if kind.lower() == "bearer":
            return not self.user and self.admits("", value.strip())
        if kind.lower() == "basic":
            try:
                user, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            return self.admits(user if self.user else "", secret)
        return False
