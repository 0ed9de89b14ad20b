"""A key that another hand has made something else, while real services run.

That session stands and says why, the others go on, and once the key is mended it goes on too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from playhead.keys import SESSIONS, Keys
from playhead.session import Session
from playhead.trouble import read_troubles
from shared.redis_server import RedisServer
from tests.conftest import started
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.system import System, play_to_the_end
from tests.support.tally import Tally
from tests.support.tape import DAY
from tests.support.waiting import wait_until

TIMEOUT_S = 60.0
PACE = 60
"""Market seconds a wall second: a tick a second, for four minutes."""
SPOILT = ("holds", "schedule", "notifications", "journal", "commands", "feed:main", f"bars:RIVN:1m:{DAY}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with started(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module")
def services(server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with Services(server.url, tmp_path_factory.mktemp("services")) as running:
        running.start("coordinator", "producer", "worker", "recorder")
        yield running


@pytest.fixture
def system(services: Services, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    with (
        own_sessions(services.url, request.node.nodeid) as name,
        closing(System(services, name, tmp_path)) as system,
    ):
        yield system


def started_at_a_pace(system: System, name: str) -> Session:
    session = system.start("RIVN", name=f"{system.name}-{name}")
    session.set_speed(PACE)
    session.resume()
    return session


def clock_of(system: System, session: Session) -> object:
    return system.client.hget(Keys(session.name).state, "clock_ms")


def moves(system: System, session: Session) -> None:
    """Waits until the clock goes on."""
    before = clock_of(system, session)
    wait_until(lambda: clock_of(system, session) != before, TIMEOUT_S, f"the clock of {session.name}")


def test_a_session_with_a_spoilt_key_stands_and_says_why_and_goes_on_once_it_is_mended(
    system: System, tally: Tally
) -> None:
    spoilt, other = started_at_a_pace(system, "a"), started_at_a_pace(system, "b")
    keys = Keys(spoilt.name)
    for name in SPOILT:
        key = f"{keys.state}:{name}"
        whole = system.client.dump(key)
        system.client.delete(key)
        system.client.set(key, "spoilt")
        wait_until(lambda: read_troubles(system.client, keys), TIMEOUT_S, f"the trouble with {name}")
        moves(system, other)
        system.client.delete(key)
        if whole is not None:
            system.client.restore(key, 0, whole)
        wait_until(lambda: not read_troubles(system.client, keys), TIMEOUT_S, f"the end of the trouble with {name}")
        moves(system, spoilt)
        tally.count("keys of a running session", "refused")
    # A line for each key and each role that it stops, however often it was tried.
    assert len(SPOILT) <= system.log_text().count("it is taken up again") <= 3 * len(SPOILT)
    for session in (spoilt, other):
        play_to_the_end(session)


def test_services_live_on_without_the_list_of_sessions(system: System) -> None:
    session = started_at_a_pace(system, "a")
    whole = system.client.dump(SESSIONS)
    system.client.delete(SESSIONS)
    system.client.rpush(SESSIONS, "spoilt")
    wait_until(lambda: f"the key {SESSIONS} is not as it should be" in system.log_text(), TIMEOUT_S, "the complaint")
    moves(system, session)
    system.client.delete(SESSIONS)
    assert whole is not None
    system.client.restore(SESSIONS, 0, whole)
    play_to_the_end(session)
    assert system.log_text().count(f"the key {SESSIONS} is not as it should be") <= 3  # each process once
