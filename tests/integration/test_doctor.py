"""`playhead doctor`: what it finds wrong, on real servers and sessions, and that it never hangs."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from playhead import __version__
from playhead.checkup import LONGEST_S
from playhead.checkup.workers import check_workers
from playhead.cli import app
from playhead.connection import connect
from playhead.keys import QUEUE, QUEUE_WORKERS, queue_job
from shared.redis_server import RedisServer
from tests.support.system import Gate, System
from tests.support.tape import OPEN_MS, Tape

LEASE_MS = 60_000


class Patient:
    """A session that stands in Redis, served by nobody, and what the doctor says of it."""

    def __init__(self, tape: Tape, url: str) -> None:
        self.tape = tape
        self.url = url

    def serve(self, *roles: str) -> None:
        """As if processes had these roles."""
        for role in roles or ("coordinator", "producer"):
            self.tape.client.set(self.tape.keys.lease(role), "somebody", px=LEASE_MS)
            self.tape.client.hset(self.tape.keys.state, f"{role}_version", __version__)

    def findings(self, level: str) -> list[str]:
        """What is found of the session on a level, with what to do about it."""
        name = f"session {self.tape.keys.session}"
        _, found = examine(self.url, "--session", self.tape.keys.session)
        return [f"{each['found']} → {each['todo']}" for each in found if (each["level"], each["what"]) == (level, name)]


def examine(url: str, *arguments: str) -> tuple[int, list[dict[str, str]]]:
    """Exit code and findings."""
    result = CliRunner(env={"PLAYHEAD_REDIS_URL": url, "PLAYHEAD_SESSION": None, "PLAYHEAD_QUEUE_URL": None}).invoke(
        app, ["doctor", "--json", *arguments]
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    answer = json.loads(result.stdout)
    assert answer["ok"] is (result.exit_code == 0)
    return result.exit_code, answer["findings"]


def of(findings: list[dict[str, str]], what: str) -> tuple[str, str, str]:
    (found,) = [(each["level"], each["found"], each["todo"]) for each in findings if each["what"] == what]
    return found


@pytest.fixture
def patient(redis_url: str, session_name: str) -> Iterator[Patient]:
    tape = Tape(redis_url, session_name).create().begin()
    tape.set(first_ms=OPEN_MS)
    yield Patient(tape, redis_url)
    tape.close()


def test_where_all_is_well_every_line_is_ok(system: System) -> None:
    system.start()
    outcome = system.cli("doctor")
    assert outcome.code == 0, outcome.out
    lines = outcome.out.splitlines()
    assert all(line.startswith("ok    ") for line in lines), outcome.out
    assert any("workers on the queue playhead" in line for line in lines)
    assert any(line.endswith("is paused and served") for line in lines)


def test_an_addition_under_way_is_no_fault(system: System) -> None:
    system.start()
    gate = Gate(system.directory)
    adding = system.begin_cli("data", "add-symbol", "AAPL", "--source", gate.uri)
    gate.entered()
    outcome = system.cli("doctor")
    gate.open()
    assert adding.ended().code == 0
    assert outcome.code == 0
    assert "is held by an addition for" in outcome.out
    assert "0 of 1 symbols are loaded" in outcome.out


def test_a_server_that_is_away_is_one_line_and_what_to_do() -> None:
    code, found = examine("redis://127.0.0.1:1/0")
    assert code == 1
    level, said, todo = of(found, "redis")
    assert (level, len(found)) == ("fail", 1)
    assert "does not answer" in said
    assert todo == "start it, or point PLAYHEAD_REDIS_URL at another one"


def test_a_server_that_hangs_does_not_hang_the_doctor(own_server: RedisServer) -> None:
    os.kill(own_server.pid, signal.SIGSTOP)
    begun_s = time.monotonic()
    try:
        code, found = examine(own_server.url)
    finally:
        os.kill(own_server.pid, signal.SIGCONT)
    assert time.monotonic() - begun_s < LONGEST_S
    assert code == 1
    assert "does not answer" in of(found, "redis")[1]


def set_password(server: RedisServer, client: Any) -> None:
    client.config_set("requirepass", "secret")


def fill(server: RedisServer, client: Any) -> None:
    client.set("filler", b"x" * (8 << 20))
    client.config_set("maxmemory", 4 << 20)


def evict(server: RedisServer, client: Any) -> None:
    client.config_set("maxmemory", 64 << 20)
    client.config_set("maxmemory-policy", "allkeys-lru")


def follow(server: RedisServer, client: Any) -> None:
    client.replicaof("127.0.0.1", 1)


@pytest.mark.parametrize(
    ("spoil", "what", "said", "todo"),
    [
        (set_password, "redis", "lets nobody in without its password", "put it into the URL"),
        (fill, "writes", "the memory of Redis is full", "raise its maxmemory"),
        (evict, "memory", "allkeys-lru", "set maxmemory-policy noeviction"),
        (follow, "writes", "is a replica", "point PLAYHEAD_REDIS_URL at its master"),
    ],
)
def test_a_server_that_is_not_fit_is_named_with_what_to_do(
    own_server: RedisServer, spoil: Callable[[RedisServer, Any], None], what: str, said: str, todo: str
) -> None:
    with connect(own_server.url) as client:
        spoil(own_server, client)
    code, found = examine(own_server.url)
    level, text, advice = of(found, what)
    assert (code, level) == (1, "fail")
    assert said in text
    assert todo in advice


def test_a_server_that_keeps_nothing_is_a_warning(own_server: RedisServer) -> None:
    with connect(own_server.url) as client:
        client.config_set("appendonly", "no")
    _, found = examine(own_server.url)
    assert of(found, "persistence")[::2] == ("warn", "set appendonly yes, if they are to survive that")


def test_without_a_worker_no_symbol_can_be_added(own_server: RedisServer) -> None:
    code, found = examine(own_server.url)
    assert code == 1
    assert of(found, "workers") == (
        "fail",
        "no worker takes jobs, so no symbol can be added",
        "start one: playhead worker",
    )
    assert of(found, "sessions")[0] == "ok"


def test_a_queue_on_another_server_is_looked_at_there(own_server: RedisServer, redis_url: str) -> None:
    code, found = examine(own_server.url, "--queue-url", "redis://127.0.0.1:1/0")
    assert code == 1
    assert "does not answer" in of(found, "queue")[1]
    assert of(found, "redis")[0] == "ok"


def test_jobs_that_nobody_takes_are_counted(own_server: RedisServer) -> None:
    with connect(own_server.url) as client:
        long_ago = datetime.fromtimestamp(time.time() - 90, UTC).isoformat()
        client.sadd(QUEUE_WORKERS, "rq:worker:dead", "rq:worker:gone")
        client.hset("rq:worker:dead", "last_heartbeat", long_ago)
        client.rpush(QUEUE, "a", "b")
        client.hset(queue_job("a"), "enqueued_at", long_ago)
        workers, queue = check_workers(client)
    assert (workers.level, queue.level) == ("fail", "warn")
    assert "1 worker showed no life" in workers.found
    assert re.fullmatch("2 jobs waiting, the first one for (89|9[0-9]) s", queue.found)


def test_a_session_that_nobody_serves_is_a_fault(patient: Patient) -> None:
    patient.serve("coordinator")
    assert patient.findings("fail") == ["no producer serves it → start one: playhead producer"]
    assert patient.findings("ok") == []


def test_a_session_that_stands_without_a_reason_is_a_fault(patient: Patient) -> None:
    patient.serve()
    patient.tape.set(published=f"{patient.tape.clock_ms + 1}-0")
    (found,) = patient.findings("fail")
    assert "stands without a reason" in found


def test_a_session_whose_producer_has_nothing_yet_waits_for_that(patient: Patient) -> None:
    patient.serve()
    assert patient.findings("fail") == []
    (found,) = patient.findings("warn")
    assert "waits for bars: its producer has published none after the clock" in found


def test_a_session_that_has_not_begun_is_a_warning(patient: Patient) -> None:
    patient.serve()
    patient.tape.client.hdel(patient.tape.keys.state, "clock_ms")
    patient.tape.set(status="created")
    (found,) = patient.findings("warn")
    assert "has not begun yet" in found


def test_a_slow_clock_is_not_taken_for_one_that_stands(patient: Patient) -> None:
    patient.serve()
    patient.tape.set(speed="1")
    assert patient.findings("fail") == []
    assert patient.findings("ok") == ["runs, with a tick each 60 s at most → "]


@pytest.mark.parametrize(
    ("hold", "level", "who"),
    [
        ("user", "ok", "a person's pause"),
        ("expect:vwap", "warn", "the first tick waits for consumer vwap → start it, or redis-cli SREM"),
        ("maintenance", "warn", "somebody has placed it by hand → redis-cli SREM"),
        ("add:gone", "warn", "there is no such addition → redis-cli SREM"),
    ],
)
def test_each_hold_is_said_with_who_has_placed_it(patient: Patient, hold: str, level: str, who: str) -> None:
    patient.serve()
    patient.tape.client.sadd(patient.tape.keys.holds, hold)
    found = patient.findings(level)
    assert any(who in each for each in found)
    assert patient.findings("fail") == []


def test_a_consumer_for_whom_the_clock_stands_is_named(patient: Patient) -> None:
    patient.serve()
    tape = patient.tape
    tape.client.hset(tape.keys.consumer("slow"), mapping={"cursor": "0-0", "history": tape.history})
    tape.client.hset(tape.keys.consumers, "slow", int(time.time() * 1000))
    tape.ticks(3)
    tape.set(waiting_for="slow")
    assert patient.findings("warn") == [
        "the clock waits for consumer slow, which is alive and 3 ticks behind → look at what it does, or end it"
    ]
    tape.client.hdel(tape.keys.consumers, "slow")
    assert any("consumer slow was dropped" in each for each in patient.findings("warn"))


def test_a_service_of_another_version_is_a_warning(patient: Patient) -> None:
    patient.serve()
    patient.tape.client.sadd(patient.tape.keys.holds, "user")
    patient.tape.set(coordinator_version="0.0.9")
    (found,) = patient.findings("warn")
    assert (
        found == f"its coordinator runs Playhead 0.0.9, and this is {__version__} → install the same version everywhere"
    )


def test_what_a_service_says_is_passed_on(patient: Patient) -> None:
    patient.serve()
    patient.tape.set(producer_trouble="csv:/data: there is no directory /data", producer_trouble_ms=1)
    assert patient.findings("fail") == [
        "producer is held up: csv:/data: there is no directory /data → mend that: it goes on by itself"
    ]


def test_a_session_that_failed_or_cannot_be_read_is_a_fault(patient: Patient) -> None:
    patient.tape.set(status="failed", error="no data")
    assert patient.findings("fail") == ["failed: no data → mend that, and start it anew"]
    patient.tape.set(config="{")
    (found,) = patient.findings("fail")
    assert "cannot be read" in found
    assert f"playhead session delete {patient.tape.keys.session}" in found


def test_a_session_that_is_not_there_is_a_fault_with_those_that_are(patient: Patient) -> None:
    code, found = examine(patient.url, "--session", "nobody")
    assert code == 1
    assert "there is no session nobody" in of(found, "session nobody")[1]


def test_a_key_that_another_hand_has_spoilt_is_a_fault_and_no_crash(patient: Patient) -> None:
    patient.tape.client.set(patient.tape.keys.holds, "text")
    (found,) = patient.findings("fail")
    assert "cannot be read" in found
    assert "holds another type" in found
