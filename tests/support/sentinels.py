"""A master, a replica of it, and three Sentinels that watch over both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from playhead.connection import connect
from playhead.errors import RedisUnavailable
from shared.free_port import free_port
from shared.redis_server import DIE_WITH_PARENT, RedisServer
from tests.support.waiting import wait_until

SERVICE = "playhead"
WATCHERS = 3
DOWN_AFTER_MS = 500
FAILOVER_MS = 2_000
LAG_MS = 3_000
"""`down_after_ms` where the replica lags: Sentinels pass over one that has had no master for ten times as long."""
TIMEOUT_S = 30.0


class Watched:
    """The servers and their Sentinels; all are ended at the end of a `with` block."""

    def __init__(self, directory: Path, down_after_ms: int = DOWN_AFTER_MS) -> None:
        """`master` and `replica` are what they were at the start, whoever is the master later. A master that does not
        answer for `down_after_ms` is given up."""
        self._directory = directory
        self._down_after_ms = down_after_ms
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ports: list[int] = []
        self.master = RedisServer.start(directory=directory / "first")
        self.replica = RedisServer.start(directory=directory / "second")
        self._follow(self.replica, self.master)
        for number in range(WATCHERS):
            self._watch(number)
        wait_until(lambda: all(map(self._is_watching, self._ports)), TIMEOUT_S, "the Sentinels to know each other")

    @property
    def url(self) -> str:
        """How clients reach whoever is the master."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def master_port(self) -> int:
        """The master's port, as the first Sentinel sees it."""
        with redis.Redis(port=self._ports[0]) as client:
            return int(client.sentinel_get_master_addr_by_name(SERVICE)[1])

    def wait_in_step(self) -> None:
        """Waits until the replica has all that the master has."""

        def offset(server: RedisServer) -> int:
            with connect(server.url) as client:
                info = client.info("replication")
                return int(info["master_repl_offset"])

        wait_until(lambda: offset(self.replica) >= offset(self.master), TIMEOUT_S, "the replica to be in step")

    def cut_off(self) -> None:
        """From here on the replica sees nothing of what the master writes."""
        with connect(self.replica.url) as client:
            client.config_set("masteruser", "nobody")
            client.config_set("masterauth", "wrong")
        with connect(self.master.url) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "REPLICA")

    def fail_over(self) -> None:
        """Kills the master, and waits until the replica has taken its place."""
        self.master.kill()
        self.wait_failed_over()

    def wait_failed_over(self) -> None:
        """Waits until the replica is the master."""
        wait_until(lambda: self.master_port == self.replica.port, TIMEOUT_S, "the failover")
        with connect(self.replica.url) as client:
            wait_until(lambda: client.info("replication")["role"] == "master", TIMEOUT_S, "the replica to be promoted")

    def is_demoted(self) -> bool:
        """Whether the first master has become a replica of the other."""
        try:
            with connect(self.master.url) as client:
                info = client.info("replication")
        except RedisUnavailable:  # all connections are cut when it is told
            return False
        return bool(info["role"] == "slave" and info["master_link_status"] == "up")

    def close(self) -> None:
        """Ends all."""
        for process in self._processes:
            process.kill()
            process.wait()
        self.replica.stop()
        self.master.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _follow(self, replica: RedisServer, master: RedisServer) -> None:
        with connect(master.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)  # nobody else is to come
        with connect(replica.url) as client:
            client.replicaof("127.0.0.1", str(master.port))
            wait_until(
                lambda: client.info("replication")["master_link_status"] == "up", TIMEOUT_S, "the replica to follow"
            )

    def _watch(self, number: int) -> None:
        port = free_port("127.0.0.1")
        place = self._directory / f"sentinel-{number}"
        place.mkdir()
        settings = place / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {place}\nloglevel notice\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.master.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {self._down_after_ms}\n"
            f"sentinel failover-timeout {SERVICE} {FAILOVER_MS}\n"
        )
        command = [str(self.master.binary.path), str(settings), "--sentinel"]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", DIE_WITH_PARENT, str(os.getpid()), *command]
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._processes.append(process)
        self._ports.append(port)

    def _is_watching(self, port: int) -> bool:
        """Whether a Sentinel knows the others and the replica."""
        try:
            with redis.Redis(port=port) as client:
                state = client.sentinel_master(SERVICE)
        except redis.ConnectionError:
            return False
        return int(state["num-other-sentinels"]) == WATCHERS - 1 and int(state["num-slaves"]) == 1
