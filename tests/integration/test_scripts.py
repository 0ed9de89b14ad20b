"""Every script on a real server: fenced callers change nothing, and neither does a call that is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from coordinator.consumers import Consumers
from coordinator.digests import Digests
from coordinator.move import Move
from coordinator.operation import NOTHING
from coordinator.removal import Removals
from coordinator.state import State
from coordinator.store import USER_HOLD, Effect
from playhead.commands import Reply
from playhead.errors import Fenced
from recorder.recorder import Recorder
from shared.lease import Lease
from shared.settings import Settings
from shared.ticks import window_end
from shared.trouble import Trouble
from tests.support.bench import ATTEMPT, ENTRY, LIFETIME_MS, OPERATION, Bench
from tests.support.tape import CALENDAR, DAY, MINUTE_MS, OPEN_MS
from workers.staging import Stale

LUA: Final = Path(__file__).resolve().parents[2] / "shared" / "lua"
DAY_MS: Final = 86_400_000
MIDNIGHT_MS: Final = OPEN_MS // DAY_MS * DAY_MS
REPLY: Final = Reply("p1", "7-1", "ok", None, {"status": "paused"})
Act = Callable[[Bench], object]


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    yield bench
    bench.tape.close()


def nothing(bench: Bench) -> None:
    """A session that nobody has opened yet."""


def opened(bench: Bench) -> None:
    bench.open()
    bench.advance(2)


def ended(bench: Bench) -> None:
    bench.open()
    bench.to_the_end()


def begun(bench: Bench) -> None:
    bench.open()
    assert bench.begin() == "ok"


def staged(bench: Bench) -> None:
    begun(bench)
    bench.stage()


def keep(bench: Bench) -> bool:
    lease = bench.leases["coordinator"]
    lease._renew_at = 0.0  # as if the time had come
    return lease.keep()


def end(bench: Bench) -> str:
    """Commits; for a call that is repeated, as it was put together the first time."""
    found = bench.operations.load()
    vars(bench).setdefault("found", found)
    return bench.commit(vars(bench)["found"])


def publish(bench: Bench) -> int:
    return bench.feed.publish("0-0", [(f"{OPEN_MS}-1", window_end(OPEN_MS, final=False))])


def state_of(bench: Bench) -> State:
    """As the coordinator has read it before the first call."""
    found: State = vars(bench).setdefault("state", None) or bench.load()
    vars(bench)["state"] = found
    return found


def move(bench: Bench) -> str:
    from_ms = OPEN_MS + 2 * MINUTE_MS
    opening = [(CALENDAR, DAY)]
    return bench.store.advance(Move(from_ms, from_ms + MINUTE_MS, opening=opening, ticks_left=1, run_hash="hash"))


def silent(bench: Bench) -> None:
    """A consumer whose process has died."""
    opened(bench)
    bench.client.hset(bench.keys.consumers, "dead", bench.operations.server_ms() - 60_000)


def drop(bench: Bench) -> tuple[str, ...]:
    return Consumers(bench.store).drop(["dead"], bench.operations.server_ms() - 10_000)


def expected(bench: Bench) -> None:
    """A session that waits for a consumer, which is there."""
    opened(bench)
    bench.client.sadd(bench.keys.holds, "expect:vwap")
    bench.client.hset(bench.keys.consumers, "vwap", bench.operations.server_ms())


def remove(bench: Bench) -> str:
    reply = Reply("p1", "7-1", "ok", None, {"AAPL": {"status": "removed"}})
    return Removals(bench.store).remove(state_of(bench), ["AAPL"], reply, {"op": "remove-symbol", "id": "p1"})


def recorded(bench: Bench) -> None:
    """A session that somebody records."""
    opened(bench)
    bench.leases["recorder"] = bench.lease("recorder")


def report_recording(bench: Bench) -> None:
    url = "redis://nowhere"  # it is of no use here
    Recorder(bench.client, bench.leases["recorder"], Settings(url, url))._say("the disk is full")


def say_trouble(bench: Bench) -> None:
    Trouble(bench.leases["coordinator"]).say("no memory")


CALLS: Final[dict[str, tuple[Act, Act]]] = {
    "acquire": (opened, lambda bench: bench.leases["coordinator"].acquire() and bench.leases["coordinator"].token),
    "renew": (opened, keep),
    "open_session": (nothing, lambda bench: bench.open()),
    "open_window": (opened, lambda bench: bench.feed.open_window(MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS, DAY_MS)),
    "publish": (opened, publish),
    "advance": (opened, move),
    "answer": (opened, lambda bench: bench.store.answer("0-0", REPLY, Effect(place=USER_HOLD), {"op": "pause"})),
    "begin": (opened, lambda bench: bench.begin(clock_ms=OPEN_MS + 2 * MINUTE_MS)),
    "attempt": (begun, lambda bench: bench.operations.attempt(OPERATION, 0, ATTEMPT, "op-0-2")),
    "stage": (begun, lambda bench: bench.stage()),
    "commit": (staged, end),
    "finish": (ended, lambda bench: bench.finish()),
    "report_recording": (recorded, report_recording),
    "remove": (opened, remove),
    "digest": (opened, lambda bench: Digests(bench.store)._write([("XNYS:2025-07-02:1m", "{}")])),
    "fail": (opened, lambda bench: bench.store.fail("no bars")),
    "drop": (silent, drop),
    "meet": (expected, lambda bench: Consumers(bench.store).meet("vwap", 0)),
    "waiting": (opened, lambda bench: Consumers(bench.store).say_waiting(["slow"])),
    "trouble": (opened, say_trouble),
    "trim": (opened, lambda bench: bench.store.trim(state_of(bench), f"{OPEN_MS + MINUTE_MS}-0")),
}
# These are told apart from the others by their effect: see the tests below.
OTHERS: Final = {"release", "report"}
# Workers hold no lease; what fences them is their attempt.
OF_WORKERS: Final = {"stage", "report"}


def test_every_script_is_tested_here() -> None:
    assert {path.stem for path in LUA.glob("*.lua")} == {*CALLS, *OTHERS, "common"}


@pytest.mark.parametrize("name", [name for name in CALLS if name not in OF_WORKERS | {"acquire", "renew"}])
def test_a_call_under_an_old_token_is_refused_and_changes_nothing(bench: Bench, name: str) -> None:
    prepare, call = CALLS[name]
    prepare(bench)
    bench.take_over()
    before = bench.dump()
    with pytest.raises(Fenced):
        call(bench)
    assert bench.dump() == before


def test_the_call_of_an_old_producer_that_ends_the_session_is_refused_too(bench: Bench) -> None:
    opened(bench)
    bench.take_over()
    before = bench.dump()
    with pytest.raises(Fenced):
        bench.feed.fail("no bars")
    assert bench.dump() == before


@pytest.mark.parametrize("name", CALLS)
def test_a_call_whose_reply_was_lost_can_be_repeated(bench: Bench, name: str) -> None:
    prepare, call = CALLS[name]
    prepare(bench)
    before = bench.dump()
    calls = bench.store._calls
    first = call(bench)
    after = bench.dump()
    bench.store._calls = calls  # the same call of `advance`, and not the next one
    assert call(bench) == first
    assert bench.dump() == after
    if name not in ("acquire", "renew"):
        assert after != before


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("acquire", "renew")])
def test_no_call_brings_a_deleted_session_back(bench: Bench, name: str) -> None:
    prepare, call = CALLS[name]
    prepare(bench)
    if name == "commit":
        vars(bench)["found"] = bench.operation()
    bench.client.delete(*bench.dump())
    with pytest.raises(Exception, match=r"gone|another|refused|no longer"):
        call(bench)
    assert bench.dump() == {}


def test_a_lease_is_given_to_one_at_a_time_and_each_gets_a_higher_token(bench: Bench) -> None:
    first = bench.leases["coordinator"]
    second = Lease(bench.client, bench.keys, "coordinator", LIFETIME_MS)
    before = bench.dump()
    assert not second.acquire()
    second.release()
    assert bench.dump() == before
    first.release()
    assert second.acquire()
    assert int(second.token) > int(first.token)
    assert not keep(bench)
    assert bench.client.get(bench.keys.lease("coordinator")) == second.owner.encode()


def test_a_lease_that_ran_out_and_that_nobody_has_taken_is_renewed(bench: Bench) -> None:
    bench.client.delete(bench.keys.lease("coordinator"))
    assert keep(bench)
    assert bench.client.pttl(bench.keys.lease("coordinator")) > 0


def test_a_lease_of_a_session_that_was_deleted_is_not_renewed(bench: Bench) -> None:
    bench.client.delete(*bench.dump())
    assert not keep(bench)
    assert not Lease(bench.client, bench.keys, "coordinator", LIFETIME_MS).acquire()
    assert bench.dump() == {}


def test_an_old_attempt_reports_and_stages_nothing(bench: Bench) -> None:
    begun(bench)
    bench.operations.attempt(OPERATION, 0, ATTEMPT, "op-0-2")
    before = bench.dump()
    for act in (
        lambda: bench.stage(),
        lambda: bench.staging().report("alive"),
        lambda: bench.staging().report("failed", "why"),
        lambda: bench.staging().task(),
    ):
        with pytest.raises(Stale):
            act()
    assert bench.dump() == before


def test_an_attempt_stages_nothing_once_its_addition_is_over(bench: Bench) -> None:
    begun(bench)
    reply = Reply("c1", ENTRY, "rejected", "no", {})
    assert bench.operations.end(bench.operation(), NOTHING, reply, {}) == "ok"
    before = bench.dump()
    with pytest.raises(Stale):
        bench.stage()
    with pytest.raises(Stale):
        bench.staging().report("alive")
    assert bench.dump() == before
