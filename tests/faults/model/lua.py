"""The Lua scripts of the services and the library as they are, run by the same language (5.1) against the store."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha1
from typing import Any

from lupa.lua51 import LuaRuntime, lua_type

from tests.faults.model.fault import StoreError
from tests.faults.model.store import Status, Store

_lua = LuaRuntime(encoding=None, unpack_returned_tuples=False, register_eval=False, register_builtins=False)
_store: list[Store] = []
"""The store that the script which runs just now works on."""


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
    given = [b"%d" % arg if type(arg) is int else arg if type(arg) is bytes else b"%.17g" % arg for arg in args]
    store = _store[-1]
    match name:
        case b"HGETALL":
            return _table([part for item in store.hgetall(*given).items() for part in item])
        case b"ZRANGE" if len(given) > 3:
            return _table([part for member, score in store.zrange(*given) for part in (member, b"%.17g" % score)])
        case b"XREAD":
            found = store.xread(*given)
            return _value(found and [[key, entries] for key, entries in found.items()])
        case b"XINFO":
            return _table([part for item in store.xinfo_stream(*given[1:]).items() for part in item])
    return _value(store.run((name, *given)))


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
    if reply is None:
        return False
    if type(reply) is Status:
        return _lua.table_from({b"ok": bytes(reply)})
    return _table(reply) if type(reply) is list else reply


def _table(items: Sequence[Any]) -> Any:
    return _lua.table_from([_value(item) for item in items])


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
