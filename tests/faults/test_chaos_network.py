"""The disturbed network of the chaos run does what its faults say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from playhead.connection import connect
from playhead.errors import RedisUnavailable
from shared.redis_server import RedisServer
from tests.faults.chaos.fault import Fault, Kind, Role
from tests.faults.chaos.network import Network
from tests.faults.chaos.proxy import DELAY_S
from tests.support.waiting import wait_until

NAME, OTHER = "worker-0", "worker-1"
LONG_S = 30.0
HELD_S = 0.5


@pytest.fixture
def network(own_server: RedisServer) -> Iterator[Network]:
    with Network(own_server.port, [NAME, OTHER]) as network:
        yield network


@pytest.fixture
def direct(own_server: RedisServer) -> Iterator[redis.Redis]:
    with connect(own_server.url) as client:
        yield client


@pytest.fixture
def client(network: Network) -> Iterator[redis.Redis]:
    """A client over the network, connected."""
    with connect(network.url(NAME)) as client:
        assert client.ping()
        yield client


def begins(network: Network, kind: Kind, lasts_s: float) -> None:
    network.disturb(Fault(0.0, kind, Role.WORKER, 0, lasts_s))


def fails(call: Callable[[], object]) -> bool:
    """Whether a client is told that Redis does not answer."""
    try:
        call()
    except RedisUnavailable:
        return True
    return False


def test_a_lost_reply_is_that_of_a_write_that_was_carried_out(
    network: Network, client: redis.Redis, direct: redis.Redis
) -> None:
    begins(network, Kind.LOSE, LONG_S)
    lost = [fails(lambda: client.xadd("stream", {"a": "b"})) for _ in range(10)]
    assert lost == [True] * 3 + [False] * 7
    assert direct.xlen("stream") == 10


def test_who_is_cut_off_is_refused_and_nobody_else_is(network: Network, client: redis.Redis) -> None:
    begins(network, Kind.CUT, LONG_S)
    assert fails(client.ping)
    assert fails(client.ping), "a new connection is refused too"
    with connect(network.url(OTHER)) as other:
        assert other.ping()
    begins(network, Kind.CUT, 0.0)
    assert client.ping()


def test_what_is_held_back_arrives_in_its_order_although_its_sender_is_gone(
    network: Network, client: redis.Redis, direct: redis.Redis
) -> None:
    connection: Any = client.connection_pool.get_connection()
    begun_s = time.monotonic()
    begins(network, Kind.HOLD, HELD_S)
    for number in range(3):
        connection.send_command("RPUSH", "list", number)
    connection.disconnect()
    client.connection_pool.release(connection)
    wait_until(lambda: direct.llen("list") == 3, 30, "what was held back")
    assert time.monotonic() - begun_s >= HELD_S
    assert direct.lrange("list", 0, -1) == [b"0", b"1", b"2"]


def test_who_is_delayed_gets_every_answer_later(network: Network, client: redis.Redis) -> None:
    begins(network, Kind.DELAY, LONG_S)
    for _ in range(3):
        begun_s = time.monotonic()
        client.ping()
        assert time.monotonic() - begun_s >= 2 * DELAY_S - 0.005
