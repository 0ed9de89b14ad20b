"""Output and position in one MULTI: each item exactly once, whatever is lost or killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis.client import Pipeline
from redis.exceptions import ConnectionError, WatchError

from playhead.connection import text
from playhead.errors import ConsumerNameTaken, InvalidInput, RedisUnavailable, SessionNotFound
from playhead.session import Session
from playhead.subscription import Subscription
from tests.support.tape import Tape

# Saves what it is handed together with its position, and stands still there, inside or outside of the block.
CONSUMER = """
import sys
from playhead import Session
name, url, stop_at, inside = sys.argv[1:]
def stand(count, here):
    if count == int(stop_at) and here == inside:
        print("here", flush=True)
        sys.stdin.read()
with Session(name, url) as session, session.subscribe("c") as items:
    for count, item in enumerate(items, 1):
        with items.transaction() as output:
            output.rpush(f"playhead:{{{name}}}:out", item.entry)
            stand(count, "inside")
        stand(count, "outside")
"""


@pytest.fixture
def tape(redis_url: str, session_name: str) -> Iterator[Tape]:
    tape = Tape(redis_url, session_name).create().begin()
    yield tape
    tape.close()


@pytest.fixture
def session(tape: Tape, redis_url: str) -> Iterator[Session]:
    with Session(tape.keys.session, redis_url) as session:
        yield session


@pytest.fixture
def out(tape: Tape) -> str:
    """The key of a consumer's output."""
    return f"{tape.keys.state}:out"


def saved(tape: Tape, out: str) -> list[str]:
    return [text(entry) for entry in tape.client.lrange(out, 0, -1)]


def push(items: Subscription, out: str, entry: str, then: Callable[[], object] = lambda: None) -> None:
    """One transaction, in which `then` happens."""
    with items.transaction() as output:
        output.rpush(out, entry)
        then()


def test_output_and_position_are_saved_together(tape: Tape, session: Session, out: str) -> None:
    ids = tape.ticks(3)
    with session.subscribe("c") as items:
        for item, entry in zip(items, ids, strict=False):
            with session.transaction() as output:
                output.rpush(out, item.entry)
            assert tape.cursor("c") == entry
            if entry == ids[-1]:
                break
    assert saved(tape, out) == ids
    later = tape.tick()
    with session.subscribe("c") as items:
        assert next(items).entry == later


def test_a_transaction_without_output_saves_the_position(tape: Tape, session: Session) -> None:
    entry = tape.tick()
    with session.subscribe("c") as items:
        next(items)
        with items.transaction():
            pass
    assert tape.cursor("c") == entry


def test_a_block_that_is_left_by_an_error_writes_nothing(tape: Tape, session: Session, out: str) -> None:
    entry = tape.tick()
    with session.subscribe("c") as items:
        next(items)
        with pytest.raises(ZeroDivisionError):
            push(items, out, "x", lambda: 1 / 0)
        assert saved(tape, out) == []
        assert tape.cursor("c") == "0-0"
        with items.transaction() as output:  # the item is still in hand
            output.rpush(out, entry)
    assert saved(tape, out) == [entry]


def test_a_holder_that_lost_its_name_writes_nothing(tape: Tape, session: Session, out: str) -> None:
    tape.tick()
    with session.subscribe("c") as items:
        next(items)
        with pytest.raises(ConsumerNameTaken):
            push(items, out, "x", lambda: tape.client.hset(tape.keys.consumer("c"), "holder", "another"))
    assert saved(tape, out) == []
    assert tape.cursor("c") == "0-0"


def test_a_name_lost_in_the_last_moment_stops_the_transaction(
    tape: Tape, session: Session, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape.tick()
    execute = Pipeline._execute_transaction

    def late(self: Pipeline, *args: Any) -> Any:
        if self.watching:
            tape.client.hset(tape.keys.consumer("c"), "holder", "another")
        return execute(self, *args)

    with session.subscribe("c") as items:
        next(items)
        monkeypatch.setattr(Pipeline, "_execute_transaction", late)
        with pytest.raises(ConsumerNameTaken), items.transaction() as output:
            output.rpush(out, "x")
    assert saved(tape, out) == []


def test_a_deleted_session_gets_no_output(tape: Tape, session: Session, out: str) -> None:
    tape.tick()
    with session.subscribe("c") as items:
        next(items)
        with pytest.raises(SessionNotFound):
            push(items, out, "x", session.delete)
    assert not tape.client.exists(out, tape.keys.consumer("c"))


def test_a_second_transaction_on_one_item_is_refused(tape: Tape, session: Session, out: str) -> None:
    entry = tape.tick()
    with session.subscribe("c") as items:
        next(items)
        with items.transaction() as output:
            output.rpush(out, entry)
        with pytest.raises(InvalidInput, match="one transaction"), items.transaction() as output:
            output.rpush(out, entry)
    assert saved(tape, out) == [entry]


def test_a_transaction_cannot_be_sent_off_without_its_position(tape: Tape, session: Session, out: str) -> None:
    tape.tick()
    with session.subscribe("c") as items:
        next(items)
        with pytest.raises(InvalidInput, match="do not call execute"), items.transaction() as output:
            output.execute()
    assert saved(tape, out) == []


def test_an_anonymous_reader_has_no_transactions(tape: Tape, session: Session) -> None:
    tape.tick()
    with session.subscribe(from_start=True) as items:
        next(items)
        with pytest.raises(InvalidInput, match="give subscribe\\(\\) a name"), items.transaction():
            pass


def test_a_transaction_needs_an_item_in_hand(tape: Tape, session: Session) -> None:
    with pytest.raises(InvalidInput, match="no subscription"):
        session.transaction()
    with session.subscribe("c") as items, pytest.raises(InvalidInput, match="no item in hand"), items.transaction():
        pass


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("watching", [True, False])
def test_a_lost_reply_neither_loses_nor_repeats_output(
    tape: Tape, session: Session, out: str, monkeypatch: pytest.MonkeyPatch, applied: bool, watching: bool
) -> None:
    ids = tape.ticks(2)
    execute = Pipeline._execute_transaction
    lost: list[bool] = []

    def losing(self: Pipeline, *args: Any) -> Any:
        if not self.watching or lost:
            return execute(self, *args)
        lost.append(True)
        if applied:
            execute(self, *args)
        self.watching = watching
        raise ConnectionError("the reply was lost")

    with session.subscribe("c") as items:
        monkeypatch.setattr(Pipeline, "_execute_transaction", losing)
        for entry in ids:
            next(items)
            push(items, out, entry)
    assert lost == [True]
    assert saved(tape, out) == ids
    assert tape.cursor("c") == ids[-1]


def test_a_connection_that_breaks_before_the_transaction_is_made_anew(
    tape: Tape, session: Session, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = tape.tick()
    watch = Pipeline.watch
    broken: list[Any] = []

    def watching(self: Pipeline, *names: str) -> Any:
        answer = watch(self, *names)  # type: ignore[no-untyped-call]  # redis-py has no types here
        if not broken:
            broken.append(self.client_id())
            tape.client.client_kill_filter(_id=broken[0])
        return answer

    with session.subscribe("c") as items:
        next(items)
        monkeypatch.setattr(Pipeline, "watch", watching)
        push(items, out, entry)
    assert broken
    assert saved(tape, out) == [entry]


def test_a_transaction_that_arrives_after_it_was_given_up_is_not_applied(
    tape: Tape, session: Session, out: str
) -> None:
    entry = tape.tick()
    with session.subscribe("c") as items:
        next(items)
        assert items._consumer is not None
        pipe = tape.client.pipeline()
        items._consumer._watch(pipe, entry)
        pipe.multi()
        pipe.rpush(out, entry)
        assert not items._consumer._was_applied(entry)
        with pytest.raises(WatchError):
            pipe.execute()
    assert saved(tape, out) == []


def test_a_transaction_without_patience_is_told_that_redis_is_away(
    tape: Tape, session: Session, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = tape.tick()

    def away(self: Pipeline, *args: Any) -> Any:
        raise ConnectionError("away")

    with session.subscribe("c", patience_s=0) as items:
        next(items)
        with monkeypatch.context() as patch:
            patch.setattr(Pipeline, "immediate_execute_command", away)
            with pytest.raises(RedisUnavailable), items.transaction() as output:
                output.rpush(out, entry)
        with items.transaction() as output:
            output.rpush(out, entry)
    assert saved(tape, out) == [entry]


def test_a_killed_consumer_has_output_of_every_item_exactly_once(
    tape: Tape, session_name: str, redis_url: str, out: str
) -> None:
    ids = [*tape.ticks(60), tape.finish()]
    for stop_at, where in ((5, "inside"), (7, "outside"), (30, "inside"), (1, "inside")):
        with start(session_name, redis_url, stop_at, where) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            process.kill()
        tape.client.hset(tape.keys.consumers, "c", "0")  # its last heartbeat was long ago
    with start(session_name, redis_url, -1, "") as process:
        assert process.wait(timeout=30) == 0
    assert saved(tape, out) == ids


def start(name: str, url: str, stop_at: int, where: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CONSUMER, name, url, str(stop_at), where]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
