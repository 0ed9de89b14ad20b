"""Lua scripts, one file a state transition. The files are read once; the server knows them by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError


class Script:
    """One script. `prelude` names a file whose local functions stand before it."""

    def __init__(self, package: str, name: str, prelude: str | None = None) -> None:
        self.name = name
        self._text = "\n".join(_read(package, part) for part in (prelude, name) if part)
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: redis.Redis, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Runs it. A server that does not know it (a new one, a restarted one) is given its text."""
        try:
            return client.evalsha(self._digest, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self._text, len(keys), *keys, *args)

    def queue(self, pipe: Pipeline, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Puts it into a MULTI. The text goes along: in there nobody could say that it is not known."""
        pipe.eval(self._text, len(keys), *keys, *args)


@cache
def _read(package: str, name: str) -> str:
    return files(package).joinpath("lua", f"{name}.lua").read_text("utf-8")
