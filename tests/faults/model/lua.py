"""The Lua scripts of the services and the library as they are, run by the same language (5.1) against the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha1
from typing import Any

from lupa.lua51 import LuaRuntime, lua_type

from tests.faults.model.fault import StoreError
from tests.faults.model.store import COMMANDS, Status, Store

_lua = LuaRuntime(encoding=None, unpack_returned_tuples=False, register_eval=False, register_builtins=False)
_store: list[Store] = []
"""The store that the script which runs just now works on."""


@cache
def digest(text: bytes) -> bytes:
    """What the server knows a script by."""
    return sha1(text, usedforsecurity=False).hexdigest().encode()


def run_script(store: Store, text: bytes, keys: Sequence[bytes], args: Sequence[bytes]) -> Any:
    """What a script returns, as a reply."""
    _store.append(store)
    try:
        return _reply(_compiled(text)(_lua.table_from(keys), _lua.table_from(args)))
    finally:
        _store.pop()


@cache
def _compiled(text: bytes) -> Callable[..., Any]:
    flags, _, rest = text.partition(b"\n")
    function: Callable[..., Any] = _lua.compile(b"local KEYS, ARGV = ...\n" + (rest if flags[:2] == b"#!" else text))
    return function


def _call(name: bytes, *args: Any) -> Any:
    """`redis.call`. A script sees flat lists where the protocol has maps, and numbers as text where it has doubles."""
    given = [arg if type(arg) is bytes else b"%d" % arg if type(arg) is int else b"%.17g" % arg for arg in args]
    store = _store[-1]
    if name in _DIFFERENT:
        return _value(_DIFFERENT[name](store, *given))
    return _value(COMMANDS[name](store, *given))


def _zrange(store: Store, *given: bytes) -> list[bytes]:
    found = store.zrange(*given)
    return [part for member, score in found for part in (member, b"%.17g" % score)] if len(given) > 3 else found


_DIFFERENT: dict[bytes, Callable[..., Any]] = {
    b"HGETALL": lambda store, key: [part for item in store.hgetall(key).items() for part in item],
    b"ZRANGE": _zrange,
    b"XREAD": lambda store, *given: [[key, entries] for key, entries in (store.xread(*given) or {}).items()] or None,
    b"XINFO": lambda store, _, key: [part for item in store.xinfo_stream(key).items() for part in item],
}
"""Commands whose replies a script sees in another shape than a client."""


def _pcall(*args: Any) -> Any:
    """`redis.pcall`: an error is a value of its own."""
    try:
        return _call(*args)
    except StoreError as error:
        return _error_reply(error.wire.encode())


def _error_reply(text: bytes) -> Any:
    return _lua.table_from({b"err": text})


def _error(value: Any, level: int = 1) -> None:
    """Lua's `error`, which may be given such a value."""
    raise StoreError((value if isinstance(value, bytes) else value[b"err"]).decode(errors="replace"))


def _value(reply: Any) -> Any:
    """A reply as a script sees it."""
    kind = type(reply)
    if kind is bytes or kind is int:
        return reply
    if reply is None:
        return False
    if kind is Status:
        return _lua.table_from({b"ok": bytes(reply)})
    return _lua.table_from([_value(item) for item in reply]) if kind is list else reply


def _reply(value: Any) -> Any:
    """What a script has returned as a reply: a table ends at its first nil, numbers are cut to whole ones."""
    if value is None or value is False:
        return None
    if value is True:
        return 1
    if isinstance(value, float):
        return int(value)
    if lua_type(value) != "table":
        return value
    if (status := value[b"ok"]) is not None:
        return status
    if (error := value[b"err"]) is not None:
        raise StoreError(error.decode(errors="replace"))
    items = []
    at = 1
    while (item := value[at]) is not None:
        items.append(_reply(item))
        at += 1
    return items


def _decoded(text: bytes) -> Any:
    try:
        return _from_json(json.loads(text))
    except ValueError as error:
        raise StoreError(f"ERR {error}") from error


def _from_json(value: Any) -> Any:
    match value:
        case str():
            return value.encode()
        case list():
            return _lua.table_from([_from_json(item) for item in value])
        case dict():
            return _lua.table_from({name.encode(): _from_json(item) for name, item in value.items()})
        case _:
            return value


def _encoded(value: Any) -> bytes:
    return json.dumps(_to_json(value), separators=(",", ":")).encode()


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if lua_type(value) == "table":
        return {name.decode(): _to_json(item) for name, item in value.items()}
    return value


_lua.globals()[b"redis"] = _lua.table_from({b"call": _call, b"pcall": _pcall, b"error_reply": _error_reply})
_lua.globals()[b"error"] = _error
_lua.globals()[b"cjson"] = _lua.table_from({b"decode": _decoded, b"encode": _encoded})
