"""What can befall a Redis server, and its end: each without root, and undone at the end of the block."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final

import redis

from shared.redis_server import RedisServer
from tests.support.waiting import wait_until

Trouble = Callable[[RedisServer], AbstractContextManager[None]]


@contextmanager
def admin(server: RedisServer) -> Iterator[redis.Redis]:
    """A client that no trouble keeps from setting things right."""
    with redis.Redis.from_url(server.url) as client:
        yield client


@contextmanager
def killed(server: RedisServer) -> Iterator[None]:
    """`kill -9`, and started again on its append-only file."""
    server.kill()
    try:
        yield
    finally:
        server.restart()


@contextmanager
def stopped(server: RedisServer) -> Iterator[None]:
    """Takes connections and never answers."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def memory_full(server: RedisServer) -> Iterator[None]:
    """`maxmemory` is below what is used already."""
    with admin(server) as client:
        client.config_set("maxmemory", "1mb")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")


@contextmanager
def disk_full(server: RedisServer) -> Iterator[None]:
    """The append-only file may not grow: writing to it fails as on a full disk."""
    files = (server.directory / "appendonlydir").iterdir()
    limit = max(file.stat().st_size for file in files) + 16  # the next flush writes some bytes and is refused the rest
    with admin(server) as client:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        with suppress(redis.ResponseError):  # somebody else's write may have been the first to be refused
            client.hset("filler", "some", "bytes " * 10)
        wait_until(lambda: client.info("persistence")["aof_last_write_status"] == "err", what="the disk to be full")
        try:
            yield
        finally:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            wait_until(lambda: client.info("persistence")["aof_last_write_status"] == "ok", what="room on the disk")
            client.delete("filler")


@contextmanager
def replica(server: RedisServer) -> Iterator[None]:
    """A replica of a master that is not there: it still answers reads."""
    with admin(server) as client:
        client.replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


@contextmanager
def password(server: RedisServer) -> Iterator[None]:
    """Wants a password that nobody knows, and has closed all connections."""
    with admin(server) as client:
        client.config_set("requirepass", "secret")
        client.client_kill_filter(_type="normal", skipme=True)
        try:
            yield
        finally:
            client.config_set("requirepass", "")


TROUBLES: Final[Mapping[str, Trouble]] = {
    each.__name__.replace("_", "-"): each for each in (killed, stopped, memory_full, disk_full, replica, password)
}
REFUSING: Final[Mapping[str, str]] = {
    "memory-full": "the memory of Redis is full",
    "disk-full": "Redis cannot write to its disk",
    "replica": "Redis is a replica",
}
"""The troubles in which it answers reads, and what it says of itself then."""
