"""A Redis that is away, or refuses, under a session that runs: all roles wait, say so once, and go on by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from playhead.session import Session
from shared.redis_server import RedisServer
from shared.sources.registry import open_source
from tests.conftest import started
from tests.integration.test_recorder import DAYS, begin, emitted, wait_until_recorded, written
from tests.support.services import Service, Services
from tests.support.sessions import own_sessions
from tests.support.story import read
from tests.support.system import CLOSE_MS, Gate, System, info_of, play_to_the_end
from tests.support.tape import OPEN_MS
from tests.support.transcript import Consumer
from tests.support.troubles import REFUSING, TROUBLES
from tests.support.waiting import wait_until

GONE, BACK = "; waiting for it", "Redis answers again after"
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with started(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def services(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Two of each role: one serves, the other stands by."""
    with Services(server.url, tmp_path_factory.mktemp("services")) as running:
        running.start("coordinator", "coordinator", "producer", "producer", "worker", "worker", "recorder")
        yield running


@pytest.fixture
def system(services: Services, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    with (
        own_sessions(services.url, request.node.nodeid) as name,
        closing(System(services, name, tmp_path)) as system,
    ):
        yield system


class Logs:
    """What each process logs from now on."""

    def __init__(self, services: Services) -> None:
        self._begun = {each.log: each.log.stat().st_size for each in services.running}
        self.of = services.running

    def text(self, service: Service) -> str:
        return service.log.read_bytes()[self._begun[service.log] :].decode()

    def saying(self, words: str) -> list[Service]:
        """The processes that have said it."""
        return [each for each in self.of if words in self.text(each)]

    def check(self) -> None:
        """Each has said once that Redis went and once that it is back, if it noticed; nothing else was wrong."""
        for each in self.of:
            said = self.text(each)
            assert said.count(GONE) == said.count(BACK) <= 1, said
            assert "Traceback" not in said, said
            assert " ERROR " not in said, said


def check_whole(session: Session, consumer: Consumer) -> None:
    """Session data and what a consumer saw are those of an undisturbed run."""
    bars = open_source("sample:").get_bars("RIVN", "5s", OPEN_MS, CLOSE_MS)
    assert read(session, "RIVN") == bars
    seen = [tuple(item["bars"]["RIVN"]) for item in consumer.ended() if "RIVN" in item.get("bars", {})]
    assert seen == list(map(tuple, bars))


def running(system: System) -> tuple[Session, Consumer]:
    """A session that runs at a pace, and whoever follows it."""
    session = system.start("RIVN", interval="5s", run_until="09:33")
    session.set_speed(120)
    session.resume()
    consumer = system.consume(session, "c")
    consumer.wait_until_seen(40)
    return session, consumer


@pytest.mark.parametrize("name", TROUBLES)
def test_every_role_waits_says_so_once_and_goes_on_and_nothing_is_lost_or_comes_twice(
    server: RedisServer, system: System, name: str
) -> None:
    session, consumer = running(system)
    logs = Logs(system.services)
    with TROUBLES[name](server):
        wait_until(lambda: {each.role for each in logs.saying(GONE)} >= {"coordinator", "worker"}, TIMEOUT_S, "notice")
        if name in REFUSING:
            info = info_of(session)
            assert REFUSING[name] in info.troubles[0].reason
            shown = system.cli("session", "show")
            assert f"Trouble: redis held up: {REFUSING[name]}" in shown.out
            clock_ms = session.clock()
            refused = system.cli("session", "pause")
            assert refused.code == 1
            assert refused.err.startswith("error: Redis at ")
            assert session.clock() == clock_ms
    wait_until(lambda: len(logs.saying(BACK)) == len(logs.saying(GONE)), TIMEOUT_S, "all to be back")
    wait_until(lambda: not info_of(session).troubles, TIMEOUT_S, "no more trouble in the status")
    assert system.cli("data", "add-symbol", "AAPL").code == 0
    play_to_the_end(session)
    check_whole(session, consumer)
    logs.check()


def test_a_watch_and_a_command_wait_for_a_redis_that_is_away_and_say_so_once(
    server: RedisServer, system: System
) -> None:
    session, _ = running(system)
    watch = system.begin_cli("watch", "--from-start")
    assert watch.process.stdout is not None
    assert "day-opened" in watch.process.stdout.readline()
    with system.services.suspended("coordinator"):
        command = system.begin_cli("session", "pause")
        wait_until(lambda: system.client.xlen(system.keys().commands) > 2, TIMEOUT_S, "the command to be given")
        with TROUBLES["killed"](server):
            assert watch.process.stderr is not None
            assert GONE in watch.process.stderr.readline()
    assert command.ended(TIMEOUT_S).out.startswith(f"session {session.name} · paused")
    play_to_the_end(session)
    assert read(session, "RIVN") == open_source("sample:").get_bars("RIVN", "5s", OPEN_MS, CLOSE_MS)
    outcome = watch.ended(TIMEOUT_S)
    assert outcome.code == 0
    assert "session-finished" in outcome.out
    assert (outcome.err.count(BACK), outcome.err.count(GONE)) == (1, 0)


@pytest.mark.parametrize("name", ["killed", "stopped", "memory-full", "disk-full"])
def test_an_addition_in_progress_is_finished_after_the_outage_and_the_pause_ends(
    server: RedisServer, system: System, name: str
) -> None:
    session, consumer = running(system)
    gate = Gate(system.directory)
    command = system.begin_cli("data", "add-symbol", "AAPL", "--source", gate.uri)
    gate.entered()
    logs = Logs(system.services)
    with TROUBLES[name](server):
        wait_until(lambda: "coordinator" in {each.role for each in logs.saying(GONE)}, TIMEOUT_S, "notice")
        gate.open()
    assert command.ended(TIMEOUT_S).code == 0
    assert info_of(session).active
    assert info_of(session).holds == ()
    play_to_the_end(session)
    assert read(session, "AAPL") == open_source("sample:").get_bars("AAPL", "5s", OPEN_MS, CLOSE_MS)
    check_whole(session, consumer)
    assert "Traceback" not in "".join(map(logs.text, logs.of))


@pytest.mark.parametrize("name", ["killed", "memory-full", "disk-full"])
def test_a_recording_has_every_tick_once(server: RedisServer, system: System, tmp_path: Path, name: str) -> None:
    with begin(system, tmp_path, end=DAYS.date, speed=600.0) as session:
        files = tmp_path / system.name
        wait_until(lambda: any(files.glob("*.parquet")), TIMEOUT_S, "the first file")
        logs = Logs(system.services)
        with TROUBLES[name](server):
            wait_until(lambda: "coordinator" in {each.role for each in logs.saying(GONE)}, TIMEOUT_S, "notice")
        wait_until(lambda: len(logs.saying(BACK)) == len(logs.saying(GONE)), TIMEOUT_S, "all to be back")
        play_to_the_end(session)
        wait_until_recorded(system)
        assert written(files) == emitted(system)
        logs.check()
