"""What a coordinator shows of its sessions when somebody asks for metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date

import pytest
import redis

from coordinator.meters import MOST_CONSUMERS, Meters, lag_s, read_sessions
from coordinator.pace import Pace
from coordinator.reading import read_state
from coordinator.state import State
from playhead import config as configs
from playhead import symbols
from playhead.connection import connect
from playhead.keys import Keys
from shared.metrics import begin_session, end_session
from shared.readings import PATIENCE_S, Readings
from shared.redis_server import RedisServer
from tests.support.tape import MINUTE_MS, OPEN_MS, RECORD, ZONE, config_for

NOON_MS = OPEN_MS + 156 * MINUTE_MS
CLOSE_MS = OPEN_MS + 390 * MINUTE_MS
DAY_MS = 24 * 60 * MINUTE_MS
THURSDAY = date(2025, 7, 3)


def state_at(clock_ms: int, **fields: str) -> State:
    """A session of RIVN on two days, a minute a second, whose last tick was at its clock."""
    kept = {
        "status": "running",
        "config": configs.encode(config_for(["RIVN"], last=THURSDAY)),
        "speed": "60",
        "clock_ms": str(clock_ms),
        "end_ms": str(CLOSE_MS + DAY_MS),
        "noted": f"{clock_ms}-0",
        "zone": ZONE,
    }
    written = {name.encode(): text.encode() for name, text in (kept | fields).items()}
    return read_state(written, {b"RIVN": symbols.encode(RECORD).encode()}, {}, {}, False, [])


def paced(state: State) -> Pace:
    pace = Pace()
    pace.follow(state)
    return pace


# Fields of the state, how many wall seconds the clock stood, how far it is then behind its speed.
LAGS = [
    ({}, 0.0, 0.0),
    ({}, 0.9, 0.0),  # less than a bar
    ({}, 5.5, 5 * 60.0),
    ({"speed": "max"}, 5.5, 0.0),
    ({"status": "finished"}, 5.5, 0.0),
    ({"stop_ms": str(NOON_MS + 2 * MINUTE_MS)}, 5.5, 2 * 60.0),
    ({"stop_ticks": "3"}, 5.5, 0.0),
]


@pytest.mark.parametrize(("fields", "stood_s", "lag"), LAGS)
def test_the_clock_is_behind_by_the_bars_that_its_speed_asks_for(
    fields: dict[str, str], stood_s: float, lag: float
) -> None:
    state = state_at(NOON_MS, **fields)
    pace = paced(state_at(NOON_MS, speed=fields.get("speed", "60")))
    begun_s = time.monotonic()
    pace.clock.anchor(NOON_MS, begun_s)
    assert lag_s(state, pace, begun_s + stood_s) == lag


def test_a_night_in_between_does_not_count() -> None:
    morning = state_at(OPEN_MS + DAY_MS + MINUTE_MS)
    meters = Meters("night")
    meters.follow(morning, paced(morning))
    assert meters.behind_s(f"{CLOSE_MS}-0") == 60
    assert meters.behind_s(f"{NOON_MS}-0") == (234 + 1) * 60
    assert meters.behind_s("0-0") == 391 * 60
    assert meters.behind_s(morning.noted) == meters.behind_s(f"{OPEN_MS + DAY_MS + MINUTE_MS}-1") == 0
    end_session("night")


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def meters(session_name: str) -> Iterator[Meters]:
    """Those of a session that this process serves, whose clock reads 12:06."""
    state = state_at(NOON_MS)
    meters = Meters(session_name)
    meters.follow(state, paced(state))
    begin_session("tester", session_name)
    yield meters
    end_session(session_name)


def read(client: redis.Redis, name: str) -> dict[str, dict[str, float]]:
    """What is read, of one session: by the name of the metric, and by the consumer where there is one."""
    return {
        metric.name: {
            sample.labels.get("consumer", ""): sample.value
            for sample in metric.samples
            if sample.labels["session"] == name
        }
        for metric in read_sessions(client)
    }


@pytest.mark.usefixtures("meters")
def test_holds_skipped_entries_and_who_is_waited_for_are_read_out_of_redis(
    client: redis.Redis, session_name: str
) -> None:
    keys = Keys(session_name)
    nothing = {"playhead_holds": 0, "playhead_entries_skipped": 0, "playhead_consumers": 0}
    found = read(client, session_name)
    assert {name: found[name][""] for name in nothing} == nothing
    client.sadd(keys.holds, "user", "add:1")
    client.hset(keys.state, mapping={"skipped": "7", "waiting_for": "a,b"})
    found = read(client, session_name)
    assert found["playhead_holds"] == {"": 2}
    assert found["playhead_entries_skipped"] == {"": 7}
    assert found["playhead_consumers_waited_for"] == {"": 2}


@pytest.mark.usefixtures("meters")
def test_of_many_consumers_those_that_are_furthest_behind_are_shown(client: redis.Redis, session_name: str) -> None:
    keys = Keys(session_name)
    now_ms = int(time.time() * 1000)
    for minute in range(MOST_CONSUMERS + 10):
        client.hset(keys.consumers, f"c{minute}", str(now_ms))
        client.hset(keys.consumer(f"c{minute}"), "cursor", f"{NOON_MS - minute * MINUTE_MS}-0")
    found = read(client, session_name)
    assert found["playhead_consumers"] == {"": MOST_CONSUMERS + 10}
    assert found["playhead_consumer_lag_seconds"] == {
        f"c{minute}": minute * 60 for minute in range(10, MOST_CONSUMERS + 10)
    }


@pytest.mark.usefixtures("meters")
def test_a_session_whose_keys_are_spoilt_takes_no_other_with_it(client: redis.Redis, session_name: str) -> None:
    spoilt = f"{session_name}-spoilt"
    begin_session("tester", spoilt)
    other = Meters(spoilt)
    client.set(Keys(spoilt).holds, "not a set")
    client.hset(Keys(spoilt).consumers, "c", "1")
    assert read(client, spoilt)["playhead_holds"] == {}
    assert read(client, session_name)["playhead_holds"] == {"": 0}
    del other
    end_session(spoilt)


@pytest.mark.usefixtures("meters")
def test_a_server_that_does_not_answer_holds_nobody_up(own_server: RedisServer) -> None:
    readings = Readings(own_server.url, read_sessions)
    assert len(list(readings.collect())) == 5
    own_server.kill()
    begun_s = time.monotonic()
    assert list(readings.collect()) == []
    assert time.monotonic() - begun_s < 2 * PATIENCE_S
