"""Consumers of a server that has lost its last writes: told, and set right by subscribing again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playhead.connection import text
from playhead.errors import ConsumerNameTaken, HistoryLost
from playhead.session import Session
from playhead.subscription import Subscription
from recorder.recorder import Recorder
from shared.lease import Lease
from shared.settings import Settings
from tests.support.rollback import Saved
from tests.support.tape import Tape
from tests.support.waiting import wait_until


@pytest.fixture
def tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    tape = Tape(redis_url, session_name).create().begin()
    take_over(tape)
    yield tape
    tape.close()


@pytest.fixture
def session(tape: Tape, redis_url: str) -> Iterator[Session]:
    with Session(tape.keys.session, redis_url) as session:
        yield session


def take_over(tape: Tape) -> None:
    """Another coordinator takes the session."""
    tape.client.delete(tape.keys.lease("coordinator"))
    assert Lease(tape.client, tape.keys, "coordinator", 60_000).acquire()


def lose(tape: Tape, saved: Saved) -> None:
    """The server falls back to what it had, and a coordinator goes on from there."""
    saved.restore()
    tape.clock_ms = int(tape.client.hget(tape.keys.state, "clock_ms") or 0)
    take_over(tape)


def take(items: Subscription, count: int) -> list[str]:
    return [next(items).entry for _ in range(count)]


def out(tape: Tape) -> list[str]:
    """What a consumer has saved together with its position."""
    return [text(entry) for entry in tape.client.lrange(f"{tape.keys.state}:out", 0, -1)]


def push(tape: Tape, items: Subscription, entry: str) -> None:
    with items.transaction() as output:
        output.rpush(f"{tape.keys.state}:out", entry)


def test_a_reader_that_has_read_what_is_lost_is_told_though_the_session_has_gone_beyond_that(
    tape: Tape, session: Session
) -> None:
    ids = tape.ticks(2)
    saved = Saved(tape.client, tape.keys)
    lost = tape.ticks(3)
    with session.subscribe(from_start=True) as items:
        assert take(items, 5) == [*ids, *lost]
        lose(tape, saved)
        tape.ticks(6)
        words = f"has lost its last writes; the notifications after {ids[-1]} are gone.*had read up to {lost[-1]}"
        with pytest.raises(HistoryLost, match=words) as told:
            next(items)
        assert told.value.kept == ids[-1]


def test_a_reader_that_has_read_nothing_of_what_is_lost_goes_on(tape: Tape, session: Session) -> None:
    ids = tape.ticks(2)
    with session.subscribe(from_start=True) as items:
        assert take(items, 2) == ids
        saved = Saved(tape.client, tape.keys)
        tape.ticks(3)
        lose(tape, saved)
        later = tape.ticks(3)
        assert take(items, 3) == later


def test_takeovers_in_which_nothing_is_lost_tell_nobody_anything(tape: Tape, session: Session) -> None:
    with session.subscribe("c", from_start=True) as items:
        for _ in range(3):
            entry = tape.tick()
            assert next(items).entry == entry
            take_over(tape)
            items.acknowledge()
            assert tape.cursor("c") == entry


def test_a_read_in_a_tick_that_is_lost_tells_so(tape: Tape, session: Session) -> None:
    tape.tick()
    saved = Saved(tape.client, tape.keys)
    tape.ticks(2)
    with session.subscribe(from_start=True) as items:
        take(items, 3)
        lose(tape, saved)
        tape.ticks(4)
        with pytest.raises(HistoryLost):
            session.bars("AAPL")


def test_the_position_of_a_consumer_is_not_saved_beyond_what_is_there(tape: Tape, session: Session) -> None:
    tape.ticks(2)
    with session.subscribe("c") as items:
        take(items, 2)
        items.acknowledge()
        saved = Saved(tape.client, tape.keys)
        tape.ticks(2)
        take(items, 2)
        before = tape.cursor("c")
        saved.restore()  # and no coordinator has come yet
        with pytest.raises(HistoryLost):
            items.acknowledge()
    assert tape.cursor("c") == before


@pytest.mark.parametrize("beyond", [1, 6], ids=["not yet there", "long passed"])
def test_a_consumer_that_was_told_goes_on_at_its_saved_position_in_what_is_there(
    tape: Tape, session: Session, beyond: int
) -> None:
    ids = tape.ticks(3)
    with session.subscribe("c") as items:
        take(items, 2)
        items.acknowledge()
        saved = Saved(tape.client, tape.keys)
        tape.ticks(3)
        take(items, 4)
        lose(tape, saved)
        new = tape.ticks(beyond)
        with pytest.raises(HistoryLost, match="subscribe again to go on after the position that is saved for it"):
            take(items, 1)
        assert items.closed
    assert tape.cursor("c") == ids[1]
    with session.subscribe("c") as items:
        assert take(items, 1 + beyond) == [ids[2], *new]


def test_output_that_is_saved_with_the_position_is_there_once_whatever_is_lost(tape: Tape, session: Session) -> None:
    ids = tape.ticks(2)
    with session.subscribe("c") as items:
        for entry in take(items, 1):
            push(tape, items, entry)
        saved = Saved(tape.client, tape.keys)
        tape.ticks(2)
        for _ in range(2):
            push(tape, items, next(items).entry)
        next(items)
        lose(tape, saved)
        with pytest.raises(HistoryLost):
            push(tape, items, "of the future")
    assert out(tape) == ids[:1]
    later = tape.ticks(5)
    with session.subscribe("c") as items:
        for _ in range(6):
            push(tape, items, next(items).entry)
    assert out(tape) == [*ids, *later]


def test_a_consumer_whose_output_is_lost_and_nothing_else_is_told(tape: Tape, session: Session) -> None:
    ids = tape.ticks(4)
    with session.subscribe("c") as items:
        push(tape, items, next(items).entry)
        saved = Saved(tape.client, tape.keys)
        push(tape, items, next(items).entry)
        entry = next(items).entry
        saved.restore()
        words = f"had saved its output up to {ids[1]}, and there it is saved up to {ids[0]}"
        with pytest.raises(HistoryLost, match=words) as told:
            push(tape, items, entry)
        assert told.value.kept == ids[0]
    assert out(tape) == ids[:1]


def test_a_transaction_goes_through_a_takeover_in_which_nothing_is_lost(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)
    with session.subscribe("c") as items:
        for _ in ids:
            entry = next(items).entry
            take_over(tape)
            push(tape, items, entry)
    assert out(tape) == ids


def test_a_consumer_that_is_lost_with_all_it_had_read_is_told(tape: Tape, session: Session) -> None:
    saved = Saved(tape.client, tape.keys)
    with session.subscribe("c") as items:
        saved.restore()
        wait_until(lambda: items._consumer is not None and items._consumer._heartbeat.refused, 10, "a heartbeat")
        with pytest.raises(HistoryLost, match="and with them consumer c; subscribe again"):
            next(items)
    entry = tape.tick()
    with session.subscribe("c") as items:
        assert next(items).entry == entry


def test_a_name_that_another_process_has_taken_is_no_loss(tape: Tape, session: Session) -> None:
    tape.ticks(2)
    with session.subscribe("c") as items:
        take(items, 2)
        tape.client.hset(tape.keys.consumer("c"), "holder", "another")
        with pytest.raises(ConsumerNameTaken):
            items.acknowledge()


@pytest.fixture
def recorded(redis_url: str, session_name: str, tmp_path: Path) -> Iterator[Tape]:
    """A session that is to be recorded."""
    tape = Tape(redis_url, session_name)
    tape.config = replace(tape.config, record=str(tmp_path))
    take_over(tape.create().begin())
    yield tape
    tape.close()


def recorder(tape: Tape, url: str) -> Recorder:
    """A recorder that has taken the session."""
    tape.client.delete(tape.keys.lease("recorder"))
    lease = Lease(tape.client, tape.keys, "recorder", 60_000)
    assert lease.acquire()
    return Recorder(tape.client, lease, Settings(url, url))


def steps(recorder: Recorder, until: Callable[[], bool]) -> None:
    """Steps until something is so."""

    def stepped() -> bool:
        recorder.step()
        return until()

    wait_until(stepped, 30, "the recorder")


def test_a_recorder_does_not_mix_what_the_server_has_lost_with_what_comes_anew(
    recorded: Tape, redis_url: str, tmp_path: Path
) -> None:
    tape = recorded
    kept = tape.ticks(2)[-1]
    saved = Saved(tape.client, tape.keys)
    last = tape.ticks(3)[-1]
    before = recorder(tape, redis_url)
    steps(before, lambda: tape.cursor("recorder") == last)
    lose(tape, saved)
    tape.ticks(6)
    after = recorder(tape, redis_url)
    steps(after, lambda: bool(tape.client.hexists(tape.keys.state, "recording_error")))
    said = text(tape.client.hget(tape.keys.state, "recording_error") or b"")
    assert f"what came after {kept} is gone" in said
    assert f"go up to {last}; move them away" in said
    (tmp_path / tape.keys.session).rename(tmp_path / "away")
    steps(after, lambda: not tape.client.hexists(tape.keys.state, "recording_error"))
    after.close()
    before.close()


def test_a_recorder_that_had_written_nothing_of_what_is_lost_goes_on(recorded: Tape, redis_url: str) -> None:
    tape = recorded
    last = tape.ticks(2)[-1]
    before = recorder(tape, redis_url)
    steps(before, lambda: tape.cursor("recorder") == last)
    before.close()
    saved = Saved(tape.client, tape.keys)
    tape.ticks(2)
    lose(tape, saved)
    last = tape.ticks(3)[-1]
    after = recorder(tape, redis_url)
    steps(after, lambda: tape.cursor("recorder") == last)
    assert not tape.client.hexists(tape.keys.state, "recording_error")
    after.close()
