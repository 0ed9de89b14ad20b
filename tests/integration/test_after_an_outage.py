"""After an outage all heartbeats are old, and another coordinator goes on: nobody is dropped or sent away for that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest

from playhead.config import SessionConfig, SymbolConfig
from playhead.consumer import Consumer
from playhead.messages import ConsumerDropped
from playhead.session import Session
from tests.support.in_process import InProcess

DAY = date(2025, 7, 2)
KEPT = 16


@pytest.fixture
def session(redis_url: str, session_name: str) -> Iterator[InProcess]:
    """It keeps few notifications, moves by as few, and stands at 09:40."""
    config = SessionConfig((SymbolConfig("AAPL"),), DAY, DAY, run_until="09:40")
    with closing(InProcess(redis_url, session_name, config, retained_ticks=KEPT, batch_ticks=KEPT)) as session:
        session.run(lambda: session.client.scard(session.keys.holds) == 1, "09:40")
        yield session


def age(session: InProcess, name: str) -> None:
    """Its last heartbeat was long ago, as after a long outage."""
    seconds, _ = session.client.time()
    session.client.hset(session.keys.consumers, name, (int(seconds) - 60) * 1000)


def dropped(session: InProcess) -> bool:
    return any(isinstance(each, ConsumerDropped) for each in session.notifications())


def behind(session: InProcess) -> bool:
    """Whether the clock waits rather than forget what the consumer has not read."""
    return session.client.xlen(session.keys.notifications) > KEPT


def test_a_consumer_that_is_behind_is_not_dropped_before_it_could_show_life(session: InProcess, redis_url: str) -> None:
    with Session(session.keys.session, redis_url) as reader, reader.subscribe("c", from_start=True) as items:
        next(items)
        age(session, "c")
        session.take_over()
        session.client.srem(session.keys.holds, "user")
        session.run(lambda: behind(session), "the clock to wait")
        begun_s = time.monotonic()
        session.run(lambda: time.monotonic() - begun_s > 1.5, "a heartbeat")
        assert behind(session)
        assert not dropped(session)
        before_ms = session.clock_ms()
        for _ in range(session.client.xlen(session.keys.notifications) - 2):
            next(items)
        items.acknowledge()
        session.run(lambda: session.clock_ms() > before_ms, "the clock to go on")
        assert not dropped(session)


def test_one_that_shows_no_life_then_either_is_dropped(session: InProcess, redis_url: str) -> None:
    with Session(session.keys.session, redis_url) as reader:
        items = reader.subscribe("c", from_start=True)
        next(items)
        items._consumer._heartbeat.stop()  # type: ignore[union-attr]  # as if its process had died
        age(session, "c")
        session.take_over()
        session.client.srem(session.keys.holds, "user")
        session.run(lambda: behind(session), "the clock to wait")
        assert not dropped(session)
        session.run(lambda: dropped(session), "the dead one to be dropped")
        session.run(lambda: session.client.hget(session.keys.state, "status") == b"finished", "the end")


def test_one_that_has_left_is_not_waited_for(session: InProcess, redis_url: str) -> None:
    with Session(session.keys.session, redis_url) as reader, reader.subscribe("c", from_start=True) as items:
        next(items)
    session.take_over()
    session.client.srem(session.keys.holds, "user")
    begun_s = time.monotonic()
    session.run(lambda: dropped(session), "the one that left to be dropped")
    assert time.monotonic() - begun_s < 3


def test_who_takes_a_name_while_the_coordinator_changes_has_lost_nothing(
    session: InProcess, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take some seconds until a name is free. What is kept may then begin later than the new epoch."""
    take_name = Consumer._take_name
    looked_ms: list[int] = []

    def taken_late(self: Consumer, from_start: bool) -> str:
        if not looked_ms:
            looked_ms.append(session.clock_ms())
            session.take_over()
            for stop in ("12:00", "12:30", "13:00"):  # before each what is too much by then is forgotten
                session.run_until(stop)
        return take_name(self, from_start)

    monkeypatch.setattr(Consumer, "_take_name", taken_late)
    with Session(session.keys.session, redis_url) as reader, reader.subscribe("c", from_start=True) as items:
        assert looked_ms[0] + 60_000 < next(items).clock_ms <= session.clock_ms()
