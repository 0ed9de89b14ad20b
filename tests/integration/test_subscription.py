"""Following a session: every item in order, each once, from the right place, whoever dies meanwhile."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from playhead import subscription as module
from playhead.connection import text
from playhead.errors import (
    ConsumerFellBehind,
    ConsumerNameTaken,
    HistoryLost,
    InvalidInput,
    RedisUnavailable,
    SessionFailed,
    SessionNotFound,
)
from playhead.messages import ConsumerDropped, Message, SessionFailure, SessionFinished, SymbolAdded, Tick
from playhead.session import Session
from playhead.subscription import Subscription
from shared.redis_server import RedisServer
from tests.support.tape import OPEN_MS, Tape
from tests.support.waiting import wait_until

MINUTE_MS = 60_000
HEARTBEAT = "playhead-heartbeat"

# Follows a session under the name "c", and puts what it is handed on a list, before the item is done. Stands
# still in the middle of an item, to be killed there.
CONSUMER = """
import sys
from playhead import Session
name, url, stop_at = sys.argv[1:]
with Session(name, url) as session, session.subscribe("c") as items:
    for count, item in enumerate(items, 1):
        session._client.rpush(f"playhead:{{{name}}}:out", item.entry)
        if count == int(stop_at):
            print("here", flush=True)
            sys.stdin.read()
"""


@pytest.fixture
def tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    """A running session of AAPL and MSFT at 09:30."""
    tape = Tape(redis_url, session_name).create().begin()
    yield tape
    tape.close()


@pytest.fixture
def session(tape: Tape, redis_url: str) -> Iterator[Session]:
    with Session(tape.keys.session, redis_url) as session:
        yield session


def entries(messages: Iterator[Message], count: int) -> list[str]:
    return [next(messages).entry for _ in range(count)]


def beats() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(HEARTBEAT)]


def test_ticks_and_events_come_in_their_order_and_as_what_they_are(tape: Tape, session: Session) -> None:
    tape.tick()
    tape.tick("MSFT")
    tape.add_symbol("RIVN")
    tape.event("consumer-dropped", consumer="slow")
    tape.tick("RIVN")
    tape.finish()
    with session.subscribe(from_start=True) as items:
        found = list(items)
    assert [type(item) for item in found] == [
        Tick,
        Tick,
        SymbolAdded,
        ConsumerDropped,
        Tick,
        SessionFinished,
    ]
    assert [item.clock_ms - OPEN_MS for item in found] == [m * MINUTE_MS for m in (1, 2, 2, 2, 3, 3)]
    assert isinstance(found[2], SymbolAdded)
    assert found[2].symbols == ("RIVN",)


def test_a_first_registration_starts_at_the_oldest_tick_that_is_kept(tape: Tape, session: Session) -> None:
    ids = tape.ticks(5)
    tape.trim(ids[1])
    with session.subscribe("c") as items:
        assert entries(items, 3) == ids[2:]


def test_an_anonymous_reader_starts_at_the_present_end(tape: Tape, session: Session) -> None:
    tape.ticks(3)
    with session.subscribe() as items:
        later = tape.ticks(2)
        assert entries(items, 2) == later


def test_an_anonymous_reader_starts_at_the_oldest_that_is_kept_if_it_asks_for_that(
    tape: Tape, session: Session
) -> None:
    ids = tape.ticks(3)
    tape.trim(ids[0])
    with session.subscribe(from_start=True) as items:
        assert entries(items, 2) == ids[1:]


def test_a_reader_waits_for_what_comes_later(tape: Tape, session: Session) -> None:
    with session.subscribe() as items:
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(next(items).entry))
        thread.start()
        assert not found
        entry = tape.tick()
        thread.join(timeout=10)
    assert found == [entry]


def test_a_session_that_has_not_begun_can_be_followed_already(redis_url: str, session_name: str) -> None:
    tape = Tape(redis_url, session_name).create()
    with Session(session_name, redis_url) as session, session.subscribe("c") as items:
        tape.begin()
        entry = tape.tick()
        assert next(items).entry == entry
        assert session.symbols() == ("AAPL", "MSFT")
    tape.close()


def test_the_iteration_ends_after_the_end_of_the_session_and_closes_itself(tape: Tape, session: Session) -> None:
    ids = [tape.tick(), tape.finish()]
    items = session.subscribe("c")
    assert [item.entry for item in items] == ids
    assert items.closed
    assert not beats()
    assert tape.cursor("c") == ids[-1]
    assert list(items) == []


def test_a_consumer_that_resumes_at_the_end_of_a_finished_session_just_ends(tape: Tape, session: Session) -> None:
    tape.tick()
    tape.finish()
    assert len(list(session.subscribe("c"))) == 2
    assert list(session.subscribe("c")) == []
    assert list(session.subscribe()) == []


def test_a_failed_session_is_an_error_after_its_event_was_handed_out(tape: Tape, session: Session) -> None:
    ids = [tape.tick(), tape.fail("the disk is full")]
    found: list[Message] = []
    with pytest.raises(SessionFailed, match="the disk is full"):
        collect(session.subscribe("c"), found)
    assert [item.entry for item in found] == ids
    assert isinstance(found[-1], SessionFailure)
    with pytest.raises(SessionFailed, match="the disk is full"):
        next(session.subscribe("c"))


def collect(items: Iterator[Message], found: list[Message]) -> None:
    for item in items:
        found.append(item)  # noqa: PERF402  # what came before the error is wanted


def test_a_registered_consumer_resumes_after_the_last_item_that_was_done(tape: Tape, session: Session) -> None:
    ids = tape.ticks(10)
    with session.subscribe("c") as items:
        assert entries(items, 4) == ids[:4]
    with session.subscribe("c") as items:
        assert entries(items, 7) == ids[3:]


def test_an_item_whose_loop_body_was_left_is_handed_out_again(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)
    with session.subscribe("c") as items:
        for item in items:
            if item.entry == ids[1]:
                break
    assert tape.cursor("c") == ids[0]
    with session.subscribe("c") as items:
        assert next(items).entry == ids[1]


def test_an_item_that_was_acknowledged_is_not_handed_out_again(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)
    with session.subscribe("c") as items:
        assert next(items).entry == ids[0]
        items.acknowledge()
        assert tape.cursor("c") == ids[0]
    with session.subscribe("c") as items:
        assert next(items).entry == ids[1]


def test_the_position_is_saved_at_the_latest_when_what_was_read_is_used_up(tape: Tape, session: Session) -> None:
    ids = tape.ticks(module.FIRST_BATCH + 1)
    with session.subscribe("c") as items:
        entries(items, module.FIRST_BATCH)
        assert tape.cursor("c") == "0-0"
        next(items)
        assert tape.cursor("c") == ids[module.FIRST_BATCH - 1]


def test_a_cursor_never_moves_back_when_a_late_call_arrives(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)
    with session.subscribe("c") as items:
        entries(items, 3)
        items.acknowledge()
        assert items._consumer is not None
        items._consumer.save(ids[0])
        assert tape.cursor("c") == ids[2]


def test_a_reader_holds_a_bounded_number_of_bytes(
    tape: Tape, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 2_000)
    ids = [tape.tick(*(f"S{n}" for n in range(20))) for _ in range(40)]  # about 1,000 bytes each
    with session.subscribe("c") as items:
        entries(items, module.FIRST_BATCH)
        for entry in ids[module.FIRST_BATCH :]:
            assert next(items).entry == entry
            assert len(items._entries) <= 2


def test_a_notification_that_cannot_be_understood_is_skipped_and_counted(
    tape: Tape, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    first = tape.tick()
    assert session.bars("AAPL") is not None
    bad = [tape.event("nonsense"), tape.event("symbol-added", symbols="X"), tape.event("tick", x="y")]
    last = tape.tick()
    with session.subscribe("c") as items:
        assert entries(items, 2) == [first, last]
        assert items.skipped == 3
        assert len(session.bars("AAPL") or ()) == 2
    assert [entry in caplog.text for entry in bad] == [True] * 3


def test_skipped_notifications_at_the_end_are_not_read_for_ever(tape: Tape, session: Session) -> None:
    tape.tick()
    bad = tape.event("nonsense")
    tape.set(status="finished")
    with session.subscribe("c") as items:
        assert len(list(items)) == 1
    assert tape.cursor("c") == bad


def test_a_reader_whose_next_entries_are_gone_is_told_what_is_kept(tape: Tape, session: Session) -> None:
    ids = tape.ticks(20)
    with session.subscribe(from_start=True) as items:
        entries(items, module.FIRST_BATCH)
        tape.trim(ids[15])
        with pytest.raises(ConsumerFellBehind) as caught:
            next(items)
    assert ids[module.FIRST_BATCH - 1] in str(caught.value)
    assert ids[15] in str(caught.value)
    assert "subscribe again" in str(caught.value)


def test_a_reader_exactly_at_what_is_kept_has_missed_nothing(tape: Tape, session: Session) -> None:
    ids = tape.ticks(20)
    with session.subscribe(from_start=True) as items:
        entries(items, module.FIRST_BATCH)
        tape.trim(ids[module.FIRST_BATCH - 1])
        assert next(items).entry == ids[module.FIRST_BATCH]


def test_a_consumer_that_was_away_too_long_is_told_to_take_another_name(tape: Tape, session: Session) -> None:
    ids = tape.ticks(5)
    with session.subscribe("c") as items:
        entries(items, 2)
    tape.trim(ids[3])
    with session.subscribe("c") as items, pytest.raises(ConsumerFellBehind, match="under another name"):
        next(items)
    assert items.closed
    with session.subscribe("c2") as items:
        assert next(items).entry == ids[4]


def test_a_server_that_lost_writes_is_noticed(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)
    with session.subscribe(from_start=True) as items:
        entries(items, 3)
        tape.client.xdel(tape.keys.notifications, ids[2])
        tape.set(noted=ids[1])
        with pytest.raises(HistoryLost, match=f"after {ids[1]} are gone, .* had read up to {ids[2]}"):
            next(items)


def test_a_saved_position_that_the_server_does_not_know_is_noticed(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)
    tape.client.hset(tape.keys.consumer("c"), mapping={"cursor": f"{tape.clock_ms + 1}-0", "history": tape.history})
    with session.subscribe("c") as items, pytest.raises(HistoryLost, match=ids[2]):
        next(items)


def test_a_session_that_was_made_anew_is_another_one(tape: Tape, session: Session) -> None:
    tape.ticks(2)
    with session.subscribe(from_start=True) as items:
        entries(items, 2)
        tape.set(history="another")
        with pytest.raises(HistoryLost, match="made anew"):
            next(items)


def test_a_consumer_of_an_earlier_session_of_this_name_does_not_go_on_in_the_new_one(
    tape: Tape, session: Session
) -> None:
    tape.client.hset(tape.keys.consumer("c"), mapping={"cursor": "5-0", "history": "another"})
    with pytest.raises(HistoryLost, match="an earlier session"):
        session.subscribe("c")


@pytest.mark.parametrize("name", ["c", None])
def test_a_session_that_is_deleted_while_it_is_followed_is_said_to_be_gone(
    tape: Tape, session: Session, name: str | None
) -> None:
    tape.tick()
    with session.subscribe(name, from_start=True) as items:
        next(items)
        session.delete()
        with pytest.raises(SessionNotFound):
            next(items)
    assert not tape.client.exists(tape.keys.consumer("c"), tape.keys.consumers)


def test_a_second_subscription_of_one_session_object_is_refused(tape: Tape, session: Session) -> None:
    with session.subscribe(), pytest.raises(InvalidInput, match="has a subscription already"):
        session.subscribe()
    session.subscribe().close()


def test_a_name_with_a_living_holder_is_refused(tape: Tape, session: Session, redis_url: str) -> None:
    ids = tape.ticks(2)
    with session.subscribe("c") as items, Session(session.name, redis_url) as other:
        assert next(items).entry == ids[0]
        with pytest.raises(ConsumerNameTaken, match="living process"):
            other.subscribe("c")
        assert next(items).entry == ids[1]  # and the holder goes on


def test_a_name_is_free_as_soon_as_its_holder_has_closed(tape: Tape, session: Session, redis_url: str) -> None:
    tape.tick()
    with session.subscribe("c"):
        pass
    begun = time.monotonic()
    with Session(session.name, redis_url) as other, other.subscribe("c") as items:
        next(items)
    assert time.monotonic() - begun < 1


def test_a_holder_that_falls_silent_loses_its_name_to_who_waits_for_it(
    tape: Tape, session: Session, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playhead.consumer.CONSUMER_DEAD_MS", 300)
    ids = tape.ticks(20)
    with session.subscribe("c") as items, Session(session.name, redis_url) as other:
        entries(items, 3)
        items.acknowledge()
        assert items._consumer is not None
        items._consumer._heartbeat.stop()  # as if its process hung
        with other.subscribe("c") as theirs:
            assert next(theirs).entry == ids[3]
            with pytest.raises(ConsumerNameTaken, match="another one goes on"):
                list(items)
            assert entries(theirs, 2) == ids[4:6]
        assert tape.cursor("c") == ids[4]


def test_a_holder_that_lost_its_name_is_told_by_its_heartbeat(tape: Tape, session: Session) -> None:
    tape.ticks(3)
    with session.subscribe("c") as items:
        next(items)
        tape.client.hset(tape.keys.consumer("c"), "holder", "another")
        wait_until(lambda: not beats(), what="the heartbeat to be refused")
        with pytest.raises(ConsumerNameTaken):
            next(items)
    assert tape.client.hget(tape.keys.consumer("c"), "holder") == b"another"


def test_a_consumer_shows_life_while_it_works_on_one_item(tape: Tape, session: Session) -> None:
    tape.tick()

    def beat() -> bytes | str | None:
        return tape.client.hget(tape.keys.consumers, "c")

    with session.subscribe("c") as items:
        next(items)
        first = beat()
        wait_until(lambda: beat() != first, what="another heartbeat")
    assert beat() == b"0"


def test_a_subscription_that_was_forgotten_shows_no_life(tape: Tape, redis_url: str) -> None:
    session = Session(tape.keys.session, redis_url)
    session.subscribe("c")
    assert len(beats()) == 1
    del session
    gc.collect()
    wait_until(lambda: not beats(), what="the end of the heartbeat")


def test_no_message_is_lost_or_repeated_when_redis_is_away_for_a_while(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    tape = Tape(own_server.url, "away").create().begin()
    ids = tape.ticks(3)
    with Session("away", own_server.url) as session, session.subscribe("c") as items:
        assert entries(items, 3) == ids
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(next(items).entry))
        thread.start()
        own_server.kill()
        wait_until(lambda: "waiting for it" in caplog.text, what="the warning")
        own_server.restart()
        entry = tape.tick()
        thread.join(timeout=20)
        assert found == [entry]
        assert caplog.text.count("waiting for it") == 1
        assert caplog.text.count("answers again") == 1
        items.acknowledge()
        assert tape.cursor("c") == entry
    tape.close()


def test_a_reader_without_patience_is_told_that_redis_is_away_and_keeps_its_place(
    own_server: RedisServer,
) -> None:
    tape = Tape(own_server.url, "away").create().begin()
    ids = tape.ticks(2)
    with Session("away", own_server.url) as session:
        items = session.subscribe("c", patience_s=0)
        entries(items, 2)
        own_server.kill()
        with pytest.raises(RedisUnavailable):
            next(items)
        own_server.restart()
        entry = tape.tick()
        assert next(items).entry == entry
        assert ids[1] < entry
    tape.close()


def test_closing_does_not_wait_for_a_redis_that_is_away(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    tape = Tape(own_server.url, "away").create().begin()
    tape.ticks(2)
    session = Session("away", own_server.url)
    items = session.subscribe("c")
    entries(items, 2)
    own_server.kill()
    begun = time.monotonic()
    items.close()
    assert time.monotonic() - begun < 5
    assert "was not saved" in caplog.text
    session.close()
    tape.close()


def test_a_killed_consumer_is_handed_every_item_at_least_once(tape: Tape, redis_url: str, session_name: str) -> None:
    ids = [*tape.ticks(60), tape.finish()]
    for stop_at in (5, 25):
        with start(session_name, redis_url, stop_at) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            process.kill()
        tape.client.hset(tape.keys.consumers, "c", "0")  # its last heartbeat was long ago
    with start(session_name, redis_url, -1) as process:
        assert process.wait(timeout=30) == 0
    out = [text(entry) for entry in tape.client.lrange(f"{tape.keys.state}:out", 0, -1)]
    assert sorted(set(out)) == ids
    # Some came again, those since the last batch: that is what `transaction` is for.
    assert out[:5] == ids[:5]
    assert out[5:30] == ids[:25]
    assert len(out) > 30 + len(ids) - 25


def start(name: str, url: str, stop_at: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CONSUMER, name, url, str(stop_at)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_a_subscription_says_of_itself(tape: Tape, session: Session) -> None:
    entry = tape.tick()
    with session.subscribe("c") as items:
        assert isinstance(items, Subscription)
        assert (items.name, items.position, items.clock_ms) == ("c", "0-0", 0)
        next(items)
        assert (items.position, items.clock_ms) == (entry, OPEN_MS + MINUTE_MS)
