"""What the web page reads of a session: as of one clock, and never a part of an addition."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dashboard.follower import BEAT_S, Follower
from dashboard.look import Look
from dashboard.scene import Scene
from playhead.errors import HistoryLost, SessionNotFound
from tests.support.system import NOON_MS, TIMEOUT_S, Gate, System, recorded, run_on_at_noon
from tests.support.tape import MINUTE_MS
from tests.support.waiting import wait_until

RIVN, AAPL = ("RIVN", "1m"), ("AAPL", "1m")


@pytest.fixture
def look(system: System) -> Iterator[Look]:
    """A look at this test's session, which pauses at 12:06."""
    system.start("RIVN")
    with Look(system.name, system.url, system.url) as look:
        yield look


def test_what_is_read_is_as_of_the_clock_and_is_read_again_when_it_moves(system: System, look: Look) -> None:
    first = look.read([RIVN])
    assert first.series[RIVN].bars == recorded("RIVN", until_ms=NOON_MS)
    assert look.read([RIVN]).series is first.series, "nothing has changed, so nothing is read"
    assert system.cli("session", "step").code == 0
    wait_until(lambda: look.read([RIVN]).info != first.info, TIMEOUT_S, "a step")
    wait_until(lambda: look.read([RIVN]).holds, TIMEOUT_S, "the pause after it")
    assert look.read([RIVN]).series[RIVN].bars == recorded("RIVN", until_ms=NOON_MS + MINUTE_MS)
    # The journal is looked at now and then.
    wait_until(lambda: [deed.op for deed in look.read([RIVN]).deeds] == ["step"], TIMEOUT_S, "the step in the journal")


def test_a_glance_has_the_clock_and_the_bars(system: System, look: Look) -> None:
    first = look.read([RIVN])
    assert look.glance([RIVN]) is first
    assert system.cli("session", "step").code == 0
    wait_until(lambda: look.glance([RIVN]) is not first, TIMEOUT_S, "a step")
    then = look.glance([RIVN])
    assert then.info is not None
    assert then.info.clock_ms == NOON_MS + MINUTE_MS
    assert then.series[RIVN].bars == recorded("RIVN", until_ms=NOON_MS + MINUTE_MS)
    assert then.settled is first.settled, "the table stays as it was read"


def test_while_symbols_are_added_what_was_there_stays_and_then_all_is_there(
    system: System, look: Look, tmp_path_factory: pytest.TempPathFactory
) -> None:
    gate = Gate(tmp_path_factory.mktemp("gate"))
    before = look.read([RIVN, AAPL])
    adding = system.begin_cli("data", "add-symbol", "AAPL", "--source", gate.uri)
    gate.entered()
    during = look.read([RIVN, AAPL])
    assert during.info is not None
    assert not during.info.active
    assert during.settled == before.settled
    assert during.series is before.series
    assert [hold.exact for hold in during.holds if hold.name.startswith("add:")] == [True]
    gate.open()
    assert adding.ended().code == 0
    after = look.read([RIVN, AAPL])
    assert len(after.series[AAPL].bars) == 156
    assert after.series[AAPL].added_ms == NOON_MS


def test_a_session_that_went_back_or_away_is_looked_at_anew(system: System, look: Look) -> None:
    look.read([RIVN])
    system.client.hset(system.keys().state, "clock_ms", NOON_MS - MINUTE_MS)
    with pytest.raises(HistoryLost):
        look.read([RIVN])
    assert system.cli("session", "delete", system.name).code == 0
    with pytest.raises(SessionNotFound):
        look.read([RIVN])


def test_a_follower_publishes_at_most_ten_scenes_a_second_and_registers_nowhere(system: System) -> None:
    session = system.start("RIVN")
    scenes: list[Scene] = []
    over = threading.Event()

    def publish(scene: Scene) -> None:
        scenes.append(scene)
        if scene.info is not None and scene.info.status == "finished":
            over.set()

    follower = Follower(system.name, system.url, system.url, publish)
    follower.watch(RIVN)
    follower.start()
    try:
        wait_until(lambda: scenes, TIMEOUT_S, "the first scene")
        run_on_at_noon(session)
        begun = len(scenes)
        session.set_speed(3600)  # 234 ticks in 4 s
        assert over.wait(TIMEOUT_S)
        assert len(scenes) - begun <= 4 / BEAT_S + 10
        assert scenes[-1].series[RIVN].bars == recorded("RIVN")
        clocks = [scene.info.clock_ms or 0 for scene in scenes if scene.info is not None]
        assert clocks == sorted(clocks)
        assert system.client.exists(system.keys().consumers) == 0
    finally:
        follower.end()
