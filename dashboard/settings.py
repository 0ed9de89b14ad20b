"""What the page's server is told, read once from the environment. A secret does not stand among the arguments."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from dashboard.access import SHORTEST_TOKEN, Access
from playhead.errors import InvalidInput
from shared.free_port import address_of
from shared.redis_server import LOOPBACK

USUAL_PORT: Final = 8765
PREFIX: Final = "PLAYHEAD_DASHBOARD_"
_LAST_PORT: Final = 65_535
_LAST_DESCRIPTOR: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Where the page is served, and to whom.

    Without `port` it is the usual one, or a free one where that is taken. `fd` is a socket that listens already, of the
    process that has started this one. Without `access` everybody on this machine is let in, and nobody else can come.
    `made` says that the token was made here: nobody knows it yet.
    """

    host: str = LOOPBACK
    port: int | None = None
    fd: int | None = None
    access: Access | None = None
    made: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return address_of(self.host).is_loopback

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads the environment. Raises `InvalidInput` for what cannot be, or is not safe."""
        given = os.environ if environment is None else environment
        named = {name: given.get(f"{PREFIX}{name}", "") for name in ("HOST", "TOKEN", "USER", "PASSWORD")}
        fd = _number(f"{PREFIX}FD", given.get(f"{PREFIX}FD", ""), _LAST_DESCRIPTOR)
        # A socket that comes from the process that started this one is for this machine alone.
        host = LOOPBACK if fd is not None or named["HOST"] in ("", "localhost") else named["HOST"]
        access = _access(named["TOKEN"], named["USER"], named["PASSWORD"])
        made = access is None and given.get(f"{PREFIX}RANDOM_TOKEN", "") not in ("", "0", "false")
        if made:
            access = Access(secrets.token_urlsafe(2 * SHORTEST_TOKEN))
        port = _number(f"{PREFIX}PORT", given.get(f"{PREFIX}PORT", ""), _LAST_PORT)
        found = cls(host, port, fd, access, made)
        if access is None and not found.is_local:
            raise InvalidInput(
                f"whoever sees the page can change sessions, and {host} can be reached from other machines: set "
                f"{PREFIX}TOKEN to at least {SHORTEST_TOKEN} characters, or {PREFIX}USER and {PREFIX}PASSWORD, or have "
                "a token made by --random-token; or leave out --host"
            )
        return found


def _access(token: str, user: str, password: str) -> Access | None:
    if token and (user or password):
        raise InvalidInput("the page has a token or a user with a password, not both; leave one out")
    if bool(user) != bool(password):
        raise InvalidInput(f"the page needs {PREFIX}USER and {PREFIX}PASSWORD together")
    if token:
        return Access(token).check()
    return Access(password, user).check() if user else None


def _number(name: str, text: str, most: int) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= most):
        raise InvalidInput(f"{name}={text[:40]!r} is not a whole number from 1 to {most}")
    return int(text)
