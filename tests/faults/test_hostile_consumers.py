"""Consumers of a session whose keys another hand writes to: they are handed what it emits, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from playhead.errors import HistoryLost, Malformed
from playhead.keys import Keys
from playhead.messages import Message, decode
from playhead.session import Session
from tests.support.disturbed import CONFIG, ENTRIES, LIMITS, SHARE, fuzz, write
from tests.support.hostile import entry_ids, fields, raw
from tests.support.in_process import InProcess
from tests.support.tally import Tally
from tests.support.waiting import wait_until

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # its inputs are long
NAME = "study"
ACKS = ({b"consumer": NAME.encode(), b"cursor": b"1751463000000-0"},)
SCORES = st.floats(allow_nan=False) | st.sampled_from([0.0, 1_751_470_000_000.0])


@pytest.fixture
def run(redis_url: str, session_name: str) -> Iterator[InProcess]:
    config = replace(CONFIG, lead=50, expect=(NAME,))
    with closing(InProcess(redis_url, session_name, config, **LIMITS)) as session:
        yield session


class Reader:
    """A registered consumer in a thread of its own."""

    def __init__(self, url: str, name: str) -> None:
        self.session = Session(name, url)
        self.subscription = self.session.subscribe(NAME)
        self.taken: list[Message] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        try:
            self.taken.extend(self.subscription)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()


def spoil(run: InProcess, what: int, entry: str, some: bytes, found: Any) -> bool:
    """Writes something to one of the keys that consumers have to do with. False where the server has refused it."""
    keys, client = run.keys, run.client
    try:
        match what:
            case 0:
                return write(run, keys.notifications, entry, found)
            case 1:
                return write(run, keys.acks, entry, found)
            case 2:
                client.hset(keys.consumers, some.decode(errors="replace") or "other", entry)
            case 3:
                client.hset(keys.consumer("other"), "cursor", some)
                client.hset(keys.consumers, "other", some)
            case 4:
                client.zadd(keys.schedule, {some: float(len(some))})
            case _:
                client.hset(keys.scheduled, "@7", some)
    except (ResponseError, UnicodeEncodeError):
        return False
    return True


@pytest.mark.timeout(0)
def test_a_consumer_is_handed_what_the_session_emits_whatever_another_hand_writes(
    run: InProcess, redis_url: str, tally: Tally
) -> None:
    run.poll(2)
    reader = Reader(redis_url, run.keys.session)
    kinds = ("notifications", "acknowledgements", "heartbeats", "cursors", "schedules", "scheduled commands")

    def disturb(given: list[tuple[int, tuple[str, Any], bytes, Any]]) -> None:
        for what, (entry, found), some, ack in given:
            done = spoil(run, what, entry, some, ack if what == 1 else found)
            tally.count(f"{kinds[what]} for a consumer", "skipped" if done else "refused")
        run.poll(3)

    inputs = st.tuples(st.integers(0, 5), ENTRIES, raw() | entry_ids(), fields(ACKS))
    fuzz(disturb, inputs, SHARE)
    run.run(lambda: b"user" in run.client.smembers(run.keys.holds), "the stop")
    run.finish()
    wait_until(lambda: reader.over, 30, "the end of the consumer")
    assert reader.error is None
    entries: Any = run.client.xrange(run.keys.notifications)
    assert [each.entry for each in reader.taken] == [decode(entry, found).entry for entry, found in entries]
    assert [each.type for each in reader.taken] == [found[b"type"].decode() for _, found in entries]


@pytest.mark.parametrize(
    ("cursor", "error", "said"),
    [("poison", Malformed, "no position"), ("", Malformed, "no position"), ("99999999999999-0", HistoryLost, "lost")],
)
def test_a_consumer_with_a_spoilt_cursor_ends_with_a_clear_error(
    run: InProcess, redis_url: str, cursor: str, error: type[Exception], said: str
) -> None:
    run.poll(2)
    history = run.client.hget(run.keys.state, "history") or b""
    record: Any = {"cursor": cursor, "history": history, "holder": ""}
    run.client.hset(Keys(run.keys.session).consumer(NAME), mapping=record)
    with Session(run.keys.session, redis_url) as session, pytest.raises(error, match=said):
        next(session.subscribe(NAME))
