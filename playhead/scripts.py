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

    One that `reads_only` is refused by the server if it writes; any other is a write, with the crash points of its
    `door`.
    """

    def __init__(self, package: str, name: str, prelude: str | None = None, *, reads_only: bool = False) -> None:
        self.name = name
        self._reads_only = reads_only
        self.door = nullcontext() if reads_only else Write(name)
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
        return self._run(client, keys, args, (), meanwhile)[0]

    def and_then(
        self,
        client: redis.Redis,
        keys: Sequence[str],
        args: Sequence[Any],
        commands: Sequence[Sequence[Any]],
        meanwhile: Callable[[], None] | None = None,
    ) -> tuple[Any, list[Any] | None]:
        """The same, with commands behind it that bear being carried out twice, in one way to the server and back.
        Returns its reply and theirs; `None` in place of these where one of them failed or none was sent: they are to be
        sent once more, scripts among them by themselves, since they are not given their text here.
        """
        reply, *others = self._run(client, keys, args, commands, meanwhile)
        failed = len(others) < len(commands) or any(isinstance(other, ResponseError) for other in others)
        return reply, None if failed else others

    def _run(
        self,
        client: redis.Redis,
        keys: Sequence[str],
        args: Sequence[Any],
        behind: Sequence[Sequence[Any]],
        meanwhile: Callable[[], None] | None,
    ) -> list[Any]:
        with self.door:
            try:
                return self._checked(client, keys, [self.command(keys, args), *behind], meanwhile)
            except NoScriptError:
                by_text = "EVAL_RO" if self._reads_only else "EVAL"
                return self._checked(client, keys, [(by_text, self._text, len(keys), *keys, *args)])

    def command(self, keys: Sequence[str], args: Sequence[Any]) -> tuple[Any, ...]:
        """The command that runs it on a server that knows it."""
        return "EVALSHA_RO" if self._reads_only else "EVALSHA", self._digest, len(keys), *keys, *args

    def _checked(
        self,
        client: redis.Redis,
        keys: Sequence[str],
        commands: Sequence[Sequence[Any]],
        meanwhile: Callable[[], None] | None = None,
    ) -> list[Any]:
        try:
            if meanwhile is None and len(commands) == 1:
                return [client.execute_command(*commands[0])]  # type: ignore[no-untyped-call]
            return cast("Client", client).execute_all(commands, meanwhile)
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


class Sequel:
    """Scripts of which one follows the other so often that both go out in one way to the server and back, as one write.
    Each bears being carried out twice, and the second one before the first: which of them is refused is not known then.
    """

    def __init__(self, name: str, *scripts: Script) -> None:
        self._scripts = scripts
        self._door = Write(name)

    def __call__(self, client: redis.Redis, *calls: tuple[Sequence[str], Sequence[Any]]) -> list[Any]:
        """Runs them with keys and arguments, and returns their replies. Raises what each of them does."""
        pairs = list(zip(self._scripts, calls, strict=True))
        commands = [script.command(keys, args) for script, (keys, args) in pairs]
        try:
            with self._door:
                replies = cast("Client", client).execute_all(commands)
        except ResponseError as error:
            replies = [error]
        if any(isinstance(reply, ResponseError) for reply in replies):
            # The server does not know them, or one cannot be: alone each says it in its words.
            return [script(client, keys, args) for script, (keys, args) in pairs]
        return replies


def _with_prelude(prelude: str, text: str) -> str:
    """A script that says its flags (`#!lua …`) says them in the first line of all."""
    flags, body = text.split("\n", 1) if text.startswith("#!") else ("", text)
    return "\n".join(part for part in (flags, prelude, body) if part)


@cache
def _read(package: str, name: str) -> str:
    return files(package).joinpath("lua", f"{name}.lua").read_text("utf-8")
