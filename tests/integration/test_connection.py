"""A client for who keeps in mind what a server has: it never changes to another one, or to another state of it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from redis.exceptions import ResponseError

from playhead.connection import connect, connect_to_one
from playhead.errors import RedisRefused, RedisUnavailable
from shared.redis_server import RedisServer

RESTARTED = "it was started again, or another server has taken its place"


def test_a_server_that_was_started_again_is_another_one_however_often_it_is_asked(own_server: RedisServer) -> None:
    with connect_to_one(own_server.url) as client, connect(own_server.url) as patient:
        assert client.set("a", 1)
        assert patient.get("a") == b"1"
        own_server.kill()
        own_server.restart()
        for _ in range(3):
            with pytest.raises(RedisUnavailable, match=RESTARTED):
                client.get("a")
        assert patient.get("a") == b"1"
    with connect_to_one(own_server.url) as client:
        assert client.get("a") == b"1"


def test_a_replica_that_has_become_a_master_is_another_one(own_server: RedisServer) -> None:
    with connect_to_one(own_server.url) as client, connect(own_server.url) as other:
        client.ping()
        other.execute_command("REPLICAOF", "127.0.0.1", own_server.port)
        other.execute_command("REPLICAOF", "NO", "ONE")
        other.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(RedisUnavailable, match=RESTARTED):
            client.ping()


def test_a_connection_that_broke_is_made_anew_to_the_same_server(own_server: RedisServer) -> None:
    with connect_to_one(own_server.url) as client, connect(own_server.url) as other:
        client.set("a", 1)
        other.client_kill_filter(_type="normal", skipme=True)
        assert client.get("a") == b"1"


def test_commands_that_go_out_together_are_all_answered_and_an_error_of_the_first_is_raised(
    own_server: RedisServer,
) -> None:
    with connect_to_one(own_server.url) as client:
        both = client.execute_all([("SET", "a", 1), ("GET", "a")])
        assert both == [True, b"1"]
        client.xadd("stream", {"field": "1"}, id="1-1")
        read, wrong = client.execute_all([("XREAD", "STREAMS", "stream", "0"), ("LLEN", "a")])
        assert read == {b"stream": [(b"1-1", {b"field": b"1"})]}
        assert "WRONGTYPE" in str(wrong)
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            client.execute_all([("HGET", "a", "b"), ("SET", "a", 2)])
        assert client.get("a") == b"2"  # nothing is left on the connection


def test_a_port_on_which_a_web_server_listens_is_said_to_be_no_redis() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        with (
            connect(f"redis://127.0.0.1:{web.server_port}/0") as client,
            pytest.raises(RedisRefused, match="does not speak as Redis does"),
        ):
            client.ping()
        web.shutdown()
