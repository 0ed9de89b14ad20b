"""Following a session from an event loop: no item is lost by a cancelled `await`, and the loop is never held up."""

from __future__ import annotations

import asyncio
import gc
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from playhead.async_subscription import AsyncSubscription
from playhead.connection import connect, text
from playhead.errors import (
    ConsumerFellBehind,
    ConsumerNameTaken,
    HistoryLost,
    InvalidInput,
    RedisUnavailable,
    SessionFailed,
    SessionNotFound,
)
from playhead.halves import Halves
from playhead.messages import Message, SessionFailure, Tick
from playhead.session import Session
from shared.redis_server import RedisServer
from tests.support.tape import Tape, bars_for
from tests.support.waiting import POLL_S, wait_until

MINUTE_MS = 60_000
TIMEOUT_S = 60.0
OURS = ("playhead-subscription", "playhead-heartbeat")

# Follows a session whose Redis then goes away, and ends without closing anything.
FORGETFUL = """
import asyncio, sys
from playhead import Session

async def main(session):
    items = session.subscribe_async("c")
    await anext(items)
    asking = asyncio.ensure_future(anext(items))
    await asyncio.sleep(0)
    print("here", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    asking.cancel()

asyncio.run(main(Session(*sys.argv[1:])))
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
    wait_until(lambda: not threads(), what="the threads of subscriptions to end")


class Gate:
    """Where the thread of a subscription waits with an answer of the server that it has got already."""

    def __init__(self) -> None:
        self.closed = False
        self.reached = threading.Event()
        self.opened = threading.Event()

    def pass_through(self) -> None:
        if self.closed:
            self.reached.set()
            self.opened.wait(TIMEOUT_S)

    def open(self) -> None:
        self.closed = False
        self.opened.set()


def guarded(gate: Gate, exchange: Callable[[Halves], Any]) -> Callable[[Halves], Any]:
    def call(halves: Halves) -> Any:
        answer = exchange(halves)
        gate.pass_through()
        return answer

    return call


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    for name in ("_exchange", "_save_and_await"):
        monkeypatch.setattr(Halves, name, guarded(gate, getattr(Halves, name)))
    yield gate
    gate.open()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a test in an event loop of its own."""
    asyncio.run(asyncio.wait_for(main, TIMEOUT_S))


def threads() -> list[str]:
    """The threads that belong to subscriptions."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(OURS)]


async def until(condition: Callable[[], object]) -> None:
    """Waits for a condition, and lets the loop go on."""
    while not condition():
        await asyncio.sleep(POLL_S)


async def entries(messages: AsyncSubscription, count: int) -> list[str]:
    return [(await anext(messages)).entry for _ in range(count)]


async def asked(messages: AsyncSubscription, there: Callable[[], object]) -> asyncio.Task[Any]:
    """A task that asks for the next item, once it has come so far."""
    task = asyncio.ensure_future(anext(messages))
    await until(there)
    assert not task.done()
    return task


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def halves_of(messages: AsyncSubscription) -> Halves:
    assert messages._halves is not None
    return messages._halves


def test_items_and_reads_are_those_of_the_blocking_form(tape: Tape, session: Session) -> None:
    tape.ticks(20)
    tape.event("nonsense")
    tape.add_symbol("RIVN")
    tape.tick("MSFT")
    tape.tick("MSFT", "RIVN")
    tape.event("consumer-dropped", consumer="slow")
    tape.finish()

    def seen(item: Message, position: str) -> tuple[object, ...]:
        symbols = session.symbols()
        own = list(item.bars()) if isinstance(item, Tick) else item
        return own, position, session.clock(), symbols, [session.bars(symbol) for symbol in symbols or ()]

    with session.subscribe(from_start=True) as items:
        expected = [seen(item, items.position) for item in items]

    async def main() -> None:
        async with session.subscribe_async(from_start=True) as items:
            assert [seen(item, items.position) async for item in items] == expected
            assert items.skipped == 1

    run(main())
    assert len(expected) == 25


def test_nothing_later_than_the_item_in_hand_is_seen_though_it_has_been_read_already(
    tape: Tape, session: Session
) -> None:
    tape.ticks(5)

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            assert len(session.bars("AAPL") or ()) == 5  # a snapshot: nothing was handed out yet
            for count in range(1, 6):
                item = await anext(items)
                assert len(session.bars("AAPL") or ()) == count
                assert await items.call(session.bars, "MSFT") == session.bars("MSFT")
                assert item.clock_ms == session.clock() == items.clock_ms

    run(main())


def test_an_item_that_came_for_a_cancelled_await_is_neither_lost_nor_seen_before_its_time(
    tape: Tape, session: Session, gate: Gate
) -> None:
    ids = tape.ticks(1)

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            assert await entries(items, 1) == ids
            assert len(session.bars("AAPL") or ()) == 1
            later = tape.ticks(2)
            gate.closed = True
            await cancelled(await asked(items, gate.reached.is_set))
            gate.open()
            await until(lambda: halves_of(items)._entries)
            assert items.position == ids[0]
            assert len(session.bars("AAPL") or ()) == 1
            assert await entries(items, 2) == later
            assert len(session.bars("AAPL") or ()) == 3

    run(main())


def test_an_error_that_came_for_a_cancelled_await_is_raised_at_the_next(
    tape: Tape, session: Session, gate: Gate
) -> None:
    ids = tape.ticks(1)

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            assert await entries(items, 1) == ids
            tape.set(history="another")
            gate.closed = True
            await cancelled(await asked(items, gate.reached.is_set))
            gate.open()
            with pytest.raises(HistoryLost, match="made anew"):
                await anext(items)
            assert items.closed
            assert [item async for item in items] == []

    run(main())


def test_wherever_it_is_cancelled_every_item_comes_once_and_in_order(tape: Tape, session: Session) -> None:
    count, chance = 600, random.Random(24)
    ids: list[str] = []
    writer = threading.Thread(target=lambda: ids.extend(tape.tick() for _ in range(count)))
    found: list[str] = []
    cancellations = 0

    async def main() -> None:
        nonlocal cancellations
        async with session.subscribe_async("c") as items:
            while len(found) < count:
                assert writer.is_alive() or len(ids) == count
                task = asyncio.ensure_future(anext(items))
                for _ in range(chance.choice((0, 1, 2, 3, 10, 100))):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    found.append((await task).entry)
                except asyncio.CancelledError:
                    cancellations += 1
                    assert items.position == (found[-1] if found else "0-0")

    writer.start()
    run(main())
    writer.join()
    assert found == ids
    assert cancellations > 50


def test_a_time_limit_on_an_item_leaves_the_next_one_to_be_asked_for(tape: Tape, session: Session) -> None:
    async def main() -> None:
        async with session.subscribe_async("c") as items:
            for _ in range(3):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(items), 0.01)
            entry = tape.tick()
            assert (await asyncio.wait_for(anext(items), TIMEOUT_S)).entry == entry

    run(main())


def test_two_subscriptions_in_one_loop_do_not_wait_for_each_other(tape: Tape, session: Session, redis_url: str) -> None:
    ids = tape.ticks(30)
    release = threading.Event()

    async def busy() -> list[str]:
        async with session.subscribe_async("busy") as items:
            first = (await anext(items)).entry
            await items.call(release.wait, TIMEOUT_S)
            return [first, *[item.entry async for item in items]]

    async def main() -> None:
        with Session(session.name, redis_url) as other:
            async with asyncio.TaskGroup() as group, other.subscribe_async("quick") as items:
                task = group.create_task(busy())
                assert await entries(items, 30) == ids
                waiting = await asked(items, lambda: True)
                last = [tape.tick(), tape.finish()]
                assert (await waiting).entry == last[0]
                assert [item.entry async for item in items] == last[1:]
                assert not task.done()
                release.set()
            assert task.result() == ids + last

    run(main())


def test_the_loop_goes_on_while_there_is_nothing_to_hand_out(tape: Tape, session: Session) -> None:
    steps = 0

    async def step() -> None:
        nonlocal steps
        while True:
            steps += 1
            await asyncio.sleep(0)

    async def main() -> None:
        stepping = asyncio.ensure_future(step())
        async with session.subscribe_async("c") as items:
            before = steps
            task = await asked(items, lambda: steps > before + 1_000)
            entry = tape.tick()
            assert (await task).entry == entry
        await cancelled(stepping)

    run(main())


def test_the_loop_goes_on_between_items_that_are_at_hand_already(tape: Tape, session: Session) -> None:
    ids = tape.ticks(200)
    tape.finish()
    steps = 0

    async def step() -> None:
        nonlocal steps
        while True:
            steps += 1
            await asyncio.sleep(0)

    async def main() -> None:
        stepping = asyncio.ensure_future(step())
        seen = [steps async for _ in session.subscribe_async(from_start=True)]
        assert len(set(seen)) == len(seen) == len(ids) + 1
        await cancelled(stepping)

    run(main())


def test_no_item_is_lost_and_the_loop_goes_on_while_redis_is_away(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    tape = Tape(own_server.url, "away").create().begin()
    ids = tape.ticks(3)

    async def main() -> None:
        with Session("away", own_server.url) as session:
            async with session.subscribe_async("c") as items:
                assert await entries(items, 3) == ids
                task = asyncio.ensure_future(anext(items))
                await asyncio.to_thread(own_server.kill)
                await until(lambda: "waiting for it" in caplog.text)
                await cancelled(task)
                task = asyncio.ensure_future(anext(items))
                await asyncio.to_thread(own_server.restart)
                entry = tape.tick()
                assert (await task).entry == entry
                await items.acknowledge()
                assert tape.cursor("c") == entry

    run(main())
    tape.close()


def test_a_reader_without_patience_is_told_that_redis_is_away_and_keeps_its_place(own_server: RedisServer) -> None:
    tape = Tape(own_server.url, "away").create().begin()
    ids = tape.ticks(2)

    async def main() -> None:
        with Session("away", own_server.url) as session:
            async with session.subscribe_async("c", patience_s=0) as items:
                assert await entries(items, 2) == ids
                own_server.kill()
                with pytest.raises(RedisUnavailable):
                    await anext(items)
                assert not items.closed
                own_server.restart()
                entry = tape.tick()
                assert (await anext(items)).entry == entry

    run(main())
    tape.close()


def test_closing_does_not_wait_for_a_redis_that_is_away(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    tape = Tape(own_server.url, "away").create().begin()
    ids = tape.ticks(2)

    async def main() -> None:
        with Session("away", own_server.url) as session:
            async with session.subscribe_async("c") as items:
                assert await entries(items, 2) == ids
                task = asyncio.ensure_future(anext(items))
                own_server.kill()
                await until(lambda: "waiting for it" in caplog.text)
                await cancelled(task)
            assert items.closed

    asyncio.run(asyncio.wait_for(main(), 20))
    wait_until(lambda: not threads(), what="the threads to end")
    assert "was not saved" in caplog.text
    tape.close()


def test_opening_that_is_cancelled_while_redis_is_away_leaves_nothing(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    Tape(own_server.url, "away").create().begin().close()

    async def main() -> None:
        with Session("away", own_server.url) as session:
            own_server.kill()
            items = session.subscribe_async("c")
            task = asyncio.ensure_future(items.__aenter__())
            await until(lambda: "waiting for it" in caplog.text)
            await cancelled(task)
            await until(lambda: not threads())

    run(main())


def test_an_interpreter_ends_though_a_forgotten_subscription_waits_for_a_redis_that_is_away(
    own_server: RedisServer,
) -> None:
    tape = Tape(own_server.url, "away").create().begin()
    tape.tick()
    tape.close()
    command = [sys.executable, "-c", FORGETFUL, "away", own_server.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        own_server.kill()
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors.decode()


def test_an_item_is_done_when_the_next_one_is_asked_for_and_not_before(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            async for item in items:
                if item.entry == ids[1]:
                    break
        assert tape.cursor("c") == ids[0]
        async with session.subscribe_async("c") as items:
            assert await entries(items, 2) == ids[1:]
            await cancelled(await asked(items, lambda: tape.cursor("c") == ids[2]))
        entry = tape.tick()
        async with session.subscribe_async("c") as items:
            assert len(session.bars("AAPL") or ()) == 3  # resumed: as of the saved position
            assert (await anext(items)).entry == entry

    run(main())


def test_an_item_that_was_acknowledged_is_not_handed_out_again(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            assert await entries(items, 1) == ids[:1]
            await items.acknowledge()
            assert tape.cursor("c") == ids[0]
        async with session.subscribe_async("c") as items:
            assert await entries(items, 2) == ids[1:]

    run(main())


def test_a_transaction_is_applied_with_the_position_and_not_at_all_after_an_error(tape: Tape, session: Session) -> None:
    ids = tape.ticks(3)
    out = f"{tape.keys.state}:out"

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            with pytest.raises(InvalidInput, match="no item in hand"):
                async with items.transaction():
                    pass
            first = await anext(items)
            async with items.transaction() as output:
                output.rpush(out, first.entry)
            assert tape.cursor("c") == ids[0]
            with pytest.raises(InvalidInput, match="already"):
                async with items.transaction() as output:
                    output.rpush(out, "twice")
            second = await anext(items)
            with pytest.raises(ZeroDivisionError):
                async with items.transaction() as output:
                    output.rpush(out, 1 / 0 if second else "")
        assert tape.cursor("c") == ids[0]
        async with session.subscribe_async("c") as items:
            async for item in items:
                async with items.transaction() as output:
                    output.rpush(out, item.entry)
                if item.entry == ids[-1]:
                    break

    run(main())
    assert [text(entry) for entry in tape.client.lrange(out, 0, -1)] == ids
    tape.client.delete(out)


def test_a_transaction_whose_end_was_cancelled_is_applied_whole_before_the_next_item(
    tape: Tape, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = tape.ticks(2)
    out = f"{tape.keys.state}:out"
    entered, release = threading.Event(), threading.Event()

    async def write(items: AsyncSubscription, entry: str) -> None:
        async with items.transaction() as output:
            output.rpush(out, entry)

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            first = await anext(items)
            consumer = halves_of(items)._consumer
            assert consumer is not None
            commit = consumer.commit

            def slow(*args: Any) -> None:
                entered.set()
                release.wait(TIMEOUT_S)
                commit(*args)

            monkeypatch.setattr(consumer, "commit", slow)
            task = asyncio.ensure_future(write(items, first.entry))
            await until(entered.is_set)
            await cancelled(task)
            following = asyncio.ensure_future(anext(items))
            assert items.position == ids[0]
            release.set()
            assert (await following).entry == ids[1]
            assert tape.cursor("c") == ids[0]

    run(main())
    assert [text(entry) for entry in tape.client.lrange(out, 0, -1)] == ids[:1]
    tape.client.delete(out)


def test_a_call_runs_beside_the_loop_and_answers_as_the_function_does(tape: Tape, session: Session) -> None:
    tape.tick()

    def fail() -> None:
        raise ZeroDivisionError("nothing to divide")

    def end() -> None:
        raise StopIteration

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            await anext(items)
            assert await items.call(session.bars, "AAPL", interval="1m") == bars_for(
                "AAPL", [tape.clock_ms - MINUTE_MS]
            )
            assert await items.call(lambda: threading.current_thread().name) == "playhead-subscription-c"
            with pytest.raises(ZeroDivisionError, match="nothing to divide"):
                await items.call(fail)
            with pytest.raises(RuntimeError, match="StopIteration"):
                await items.call(end)

    run(main())


def test_the_next_item_waits_for_a_call_whose_await_was_cancelled(tape: Tape, session: Session) -> None:
    ids = tape.ticks(2)
    entered, release = threading.Event(), threading.Event()
    read: list[int] = []

    def work() -> None:
        entered.set()
        release.wait(TIMEOUT_S)
        read.append(len(session.bars("AAPL") or ()))

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            assert await entries(items, 1) == ids[:1]
            task = asyncio.ensure_future(items.call(work))
            await until(entered.is_set)
            await cancelled(task)
            following = await asked(items, lambda: True)
            release.set()
            assert (await following).entry == ids[1]
            assert read == [1]

    run(main())


def test_the_end_of_the_session_ends_the_loop_and_closes(tape: Tape, session: Session) -> None:
    ids = [tape.tick(), tape.finish()]

    async def main() -> None:
        items = session.subscribe_async("c")
        assert [item.entry async for item in items] == ids
        assert items.closed
        assert tape.cursor("c") == ids[-1]
        assert [item async for item in items] == []
        await until(lambda: not threads())
        assert [item async for item in session.subscribe_async("c")] == []

    run(main())
    wait_until(lambda: not threads(), what="the threads to end")


def test_a_failed_session_is_an_error_after_its_event_was_handed_out(tape: Tape, session: Session) -> None:
    ids = [tape.tick(), tape.fail("the disk is full")]

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            assert await entries(items, 1) == ids[:1]
            assert isinstance(await anext(items), SessionFailure)
            with pytest.raises(SessionFailed, match="the disk is full"):
                await anext(items)
            assert items.closed

    run(main())


@pytest.mark.parametrize("name", ["c", None])
def test_a_session_that_is_deleted_while_it_is_followed_is_said_to_be_gone(
    tape: Tape, session: Session, name: str | None
) -> None:
    async def main() -> None:
        async with session.subscribe_async(name) as items:
            tape.tick()
            await anext(items)
            await items.call(session.delete)
            with pytest.raises(SessionNotFound):
                await anext(items)
            assert items.closed

    run(main())


def test_a_reader_whose_next_items_are_gone_is_told_so(tape: Tape, session: Session) -> None:
    ids = tape.ticks(20)

    async def main() -> None:
        async with session.subscribe_async(from_start=True) as items:
            await anext(items)
            tape.trim(ids[15])
            with pytest.raises(ConsumerFellBehind, match=ids[15]):
                async for _ in items:
                    pass

    run(main())


def test_a_name_has_one_living_holder_and_is_free_as_soon_as_that_has_closed(
    tape: Tape, session: Session, redis_url: str
) -> None:
    ids = tape.ticks(2)

    async def main() -> None:
        with Session(session.name, redis_url) as other:
            async with session.subscribe_async("c") as items:
                assert await entries(items, 1) == ids[:1]
                with pytest.raises(ConsumerNameTaken, match="living process"):
                    await other.subscribe_async("c").__aenter__()
                with pytest.raises(ConsumerNameTaken, match="living process"):
                    await asyncio.to_thread(other.subscribe, "c")
                assert await entries(items, 1) == ids[1:]
            assert tape.client.hget(tape.keys.consumers, "c") == b"0"
            async with other.subscribe_async("c") as theirs:
                assert await entries(theirs, 1) == ids[1:]

    run(main())


def test_a_consumer_that_lost_its_name_is_told_so_though_items_are_at_hand(tape: Tape, session: Session) -> None:
    tape.ticks(5)

    async def main() -> None:
        async with session.subscribe_async("c") as items:
            await anext(items)
            assert halves_of(items)._entries
            tape.client.hset(tape.keys.consumer("c"), "holder", "another")
            await until(lambda: not any(name.startswith("playhead-heartbeat") for name in threads()))
            with pytest.raises(ConsumerNameTaken):
                await anext(items)
            assert items.closed

    run(main())
    assert tape.client.hget(tape.keys.consumer("c"), "holder") == b"another"


def test_closing_ends_the_loop_of_a_task_that_waits(tape: Tape, session: Session) -> None:
    ids = tape.ticks(1)

    async def main() -> None:
        found: list[str] = []
        items = session.subscribe_async("c")

        async def follow() -> None:
            async for item in items:
                found.append(item.entry)  # noqa: PERF401  # what came before the end is wanted

        task = asyncio.ensure_future(follow())
        await until(lambda: found)
        await items.aclose()
        await task
        assert found == ids
        assert tape.cursor("c") == ids[0]
        await items.aclose()
        assert not any(thread.startswith("playhead-heartbeat") for thread in threads())

    run(main())
    wait_until(lambda: not threads(), what="the thread to end")


def test_a_cancelled_task_closes_what_it_follows(tape: Tape, session: Session) -> None:
    ids = tape.ticks(1)
    found: list[str] = []

    async def follow() -> None:
        async with session.subscribe_async("c") as items:
            async for item in items:
                found.append(item.entry)  # noqa: PERF401  # what came before the end is wanted

    async def main() -> None:
        task = asyncio.ensure_future(follow())
        await until(lambda: found)
        await cancelled(task)
        assert tape.client.hget(tape.keys.consumers, "c") == b"0"

    run(main())
    assert tape.cursor("c") in ("0-0", ids[0])  # done, if it had come to ask for the next one
    wait_until(lambda: not threads(), what="the thread to end")


def test_opening_that_is_cancelled_gives_the_name_back(tape: Tape, session: Session, redis_url: str) -> None:
    tape.client.hset(tape.keys.consumer("c"), mapping={"cursor": "0-0", "history": tape.history, "holder": "dead"})
    seconds, _ = tape.client.time()
    tape.client.hset(tape.keys.consumers, "c", str(seconds * 1000))  # a holder that died just now

    async def main() -> None:
        task = asyncio.ensure_future(session.subscribe_async("c").__aenter__())
        await until(threads)
        await cancelled(task)
        await until(lambda: not threads())
        with Session(session.name, redis_url) as other:
            async with other.subscribe_async("c"):
                pass

    run(main())


def test_a_subscription_that_was_forgotten_leaves_no_thread(tape: Tape, redis_url: str) -> None:
    tape.tick()

    async def main() -> None:
        session = Session(tape.keys.session, redis_url)
        items = session.subscribe_async("c")
        await anext(items)
        assert len(threads()) == 2

    run(main())
    gc.collect()
    wait_until(lambda: not threads(), what="the threads to end")


def test_a_session_has_one_subscription_of_either_form_at_a_time(tape: Tape, session: Session) -> None:
    async def main() -> None:
        second = session.subscribe_async()
        async with session.subscribe_async():
            for refused in (session.subscribe, session.subscribe_async):
                with pytest.raises(InvalidInput, match="has a subscription already"):
                    refused()
            with pytest.raises(InvalidInput, match="has a subscription already"):
                await second.__aenter__()
            assert second.closed
        session.subscribe().close()
        async with session.subscribe_async():
            pass

    run(main())


def test_what_cannot_be_asked_of_a_subscription_is_said(tape: Tape, session: Session) -> None:
    async def main() -> None:
        items = session.subscribe_async("c")
        with pytest.raises(InvalidInput, match="not open yet"):
            _ = items.position
        async with items:
            assert (items.name, items.position, items.clock_ms, items.skipped) == ("c", "0-0", 0, 0)
            task = await asked(items, lambda: items._asking)
            with pytest.raises(InvalidInput, match="one task follows"):
                await anext(items)
            entry = tape.tick()
            assert (await task).entry == items.position == entry
        for use in (lambda: items.call(session.bars, "AAPL"), items.acknowledge, items.__aenter__):
            with pytest.raises(InvalidInput, match="closed"):
                await use()
        never_opened = session.subscribe_async("c")
        await never_opened.aclose()
        assert never_opened.closed
        assert items.position == entry

    run(main())


def test_the_connections_of_a_subscription_end_with_it(tape: Tape, session: Session, redis_url: str) -> None:
    tape.tick()

    def connections() -> int:
        with connect(redis_url) as client:
            return len([each for each in client.client_list() if each["name"] == "" and each["cmd"] != "client|list"])

    async def main() -> None:
        before = connections()
        async with session.subscribe_async("c") as items:
            await anext(items)
            assert connections() > before
        await until(lambda: connections() <= before)

    run(main())
