"""A server that takes no writes: no script stops half-way, and whoever is refused is told why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date
from typing import Final

import pytest
import redis

from coordinator.replay import Replay
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import connect
from playhead.errors import RedisRefused, RedisUnavailable
from playhead.server import evicts, writes_refused
from playhead.session import Session
from shared.redis_server import RedisServer
from shared.service import Service
from shared.settings import Settings
from tests.conftest import started
from tests.support.bench import Bench
from tests.support.calls import CALLS
from tests.support.troubles import REFUSING, TROUBLES, admin
from tests.support.waiting import wait_until

ALLOWED: Final = {"acquire", "renew", "trouble"}
"""They say that they may be run without memory, or nobody could hold a session and say why it stands."""
FREEING: Final = {"commit", "drop", "meet", "take_out", "trim", "unschedule"}
"""Their first write needs no memory. What a script has begun the server lets it finish."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with started(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def benches(server: RedisServer) -> Iterator[dict[str, Bench]]:
    """A session for each call, in which it is about to be made."""
    with ExitStack() as stack:
        made = {}
        for name, (prepare, _) in CALLS.items():
            bench = made[name] = Bench(server.url, name.replace("_", "-"))
            stack.enter_context(closing(bench.tape))
            prepare(bench)
        yield made
        for bench in made.values():
            bench.client.delete(*bench.dump())


@pytest.mark.parametrize("name", REFUSING)
def test_a_script_is_refused_as_a_whole_or_done_as_a_whole(
    server: RedisServer, benches: dict[str, Bench], name: str
) -> None:
    before = {call: bench.dump() for call, bench in benches.items()}
    done = {}
    with TROUBLES[name](server):
        for call, bench in benches.items():
            try:
                done[call] = CALLS[call][1](bench)
            except RedisRefused as error:
                assert "takes no writes" in str(error)  # noqa: PT017 - whether it is raised is what is asked here
                assert bench.dump() == before[call], call
    assert done.keys() == (ALLOWED | FREEING if name == "memory-full" else set())
    for call, answer in done.items():
        after = benches[call].dump()
        assert CALLS[call][1](benches[call]) == answer  # all that it does was done: it finds nothing left to do
        assert benches[call].dump() == after, call


@pytest.mark.parametrize("name", REFUSING)
def test_the_server_itself_says_why_it_takes_no_writes(server: RedisServer, name: str) -> None:
    with connect(server.url) as client:
        assert writes_refused(client) is None
        with TROUBLES[name](server):
            assert (writes_refused(client) or "").startswith(REFUSING[name])
        assert writes_refused(client) is None


def test_a_multi_is_refused_as_a_whole(server: RedisServer) -> None:
    with connect(server.url) as client, TROUBLES["memory-full"](server):
        pipe = client.pipeline()
        pipe.delete("nothing")
        pipe.set("some", "thing")
        with pytest.raises(RedisRefused, match="memory is full"):
            pipe.execute()
        assert not client.exists("some")


def test_a_wrong_password_and_one_that_is_missing_are_told_from_a_server_that_is_away(server: RedisServer) -> None:
    with TROUBLES["password"](server):
        for url in (server.url, server.url.replace("redis://", "redis://:wrong@")):
            with connect(url) as client, pytest.raises(RedisRefused, match="password") as refusal:
                client.ping()
            assert "wrong@" not in str(refusal.value)


def test_an_error_of_a_command_stays_what_it_is(server: RedisServer) -> None:
    with connect(server.url) as client:
        client.set("text", "MISCONF")
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.hget("text", "field")
        client.delete("text")


def test_a_server_that_is_busy_with_a_script_counts_as_one_that_does_not_answer(server: RedisServer) -> None:
    with connect(server.url) as client, connect(server.url) as other, admin(server) as hand:
        hand.config_set("busy-reply-threshold", 1)
        connection = client.connection_pool.get_connection()
        connection.send_command("EVAL", "while true do end", 0)
        wait_until(lambda: _busy(other), what="the server to be busy")
        hand.script_kill()
        connection.disconnect()
        client.connection_pool.release(connection)
        wait_until(lambda: not _busy(other), what="the server to answer again")


def _busy(client: redis.Redis) -> bool:
    try:
        client.ping()
    except RedisUnavailable as error:
        return not isinstance(error, RedisRefused) and "busy" in str(error).lower()
    return False


@pytest.mark.parametrize(
    ("policy", "maxmemory", "is_wrong"),
    [
        ("noeviction", "100mb", False),
        ("allkeys-lru", "0", False),
        ("allkeys-lru", "100mb", True),
        ("volatile-ttl", "100mb", True),
    ],
)
def test_a_server_that_deletes_keys_for_room_is_said_by_services_and_at_each_start(
    server: RedisServer, policy: str, maxmemory: str, is_wrong: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(server.url) as client, admin(server) as hand:
        hand.config_set("maxmemory-policy", policy)
        hand.config_set("maxmemory", maxmemory)
        service = Service("coordinator", Settings(server.url, server.url), Replay)
        config = SessionConfig((SymbolConfig("RIVN"),), date(2025, 7, 2), date(2025, 7, 2))
        try:
            assert (evicts(client) is not None) == is_wrong
            service._meet(client)
            service._meet(client)  # as after an outage
            assert caplog.text.count("set maxmemory-policy noeviction") == is_wrong
            caplog.clear()
            Session.start("evicted", config, server.url, wait_s=0).delete()
            assert caplog.text.count("set maxmemory-policy noeviction") == is_wrong
        finally:
            hand.config_set("maxmemory", "0")
            hand.config_set("maxmemory-policy", "noeviction")
