"""The disturbed network of the chaos run does what its faults say."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from playhead.connection import connect
from playhead.errors import RedisUnavailable
from shared.redis_server import RedisServer
from tests.faults.chaos.fault import Fault, Kind, Role
from tests.faults.chaos.network import Network
from tests.support.waiting import wait_until

NAME, OTHER = "worker-0", "worker-1"
LONG_S = 30.0
HELD_S = 3.0
SHORT_S = 0.3


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


def fault(kind: Kind, lasts_s: float) -> Fault:
    return Fault(0.0, kind, Role.WORKER, 0, lasts_s)


def begins(network: Network, kind: Kind, lasts_s: float) -> None:
    network.disturb(fault(kind, lasts_s))


def written(client: redis.Redis) -> int:
    return int(client.llen("list"))


def test_a_lost_reply_is_that_of_a_write_that_was_carried_out(
    network: Network, client: redis.Redis, direct: redis.Redis
) -> None:
    begins(network, Kind.LOSE, LONG_S)
    wait_until(lambda: loses(client), 10, "a reply to be lost")
    assert direct.xlen("stream") > 0
    before = direct.xlen("stream")
    lost = sum(loses(client) for _ in range(10))
    assert lost == 2, "three replies are lost in all"
    assert direct.xlen("stream") == before + 10, "and all was carried out, once"


def loses(client: redis.Redis) -> bool:
    try:
        client.xadd("stream", {"a": "b"})
    except RedisUnavailable:
        return True
    return False


def test_who_is_cut_off_is_refused_and_nobody_else_is(network: Network, client: redis.Redis) -> None:
    begins(network, Kind.CUT, LONG_S)

    def refused() -> bool:
        try:
            client.ping()
        except RedisUnavailable:
            return True
        return False

    wait_until(refused, 10, "the cut")
    assert refused()
    with connect(network.url(OTHER)) as other:
        assert other.ping()
    begins(network, Kind.CUT, 0.0)
    wait_until(lambda: not refused(), 10, "the network to be whole again")


def test_what_is_held_back_arrives_in_its_order_although_its_sender_is_gone(
    network: Network, client: redis.Redis, direct: redis.Redis
) -> None:
    pool = client.connection_pool
    connection: Any = pool.get_connection()
    begins(network, Kind.HOLD, HELD_S)
    sent = 0

    def stalls() -> bool:
        nonlocal sent
        connection.send_command("RPUSH", "list", sent)
        sent += 1
        return not connection.can_read(timeout=SHORT_S) or connection.read_response() is None

    wait_until(stalls, 10, "the hold")
    connection.send_command("RPUSH", "list", sent)
    connection.disconnect()
    assert written(direct) == sent - 1
    wait_until(lambda: written(direct) == sent + 1, 30, "what was held back")
    assert direct.lrange("list", 0, -1) == [str(each).encode() for each in range(sent + 1)]
    pool.release(connection)


def test_who_is_delayed_gets_answers_later(network: Network, client: redis.Redis) -> None:
    def took_s() -> float:
        begun_s = time.monotonic()
        client.ping()
        return time.monotonic() - begun_s

    begins(network, Kind.DELAY, LONG_S)
    wait_until(lambda: min(took_s() for _ in range(3)) > 0.035, 10, "a delay of 20 ms each way")
