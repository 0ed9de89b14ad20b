"""The store of the model answers as the real server does, so that what holds in the one holds in the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any, Final

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError, WatchError

from playhead.connection import connect, text
from tests.faults.model.client import Client
from tests.faults.model.scheduler import Scheduler
from tests.faults.model.server import Server

EXAMPLES: Final = int(os.environ.get("PLAYHEAD_MODEL_STORE_EXAMPLES", "150"))
"""How many random sequences of commands one run of the tests compares."""
LIFETIME_MS: Final = 1_000_000
UNORDERED: Final = ("SMEMBERS", "HKEYS")
CALL: Final = "local r = redis.call(unpack(ARGV)) return {type(r), r, #ARGV, 1.9, true, false}"
"""What a script sees of a reply, and what becomes of what it returns."""
Command = tuple[str | int | float, ...]

keys = st.sampled_from(["k1", "k2", "k3"])
words = st.sampled_from(["a", "b", "c", "", "7"])
numbers = st.integers(-3, 12)
entries = st.builds(lambda ms, n: f"{ms}-{n}", st.integers(0, 5), st.integers(0, 2)) | st.just("3")
low = entries | entries.map("({}".format) | st.just("-")
high = entries | entries.map("({}".format) | st.just("+")
counts = st.sampled_from([(), ("COUNT", 1), ("COUNT", 2)])
limits = st.sampled_from([(), ("=",)])
pairs = st.lists(st.tuples(words, words), min_size=1, max_size=3).map(
    lambda found: tuple(x for each in found for x in each)
)


def one(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Command]:
    """A command; arguments that are tuples are several."""
    flat = st.tuples(*arguments).map(
        lambda found: [x for each in found for x in (each if type(each) is tuple else (each,))]
    )
    return flat.map(lambda found: (name, *found))


SOME: Final = st.lists(words, min_size=1, max_size=3).map(tuple)
COMMANDS: Final = st.one_of(
    one("EXISTS", keys, keys),
    one("DEL", keys, keys),
    one("UNLINK", keys),
    one("RENAME", keys, keys),
    one("TYPE", keys),
    one("PEXPIRE", keys, st.just(LIFETIME_MS)),
    one("PERSIST", keys),
    one("GET", keys),
    one("SET", keys, words),
    one("SET", keys, words, st.just("PX"), st.just(LIFETIME_MS)),
    one("RPUSH", keys, SOME),
    one("LRANGE", keys, st.just(0), st.just(-1)),
    one("HGET", keys, words),
    one("HMGET", keys, SOME),
    one("HGETALL", keys),
    one("HSET", keys, pairs),
    one("HSETNX", keys, words, words),
    one("HINCRBY", keys, st.just("7"), numbers),
    one("HDEL", keys, SOME),
    one("HEXISTS", keys, words),
    one("HKEYS", keys),
    one("HLEN", keys),
    one("HSTRLEN", keys, words),
    one("SADD", keys, SOME),
    one("SREM", keys, SOME),
    one("SMEMBERS", keys),
    one("SCARD", keys),
    one("SISMEMBER", keys, words),
    one("ZADD", keys, numbers | st.just(1_751_463_000_000), words),
    one("ZREM", keys, SOME),
    one("ZRANGE", keys, st.just(0), st.sampled_from([0, 1, -1])),
    one("ZRANGE", keys, st.just(0), st.just(-1), st.just("WITHSCORES")),
    one("XADD", keys, entries, pairs),
    one("XADD", keys, st.just("MAXLEN"), st.just("~"), st.just(1000), entries, pairs),
    one("XLEN", keys),
    one("XRANGE", keys, low, high, counts),
    one("XREVRANGE", keys, high, low, counts),
    one("XREAD", st.just("COUNT"), st.just(2), st.just("STREAMS"), keys, entries),
    one("XREAD", st.just("STREAMS"), st.just("k1"), st.just("k2"), entries, entries),
    one("XTRIM", keys, st.just("MINID"), limits, entries),
    one("XTRIM", keys, st.just("MAXLEN"), limits, st.integers(0, 2)),
    one("XDEL", keys, entries),
)


class Two:
    """The real server and the model, each with a client, and the keys of one test."""

    def __init__(self, url: str, name: str) -> None:
        self.real = connect(url)
        self.model = Client(Server(Scheduler(Random(0), 0)))
        self._prefix = f"playhead:{{{name}}}:"
        self.forget()

    def forget(self) -> None:
        """Begins anew, with no key."""
        self.model.server.store.values.clear()
        self.model.server.store.expiry_ms.clear()
        self.real.delete(*(f"{self._prefix}{key}" for key in ("k1", "k2", "k3")))

    def named(self, command: Command) -> Command:
        """A command with the keys of this test."""
        return tuple(f"{self._prefix}{part}" if part in ("k1", "k2", "k3") else part for part in command)

    def both(self, ask: Callable[[redis.Redis], Any]) -> tuple[Any, Any]:
        """What the real server answers, and what the model does; errors by their texts."""
        return answered(ask, self.real), answered(ask, self.model)


def answered(ask: Callable[[redis.Redis], Any], client: redis.Redis) -> Any:
    try:
        return ask(client)
    except WatchError:
        return "the watched key was changed"
    except ResponseError as error:
        return str(error).partition(" script: ")[0]


def sending(command: Command) -> Callable[[redis.Redis], Any]:
    return lambda client: client.execute_command(*command)  # type: ignore[no-untyped-call]  # in redis-py


def sorted_where_unordered(command: Command, reply: Any) -> Any:
    if command[0] in UNORDERED and isinstance(reply, list):
        return sorted(
            sorted(part) if isinstance(part, list) else [part] for part in reply if isinstance(part, list | bytes)
        )
    return reply


@pytest.fixture
def two(redis_url: str, session_name: str) -> Two:
    return Two(redis_url, session_name)


random_sequences = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@random_sequences
@given(sequence=st.lists(st.tuples(COMMANDS, st.booleans()), min_size=1, max_size=25))
@pytest.mark.timeout(0)
def test_each_command_has_the_answer_of_the_real_server_directly_and_in_a_script(
    two: Two, sequence: list[tuple[Command, bool]]
) -> None:
    two.forget()
    for command, in_script in sequence:
        named = two.named(command)
        if in_script:
            real, model = two.both(lambda client, named=named: client.eval(CALL, 0, *named))  # type: ignore[misc]
        else:
            real, model = two.both(sending(named))
        assert sorted_where_unordered(command, model) == sorted_where_unordered(command, real), command
    for key in ("k1", "k2", "k3"):
        lasts = [client.pttl(str(two.named((key,))[0])) > 0 for client in (two.real, two.model)]
        assert lasts[0] == lasts[1], f"{key} has a lifetime in one of them"


@random_sequences
@given(before=st.lists(COMMANDS, max_size=6), between=COMMANDS)
@pytest.mark.timeout(0)
def test_a_transaction_is_broken_by_what_breaks_it_on_the_real_server(
    two: Two, before: list[Command], between: Command
) -> None:
    two.forget()
    key = str(two.named(("k1",))[0])

    def transaction(client: redis.Redis) -> Any:
        for command in before:
            answered(sending(two.named(command)), client)
        with client.pipeline() as pipe:
            pipe.watch(key)  # type: ignore[no-untyped-call]  # redis-py has no types here
            answered(sending(two.named(between)), client)
            pipe.multi()
            pipe.exists(key)
            return pipe.execute()

    real, model = two.both(transaction)
    assert model == real


@pytest.mark.parametrize(
    "script",
    [
        "return {1, 2, nil, 4}",
        "return {ok = 'fine'}",
        "return 3.99",
        "return redis.call('HGET', 'nothing', 'nothing')",
        "return {redis.call('TIME')[1] ~= '', cjson.decode('{\"a\":[1,\"x\"]}').a[2], cjson.encode('a\"b')}",
        "local known, found = pcall(cjson.decode, 'no json') return {known and 1 or 0}",
        "local fine, error = pcall(redis.call, 'XADD', KEYS[1], '0-0', 'a', 'b') return fine and 1 or 0",
        "return string.format('%.0f', 1751463000000 + 0.0) .. string.format('%012d', 7)",
        "redis.call('HSET', KEYS[1], 'n', 1e15, 'm', 0.5, 'k', 7) return redis.call('HMGET', KEYS[1], 'n', 'm', 'k')",
    ],
)
def test_what_a_script_returns_becomes_the_same_reply(two: Two, script: str) -> None:
    real, model = two.both(lambda client: client.eval(script, 1, *two.named(("k1",))))
    assert model == real


def test_a_script_is_known_by_its_digest_until_the_server_is_started_again(two: Two) -> None:
    server = two.model.server
    digest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"  # of the text below
    assert answered(lambda client: client.evalsha(digest, 0), two.model) == "No matching script. Please use EVAL."
    assert two.model.eval("return 1", 0) == two.real.eval("return 1", 0) == 1
    assert two.model.evalsha(digest, 0) == two.real.evalsha(digest, 0) == 1
    server.restart(away_us=0)
    assert answered(lambda client: client.evalsha(digest, 0), two.model) == "No matching script. Please use EVAL."


def test_what_has_a_lifetime_goes_when_it_is_over(two: Two) -> None:
    model, scheduler = two.model, two.model.server.scheduler
    model.set("k1", "x", px=100)
    model.hset("k2", "a", "b")
    model.pexpire("k2", 200)
    scheduler.sleep(0.099)
    assert (model.get("k1"), model.pttl("k1")) == (b"x", 1)
    scheduler.sleep(0.001)
    assert model.get("k1") is None
    assert model.hgetall("k2") == {b"a": b"b"}
    scheduler.sleep(0.1)
    assert (model.hgetall("k2"), model.exists("k2"), model.pttl("k2")) == ({}, 0, -2)


def test_ids_of_entries_follow_the_time_and_never_go_back(two: Two) -> None:
    model, scheduler = two.model, two.model.server.scheduler
    first, second = model.xadd("k1", {"a": "b"}), model.xadd("k1", {"a": "b"})
    scheduler.sleep(0.002)
    third = model.xadd("k1", {"a": "b"})
    ms = int(text(first).partition("-")[0])
    assert [text(each) for each in (first, second, third)] == [f"{ms}-0", f"{ms}-1", f"{ms + 2}-0"]
