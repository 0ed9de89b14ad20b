"""What everybody can read of the registered consumers of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from playhead import ConsumerInfo
from playhead.consumer import CONSUMER_DEAD_MS
from playhead.consumers import Consumers
from playhead.session import Session
from tests.support.tape import MINUTE_MS, OPEN_MS, Tape


@pytest.fixture
def tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    tape = Tape(redis_url, session_name).create().begin()
    tape.set(first_ms=OPEN_MS)
    yield tape
    tape.close()


@pytest.fixture
def session(tape: Tape, redis_url: str) -> Iterator[Session]:
    with Session(tape.keys.session, redis_url) as session:
        yield session


def only(session: Session) -> ConsumerInfo:
    (one,) = session.consumers()
    return one


def beat(tape: Tape, name: str, ago_ms: int) -> None:
    """Sets when a consumer last showed life."""
    seconds, microseconds = tape.client.time()
    tape.client.hset(tape.keys.consumers, name, int(seconds) * 1000 + int(microseconds) // 1000 - ago_ms)


def test_a_session_that_nobody_follows_has_no_consumers(session: Session) -> None:
    assert session.consumers() == ()


def test_one_that_has_read_nothing_lags_behind_all_ticks_that_there_are(tape: Tape, session: Session) -> None:
    tape.ticks(3)
    with Session(session.name, session.url) as other, other.subscribe("c"):
        found = only(session)
    assert (found.name, found.life, found.cursor, found.position_ms) == ("c", "alive", "0-0", None)
    assert (found.lag_ticks, found.lag_ms) == (3, 3 * MINUTE_MS)
    assert found.silent_ms is not None
    assert found.silent_ms < CONSUMER_DEAD_MS


def test_a_position_is_the_market_time_of_the_last_message_that_was_done(tape: Tape, session: Session) -> None:
    ids = tape.ticks(5)
    with Session(session.name, session.url) as other, other.subscribe("c") as items:
        for _ in range(3):
            next(items)
    found = only(session)
    assert (found.life, found.cursor, found.position_ms) == ("left", ids[1], OPEN_MS + 2 * MINUTE_MS)
    assert (found.lag_ticks, found.lag_ms, found.silent_ms) == (3, 3 * MINUTE_MS, None)


def test_a_night_takes_market_time_and_has_no_ticks(tape: Tape, redis_url: str, session_name: str) -> None:
    longer = Tape(redis_url, session_name, last=tape.config.date.replace(day=3))
    tape.client.delete(tape.keys.state)
    longer.create().begin().set(first_ms=OPEN_MS)
    longer.clock_ms = longer.days.days[0].close_ms - MINUTE_MS
    last = longer.tick()
    longer.client.hset(longer.keys.consumer("c"), mapping={"cursor": last, "history": longer.history})
    beat(longer, "c", 0)
    longer.open_day()
    longer.tick()
    (found,) = Consumers(longer.client, longer.keys).read()
    longer.close()
    assert found.lag_ticks == 1
    assert found.lag_ms == 17 * 60 * MINUTE_MS + 31 * MINUTE_MS


def test_one_without_a_heartbeat_is_silent(tape: Tape, session: Session) -> None:
    tape.client.hset(tape.keys.consumer("c"), mapping={"cursor": tape.tick(), "history": tape.history})
    beat(tape, "c", CONSUMER_DEAD_MS)
    found = only(session)
    assert (found.life, found.lag_ticks) == ("silent", 0)
    assert found.silent_ms is not None
    assert found.silent_ms >= CONSUMER_DEAD_MS


def test_one_that_is_dropped_is_shown_as_such_whether_it_was_looked_before_or_not(tape: Tape, session: Session) -> None:
    tape.client.hset(tape.keys.consumer("c"), mapping={"cursor": tape.tick(), "history": tape.history})
    beat(tape, "c", 0)
    assert only(session).life == "alive"
    unaware = Consumers(tape.client, tape.keys)
    tape.client.hdel(tape.keys.consumers, "c")
    assert only(session).life == "dropped"
    assert [each.life for each in Consumers(tape.client, tape.keys, with_dropped=True).read()] == ["dropped"]
    assert unaware.read() == ()


def test_one_for_whom_the_clock_stands_says_so(tape: Tape, session: Session) -> None:
    for name in ("a", "b"):
        beat(tape, name, 0)
    tape.set(waiting_for="b,x")
    assert [(each.name, each.is_waited_for) for each in session.consumers()] == [("a", False), ("b", True)]


def test_what_another_hand_has_written_is_no_position_and_stops_no_reader(tape: Tape, session: Session) -> None:
    tape.tick()
    for name, beat_text in {"a": "yesterday", "b": "9" * 15, "no name!": "1", "c": "1", "d": "0"}.items():
        tape.client.hset(tape.keys.consumers, name, beat_text)
    tape.client.set(tape.keys.consumer("a"), "no hash")
    tape.client.hset(tape.keys.consumer("b"), "cursor", "the beginning")
    tape.client.hset(tape.keys.consumer("d"), "cursor", "9" * 20 + "-0")
    tape.client.hset(tape.keys.consumer("earlier"), mapping={"cursor": "5-0", "history": "another"})
    found = {each.name: each for each in session.consumers()}
    assert sorted(found) == ["a", "b", "c", "d"]
    assert [found[name].life for name in "abcd"] == ["left", "left", "silent", "left"]
    read = {(each.cursor, each.position_ms, each.lag_ms, each.lag_ticks) for each in found.values()}
    assert read == {(None, None, None, None)}


def test_a_session_that_was_deleted_has_none(tape: Tape, session: Session) -> None:
    beat(tape, "c", 0)
    assert only(session).name == "c"
    session.delete()
    assert session.consumers() == ()
