"""A coordinator or a producer is suspended when it is about to write, and wakes up when another one has gone on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from playhead.connection import text
from playhead.crash_points import SIGNAL_VARIABLE, VARIABLE
from playhead.session import Session
from tests.support.dump import dump
from tests.support.services import Service, Services
from tests.support.sessions import own_sessions
from tests.support.story import read
from tests.support.system import TIMEOUT_S, System, next_database, play_to_the_end, recorded, wait_for
from tests.support.waiting import wait_until

KEPT = 100
"""Ticks that stay: some are forgotten on the way."""
POINTS = [
    ("coordinator", "open_session"),
    ("coordinator", "advance"),
    ("coordinator", "trim"),
    ("coordinator", "begin"),
    ("coordinator", "commit"),
    ("coordinator", "remove"),
    ("coordinator", "answer"),
    ("coordinator", "digest"),
    ("coordinator", "finish"),
    ("producer", "open_window"),
    ("producer", "publish-and-open"),
]


@pytest.fixture(scope="module")
def services(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """In a database of their own: nobody else is to take the place of who is suspended."""
    url = next_database(next_database(redis_url))
    with Services(url, tmp_path_factory.mktemp("services"), retained_ticks=KEPT) as services:
        services.start("coordinator", "producer", "worker")
        yield services


@pytest.fixture
def system(services: Services, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    with own_sessions(services.url, request.node.nodeid) as name, closing(System(services, name, tmp_path)) as system:
        yield system
        services.heal()


def is_standing(service: Service) -> bool:
    """Whether a process is suspended."""
    return Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(") ")[2].startswith("T")


def play(system: System) -> Session:
    """A day with an addition and a removal."""
    session = system.start("RIVN", "TSLA")
    session.add_symbol("AAPL")
    session.remove_symbol("TSLA")
    play_to_the_end(session)
    wait_until(lambda: system.client.hexists(system.keys().digests, "clock_ms"), TIMEOUT_S, "the digests")

    def is_published() -> bool:
        """The producer says that nothing follows when it looks for the next window again."""
        return text(system.client.hget(system.keys().state, "published") or b"").endswith("-2")

    wait_until(is_published, TIMEOUT_S, "the end of the feed")
    return session


@pytest.mark.parametrize(("role", "write"), POINTS)
def test_who_wakes_up_after_its_lease_and_goes_on_with_what_it_was_about_to_write_changes_nothing(
    system: System, tmp_path: Path, role: str, write: str
) -> None:
    other = system.services.only(role)
    other.suspend()
    with Services(system.url, tmp_path, retained_ticks=KEPT) as late, ThreadPoolExecutor(1) as threads:
        late.environment |= {VARIABLE: f"{write}:before", SIGNAL_VARIABLE: "SIGSTOP"}
        (sleeper,) = late.start(role)
        playing = threads.submit(play, system)
        wait_until(lambda: is_standing(sleeper), TIMEOUT_S, f"{role} to come to {write}")
        sleeper.suspended = True
        other.resume()
        session = playing.result()
        before = dump(system.client, system.keys())
        sleeper.resume()
        wait_until(lambda: f"has another {role} now" in sleeper.log.read_text(), TIMEOUT_S, "it to be refused")
        assert dump(system.client, system.keys()) == before
        assert (read(session, "RIVN"), read(session, "AAPL")) == (recorded("RIVN"), recorded("AAPL"))
        wait_for(session, "finished")
