"""Lua scripts, one file a state transition. The files are read once; the server knows them by digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast

import redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError, ResponseError

from playhead.crash_points import Write
from playhead.errors import Malformed

if TYPE_CHECKING:
    from playhead.connection import Client

_MALFORMED: Final = re.compile(r"(MALFORMED|WRONGTYPE) (.*?)(?: script: .*)?", re.DOTALL)
"""How an error begins that a script raises for what another hand has done to a key."""


SHOWN_KEYS: Final = 8


class Script:
    """One script. `prelude` names a file whose local functions stand before it.

    One that `reads_only` is refused by the server if it writes; any other is a write, with its crash points.
    """

    def __init__(self, package: str, name: str, prelude: str | None = None, *, reads_only: bool = False) -> None:
        self.name = name
        self._reads_only = reads_only
        self._door = nullcontext() if reads_only else Write(name)
        self._text = _with_prelude(_read(package, prelude) if prelude else "", _read(package, name))
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def __call__(
        self,
        client: redis.Redis,
        keys: Sequence[str],
        args: Sequence[Any],
        meanwhile: Callable[[], None] | None = None,
    ) -> Any:
        """Runs it, and does something else until the server is done. A server that does not know it (a new one, a
        restarted one) is given its text.

        Raises `Malformed` for keys that are not as they should be; nothing was written then.
        """
        by_digest, by_text = ("EVALSHA_RO", "EVAL_RO") if self._reads_only else ("EVALSHA", "EVAL")
        with self._door:
            try:
                return self._checked(client, keys, args, by_digest, self._digest, meanwhile)
            except NoScriptError:
                return self._checked(client, keys, args, by_text, self._text)

    def _checked(
        self,
        client: redis.Redis,
        keys: Sequence[str],
        args: Sequence[Any],
        run: str,
        script: str,
        meanwhile: Callable[[], None] | None = None,
    ) -> Any:
        command = run, script, len(keys), *keys, *args
        try:
            if meanwhile is not None:
                return cast("Client", client).execute_while(meanwhile, *command)
            return client.execute_command(*command)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            match = _MALFORMED.fullmatch(str(error))
            if match is None:
                raise
            if match[1] == "MALFORMED":
                raise Malformed(match[2]) from error
            named = ", ".join(keys[:SHOWN_KEYS])
            raise Malformed(f"{self.name}: one of its keys holds another type than it should: {named}, …") from error

    def queue(self, pipe: Pipeline, keys: Sequence[str], args: Sequence[Any]) -> None:
        """Puts it into a pipeline; what writes into one that is executed in a `Write`. The text goes along: in there
        nobody could say that it is not known."""
        run = "EVAL_RO" if self._reads_only else "EVAL"
        pipe.execute_command(run, self._text, len(keys), *keys, *args)  # type: ignore[no-untyped-call]  # in redis-py


def _with_prelude(prelude: str, text: str) -> str:
    """A script that says its flags (`#!lua …`) says them in the first line of all."""
    flags, body = text.split("\n", 1) if text.startswith("#!") else ("", text)
    return "\n".join(part for part in (flags, prelude, body) if part)


@cache
def _read(package: str, name: str) -> str:
    return files(package).joinpath("lua", f"{name}.lua").read_text("utf-8")
