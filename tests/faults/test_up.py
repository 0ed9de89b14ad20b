"""`playhead up` when the Redis that it runs is killed: it is started again with what it had, and all goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playhead.connection import connect
from playhead.session import Session
from shared.free_port import free_port
from shared.redis_server import LOOPBACK
from shared.sources.registry import open_source
from tests.support.services import REPOSITORY
from tests.support.story import read
from tests.support.system import CLOSE_MS, info_of, wait_for
from tests.support.tape import OPEN_MS
from tests.support.waiting import wait_until

TIMEOUT_S = 60.0
Said = Callable[[], str]


@pytest.fixture
def port() -> int:
    return free_port(LOOPBACK)


@pytest.fixture
def up(port: int, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Said]]:
    """The command, and what it has said so far."""
    log = tmp_path / "up.log"
    arguments = ["up", "--id", "up", "--symbols", "RIVN", "--date", "2025-07-02", "--speed", "600", "--no-dashboard"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "playhead.cli", *arguments, "--redis-port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=REPOSITORY,
            env=kept,
        )
    with process:
        yield process, log.read_text
        process.kill()


def test_its_redis_is_started_again_with_what_it_had(up: tuple[subprocess.Popen[bytes], Said], port: int) -> None:
    process, said = up
    url = f"redis://{LOOPBACK}:{port}/0"
    wait_until(lambda: "session up running" in said(), TIMEOUT_S, "the session to run")
    with Session("up", url) as session, connect(url) as client:
        had = read(session, "RIVN")
        os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)
        wait_until(lambda: "redis has ended; it was started again, with what it had" in said(), TIMEOUT_S, "a new one")
        clock_ms = session.clock() or 0
        wait_until(lambda: (session.clock() or 0) > clock_ms, TIMEOUT_S, "the clock to go on")
        assert list(read(session, "RIVN"))[: len(had)] == list(had)
        session.set_speed("max")
        wait_for(session, "finished")
        assert read(session, "RIVN") == open_source("sample:").get_bars("RIVN", "1m", OPEN_MS, CLOSE_MS)
        assert info_of(session).troubles == ()
    wait_until(lambda: "session up finished" in said(), TIMEOUT_S, "the end to be said")
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 0
    assert "Traceback" not in said()
    assert said().count("; waiting for it") == said().count("Redis answers again after") <= 3  # three services
