"""A server in memory: the commands that Playhead and its scripts use, and no others.

Each is compared with the real server by a property (`tests/faults/test_model_store.py`). Values are bytes; replies are
those of the protocol's third version, as its parser gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tests.faults.model.fault import WRONG_TYPE, StoreError
from tests.faults.model.stream import FIRST, Stream, bound, parsed, shown

V = TypeVar("V")


class Status(bytes):
    """A reply that a script sees as a status, and not as a string."""


OK = Status(b"OK")


class Hash(dict[bytes, bytes]):
    """Field -> value."""


class Members(dict[bytes, None]):
    """The members of a set, in the order in which they came."""


class Scores(dict[bytes, float]):
    """Member -> score of a sorted set."""


class Items(list[bytes]):
    """A list."""


class Store:
    """All keys. `now_us` says the time, UTC microseconds. `writes` counts changes, `touched` has the last of a key."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self.now_us = now_us
        self.values: dict[bytes, Any] = {}
        self.expiry_ms: dict[bytes, int] = {}
        self.known_scripts: set[bytes] = set()
        self.writes = 0
        self.touched: dict[bytes, int] = {}

    def run(self, args: tuple[Any, ...]) -> Any:
        """The reply to a command. Raises `StoreError` for an error reply."""
        name, *given = map(encoded, args)
        return COMMANDS[name](self, *given)

    def now_ms(self) -> int:
        return self.now_us() // 1000

    def get(self, key: bytes, kind: type[V]) -> V | None:
        """The value of a key, if there is one. Raises `StoreError` where it is of another kind."""
        if key in self.expiry_ms and self.expiry_ms[key] <= self.now_ms():
            del self.values[key], self.expiry_ms[key]  # nobody's change
        value = self.values.get(key)
        if value is None or type(value) is kind:
            return value
        raise StoreError(WRONG_TYPE)

    def make(self, key: bytes, kind: type[V]) -> V:
        """The same for who writes to it: an empty one where there is none."""
        value = self.get(key, kind)
        if value is None:
            value = self.values[key] = kind()
        self.touch(key)
        return value

    def there(self, key: bytes) -> bool:
        if key in self.expiry_ms and self.expiry_ms[key] <= self.now_ms():
            del self.values[key], self.expiry_ms[key]  # nobody's change
        return key in self.values

    def touch(self, key: bytes) -> None:
        self.writes += 1
        self.touched[key] = self.writes

    def drop(self, key: bytes) -> None:
        del self.values[key]
        self.expiry_ms.pop(key, None)
        self.touch(key)

    def present(self) -> list[bytes]:
        """All keys that have not expired."""
        return [key for key in list(self.values) if self.there(key)]

    # Keys of any kind.

    def exists(self, *keys: bytes) -> int:
        return sum(map(self.there, keys))

    def delete(self, *keys: bytes) -> int:
        found = [key for key in dict.fromkeys(keys) if self.there(key)]
        for key in found:
            self.drop(key)
        return len(found)

    def rename(self, key: bytes, to: bytes) -> bytes:
        if not self.there(key):
            raise StoreError("ERR no such key")
        if to == key:
            return OK
        value, expiry_ms = self.values[key], self.expiry_ms.get(key)
        self.drop(key)
        if to in self.values:
            self.drop(to)
        self.values[to] = value
        if expiry_ms is not None:
            self.expiry_ms[to] = expiry_ms
        self.touch(to)
        return OK

    def persist(self, key: bytes) -> int:
        if not self.there(key) or key not in self.expiry_ms:
            return 0
        del self.expiry_ms[key]
        self.touch(key)
        return 1

    def pexpire(self, key: bytes, lifetime_ms: bytes) -> int:
        if not self.there(key):
            return 0
        self.expiry_ms[key] = self.now_ms() + int(lifetime_ms)
        self.touch(key)
        return 1

    def pttl(self, key: bytes) -> int:
        if not self.there(key):
            return -2
        return self.expiry_ms[key] - self.now_ms() if key in self.expiry_ms else -1

    def kind(self, key: bytes) -> bytes:
        return Status(KINDS[type(self.values[key])] if self.there(key) else b"none")

    def scan(self, cursor: bytes, *options: bytes) -> list[Any]:
        prefix, star, rest = dict(zip(options[::2], options[1::2], strict=True))[b"MATCH"].partition(b"*")
        assert cursor == b"0"
        assert star
        assert not rest, "the only pattern that is understood is a beginning"
        return [b"0", [key for key in self.present() if key.startswith(prefix)]]

    def time(self) -> list[bytes]:
        seconds, microseconds = divmod(self.now_us(), 1_000_000)
        return [b"%d" % seconds, b"%d" % microseconds]

    # Strings and lists.

    def string(self, key: bytes) -> bytes | None:
        return self.get(key, bytes)

    def set(self, key: bytes, value: bytes, *options: bytes) -> bytes:
        self.values[key] = value
        self.expiry_ms.pop(key, None)
        self.touch(key)
        match options:
            case (b"PX", lifetime_ms):
                self.expiry_ms[key] = self.now_ms() + int(lifetime_ms)
            case ():
                pass
            case _:
                raise NotImplementedError(options)
        return OK

    def rpush(self, key: bytes, *items: bytes) -> int:
        found = self.make(key, Items)
        found += items
        return len(found)

    def lrange(self, key: bytes, first: bytes, last: bytes) -> list[bytes]:
        assert (first, last) == (b"0", b"-1")
        return list(self.get(key, Items) or ())

    # Hashes.

    def hget(self, key: bytes, field: bytes) -> bytes | None:
        found = self.get(key, Hash)
        return None if found is None else found.get(field)

    def hmget(self, key: bytes, *fields: bytes) -> list[bytes | None]:
        found = self.get(key, Hash) or Hash()
        return [found.get(field) for field in fields]

    def hgetall(self, key: bytes) -> dict[bytes, bytes]:
        return dict(self.get(key, Hash) or ())

    def hset(self, key: bytes, *items: bytes) -> int:
        if not items or len(items) % 2:
            raise StoreError("ERR wrong number of arguments for 'hset' command")
        found = self.make(key, Hash)
        before = len(found)
        for at in range(0, len(items), 2):
            found[items[at]] = items[at + 1]
        return len(found) - before

    def hsetnx(self, key: bytes, field: bytes, value: bytes) -> int:
        if field in (self.get(key, Hash) or ()):
            return 0
        self.make(key, Hash)[field] = value
        return 1

    def hincrby(self, key: bytes, field: bytes, by: bytes) -> int:
        before = (self.get(key, Hash) or Hash()).get(field, b"0")
        if not before.removeprefix(b"-").isdigit():
            raise StoreError("ERR hash value is not an integer")
        found = self.make(key, Hash)
        number = int(before) + int(by)
        found[field] = b"%d" % number
        return number

    def hdel(self, key: bytes, *fields: bytes) -> int:
        return self._removed(key, Hash, fields)

    def hexists(self, key: bytes, field: bytes) -> int:
        return int(field in (self.get(key, Hash) or ()))

    def hkeys(self, key: bytes) -> list[bytes]:
        return list(self.get(key, Hash) or ())

    def hlen(self, key: bytes) -> int:
        return len(self.get(key, Hash) or ())

    def hstrlen(self, key: bytes, field: bytes) -> int:
        return len(self.hget(key, field) or b"")

    # Sets and sorted sets.

    def sadd(self, key: bytes, *members: bytes) -> int:
        there = self.get(key, Members) or ()
        new = [member for member in dict.fromkeys(members) if member not in there]
        if new:
            self.make(key, Members).update(dict.fromkeys(new))
        return len(new)

    def srem(self, key: bytes, *members: bytes) -> int:
        return self._removed(key, Members, members)

    def smembers(self, key: bytes) -> list[bytes]:
        return list(self.get(key, Members) or ())

    def scard(self, key: bytes) -> int:
        return len(self.get(key, Members) or ())

    def sismember(self, key: bytes, member: bytes) -> int:
        return int(member in (self.get(key, Members) or ()))

    def zadd(self, key: bytes, score: bytes, member: bytes) -> int:
        before = (self.get(key, Scores) or Scores()).get(member)
        if before != float(score):
            self.make(key, Scores)[member] = float(score)
        return int(before is None)

    def zrem(self, key: bytes, *members: bytes) -> int:
        return self._removed(key, Scores, members)

    def zrange(self, key: bytes, first: bytes, last: bytes, *options: bytes) -> list[Any]:
        found = sorted((self.get(key, Scores) or Scores()).items(), key=lambda item: (item[1], item[0]))
        end = None if last == b"-1" else int(last) + 1
        part = found[int(first) : end]
        return [[member, score] for member, score in part] if options else [member for member, _ in part]

    def _removed(self, key: bytes, kind: type[Any], members: Iterable[bytes]) -> int:
        found = self.get(key, kind)
        gone = [member for member in dict.fromkeys(members) if found is not None and member in found]
        if found is None or not gone:
            return 0
        for member in gone:
            del found[member]
        self.touch(key)
        if not found:
            self.drop(key)
        return len(gone)

    # Streams.

    def xadd(self, key: bytes, *given: bytes) -> bytes:
        most = None
        if given[0] == b"MAXLEN":
            approximate = given[1] == b"~"
            most, given = int(given[1 + approximate]), given[2 + approximate :]
        entry, *fields = given
        if not fields or len(fields) % 2:
            raise StoreError("ERR wrong number of arguments for 'xadd' command")
        if entry != b"*" and parsed(entry, 0) == FIRST:
            raise StoreError("ERR The ID specified in XADD must be greater than 0-0")
        stream = self.get(key, Stream) or Stream()
        added = stream.add(entry, fields, self.now_ms())
        self.values[key] = stream
        self.touch(key)
        assert most is None or len(stream.ids) <= most, "how far the server trims approximately is not modelled"
        return added

    def xlen(self, key: bytes) -> int:
        found = self.get(key, Stream)
        return 0 if found is None else len(found.ids)

    def xrange(self, key: bytes, first: bytes, last: bytes, *options: bytes) -> list[Any]:
        begin, end = bound(first, low=True), bound(last, low=False)
        found = self.get(key, Stream)
        entries = [] if found is None else found.between(begin, end)
        return entries[: int(options[1])] if options else entries

    def xrevrange(self, key: bytes, last: bytes, first: bytes, *options: bytes) -> list[Any]:
        entries = self.xrange(key, first, last)[::-1]
        return entries[: int(options[1])] if options else entries

    def xread(self, *given: bytes) -> dict[bytes, Any] | None:
        """What there is; whoever blocks asks again."""
        at = given.index(b"STREAMS")
        options = dict(zip(given[:at:2], given[1:at:2], strict=True))
        most = int(options[b"COUNT"]) if b"COUNT" in options else None
        names = given[at + 1 :]
        streams = len(names) // 2
        found: dict[bytes, Any] = {}
        for key, after in zip(names[:streams], names[streams:], strict=True):
            stream = self.get(key, Stream)
            if stream is not None and (entries := stream.after(parsed(after, 0), most)):
                found[key] = entries
        return found or None

    def xtrim(self, key: bytes, how: bytes, *given: bytes) -> int:
        found = self.get(key, Stream)
        if found is None:
            return 0
        limit = given[-1] if given[0] == b"=" else given[0]
        count = found.trim_before(parsed(limit, 0)) if how == b"MINID" else found.trim_to(int(limit))
        if count:
            self.touch(key)
        return count

    def xdel(self, key: bytes, *entries: bytes) -> int:
        found = self.get(key, Stream)
        count = 0 if found is None else sum(found.delete(parsed(entry, 0)) for entry in entries)
        if count:
            self.touch(key)
        return count

    def xinfo_stream(self, key: bytes) -> dict[bytes, Any]:
        found = self.get(key, Stream)
        if found is None:
            raise StoreError("ERR no such key")
        entries = found.between(bound(b"-", low=True), bound(b"+", low=False))
        return {
            b"length": len(entries),
            b"last-generated-id": shown(found.last),
            b"first-entry": entries[0] if entries else None,
            b"last-entry": entries[-1] if entries else None,
        }

    def memory_usage(self, key: bytes) -> int | None:
        """Roughly: nobody takes the number for more than that."""
        if not self.there(key):
            return None
        value = self.values[key]
        return sum(len(part) for fields in value.fields for part in fields) if type(value) is Stream else 1


def encoded(value: Any) -> bytes:
    """An argument as it goes over the wire."""
    if type(value) is bytes:
        return value
    if type(value) is str:
        return value.encode()
    if type(value) is int:
        return b"%d" % value
    return repr(value).encode() if type(value) is float else bytes(value)


KINDS: dict[type, bytes] = {
    Hash: b"hash",
    Members: b"set",
    Scores: b"zset",
    Items: b"list",
    Stream: b"stream",
    bytes: b"string",
}
_NAMES = """
    exists rename persist pexpire pttl scan time set rpush lrange hget hmget hgetall hset hsetnx hincrby hdel hexists
    hkeys hlen hstrlen sadd srem smembers scard sismember zadd zrem zrange xadd xlen xrange xrevrange xread xtrim xdel
    xinfo_stream memory_usage
"""
COMMANDS: dict[bytes, Callable[..., Any]] = {
    **{name.upper().replace("_", " ").encode(): getattr(Store, name) for name in _NAMES.split()},
    b"GET": Store.string,
    b"DEL": Store.delete,
    b"UNLINK": Store.delete,
    b"TYPE": Store.kind,
}
