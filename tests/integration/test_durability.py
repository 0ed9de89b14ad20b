"""What a Redis keeps that is killed, or whose machine dies, and what is said of the rest."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

import pytest

from playhead.connection import connect
from playhead.errors import RedisUnavailable
from shared.redis_server import RedisServer, ServerMissing
from tests.conftest import lacking
from tests.support.services import Services
from tests.support.story import notifications, read
from tests.support.system import NOON_MS, TIMEOUT_S, System, added, info_of, play_to_the_end, recorded, wait_for
from tests.support.tape import MINUTE_MS
from tests.support.transcript import read as transcript
from tests.support.waiting import wait_until

ROUNDS = 8
Fsync = Literal["always", "everysec", "no"]


def server_with(directory: Path, **options: object) -> RedisServer:
    try:
        return RedisServer.start(directory=directory, **options)  # type: ignore[arg-type]  # those of a server
    except ServerMissing as error:
        lacking(str(error))


class Counting:
    """Counts in Redis as fast as it goes, until the server is gone. `acknowledged` is what it said last."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.acknowledged = 0
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def ended(self) -> int:
        self._thread.join()
        return self.acknowledged

    def _count(self) -> None:
        with connect(self._url) as client, suppress(RedisUnavailable):
            while True:
                self.acknowledged = int(client.incr("count"))


@pytest.mark.parametrize("fsync", ["always", "everysec", "no"])
def test_a_server_with_a_file_that_is_killed_has_all_that_it_had_acknowledged(tmp_path: Path, fsync: Fsync) -> None:
    with server_with(tmp_path, appendfsync=fsync) as server:
        for _ in range(ROUNDS):
            counting = Counting(server.url)
            wait_until(lambda counting=counting: counting.acknowledged > 100, what="some writes")  # type: ignore[misc]
            server.kill()
            acknowledged = counting.ended()
            server.restart()
            with connect(server.url) as client:
                count = int(client.get("count") or 0)
                assert acknowledged <= count <= acknowledged + 1  # one may have been written and not said to be
                client.set("count", 0)


class Machine:
    """A server, and the services on other machines."""

    def __init__(self, server: RedisServer, system: System) -> None:
        self.server = server
        self.system = system
        self._file = server.directory / "appendonlydir"
        self._copy = server.directory / "on-the-disk"

    def sync(self) -> None:
        """All that was written so far is on the disk."""
        shutil.copytree(self._file, self._copy)

    def lose_power(self) -> None:
        """Only what was on the disk comes back."""
        self.server.kill()
        shutil.rmtree(self._file)
        shutil.move(self._copy, self._file)
        self.server.restart()

    def cut(self, size: int) -> None:
        """The same, when the last `size` bytes of the file had not come to the disk."""
        self.server.kill()
        (file,) = self._file.glob("*.incr.aof")
        with file.open("r+b") as end:
            end.truncate(max(0, file.stat().st_size - size))
        self.server.restart()

    def said(self, role: str, words: str) -> list[str]:
        """Lines of a role with these words."""
        return [line.text for line in self.system.services.log_lines() if line.role == role and words in line.text]


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with server_with(tmp_path / "redis", **getattr(request, "param", {})) as server:
        yield server


@pytest.fixture
def system(server: RedisServer, tmp_path: Path) -> Iterator[System]:
    (tmp_path / "logs").mkdir()
    with Services(server.url, tmp_path / "logs") as services, closing(System(services, "m", tmp_path)) as system:
        services.start("coordinator", "producer", "worker")
        yield system


@pytest.fixture
def machine(server: RedisServer, system: System) -> Machine:
    return Machine(server, system)


@pytest.mark.parametrize("server", [{"appendfsync": "everysec"}, {"appendfsync": "no"}], indirect=True)
def test_what_had_not_come_to_the_disk_is_said_and_the_session_goes_on_from_the_rest(machine: Machine) -> None:
    system = machine.system
    session = system.start("RIVN")
    consumer = system.consume(session, "c")
    wait_until(lambda: any(item["clock_ms"] >= NOON_MS for item in transcript(consumer.file)), TIMEOUT_S, "noon")
    kept = notifications(system, system.keys())[-1][0]
    machine.sync()
    session.add_symbol("AAPL")
    session.run_until("12:16")
    wait_for(session, "paused")
    wait_until(lambda: "symbol-added" in [item["type"] for item in transcript(consumer.file)], TIMEOUT_S, "the event")
    machine.lose_power()
    assert f"the notifications after {kept} are gone" in consumer.failed()
    wait_until(lambda: machine.said("coordinator", "has lost its last writes"), TIMEOUT_S, "the coordinator")
    assert (session.clock(), session.symbols(), added(system)) == (NOON_MS, ("RIVN",), [])
    before = len(transcript(consumer.file))
    again = system.consume(session, "c")
    session.add_symbol("AAPL")
    play_to_the_end(session)
    anew = [item["entry"] for item in again.ended()[before:]]
    assert anew == [entry for entry, _ in notifications(system, system.keys())][-len(anew) :]
    assert (read(session, "RIVN"), read(session, "AAPL")) == (recorded("RIVN"), recorded("AAPL"))


@pytest.mark.parametrize("size", [1, 1_000, 20_000, 50_000])
def test_a_file_that_ends_in_the_middle_of_a_write_is_the_session_as_it_was_before_that_write(
    machine: Machine, size: int
) -> None:
    system = machine.system
    session = system.start("RIVN")
    session.add_symbol("AAPL")
    session.run_until("12:16")
    wait_for(session, "paused")
    machine.cut(size)
    wait_until(lambda: session.info() is not None and not system.client.exists(system.keys().operation), TIMEOUT_S)
    if (session.clock() or 0) < NOON_MS:  # one write may have moved the clock far, and that one is gone
        session.resume()
        wait_until(lambda: session.clock() == NOON_MS and info_of(session).status == "paused", TIMEOUT_S, "noon again")
    if "AAPL" not in (session.symbols() or ()):
        session.add_symbol("AAPL")
    if session.clock() == NOON_MS:
        session.run_until("12:16")  # that may be lost, and may be there still
        wait_until(lambda: session.clock() != NOON_MS and info_of(session).status == "paused", TIMEOUT_S, "12:16")
    play_to_the_end(session)
    assert (read(session, "RIVN"), read(session, "AAPL")) == (recorded("RIVN"), recorded("AAPL"))
    closes = {bar.start_ms + MINUTE_MS for symbol in ("RIVN", "AAPL") for bar in recorded(symbol)}
    ticks = [entry for entry, fields in notifications(system, system.keys()) if fields[b"type"] == b"tick"]
    assert set(ticks) <= {f"{close_ms}-0" for close_ms in closes}
    assert [tick for tick in ticks if tick > f"{NOON_MS}"] == [f"{at}-0" for at in sorted(closes) if at >= NOON_MS]


@pytest.mark.parametrize("server", [{"appendonly": False}], indirect=True)
def test_a_server_without_a_file_loses_the_sessions_and_whoever_follows_one_is_told(machine: Machine) -> None:
    system = machine.system
    session = system.start("RIVN")
    consumer = system.consume(session, "c")
    consumer.wait_until_seen(10)
    machine.server.kill()
    machine.server.restart()
    assert "session m was deleted while it was followed, or the server has lost it" in consumer.failed()
    assert system.client.keys("playhead:*") == []
    system.start("RIVN")
