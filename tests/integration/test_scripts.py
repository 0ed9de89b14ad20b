"""Every script on a real server: fenced callers change nothing, and neither does a call that is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from coordinator.operation import NOTHING
from playhead.commands import Reply
from playhead.errors import Fenced, Malformed
from producer.feed import Opening
from shared.lease import Lease
from shared.ticks import window_end
from tests.support.bench import ATTEMPT, ENTRY, LIFETIME_MS, OPERATION, Bench
from tests.support.calls import CALLS, DAY_MS, MIDNIGHT_MS, begun, keep, opened
from workers.staging import Stale

LUA: Final = Path(__file__).resolve().parents[2] / "shared" / "lua"


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    yield bench
    bench.tape.close()


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


ENDED: Final = [(f"{MIDNIGHT_MS + DAY_MS}-1", window_end(MIDNIGHT_MS + DAY_MS, final=False))]
NEXT: Final = Opening(MIDNIGHT_MS + DAY_MS, MIDNIGHT_MS + 2 * DAY_MS, 2 * DAY_MS)


@pytest.mark.parametrize("knows", [True, False], ids=["known", "unknown-to-the-server"])
def test_a_window_that_ends_and_the_next_one_that_opens_are_as_two_calls(bench: Bench, knows: bool) -> None:
    opened(bench)
    if not knows:
        bench.client.script_flush()
    found = bench.feed.publish_and_open("0-0", ENDED, NEXT)
    after = bench.dump()
    assert found == (bench.load().clock_ms, bench.feed.open_window(*NEXT))
    assert bench.feed.publish("0-0", ENDED) == found[0]
    assert bench.feed.publish_and_open("0-0", ENDED, NEXT) == found
    assert bench.dump() == after


def test_a_window_ends_also_where_the_next_one_may_not_open(bench: Bench) -> None:
    opened(bench)
    bench.client.sadd(bench.keys.holds, "somebody")
    assert bench.feed.publish_and_open("0-0", ENDED, NEXT)[1] == "wait"
    assert bench.feed.last_entry() == ENDED[0][0]


def test_who_was_replaced_ends_no_window_and_opens_none(bench: Bench) -> None:
    opened(bench)
    bench.take_over()
    before = bench.dump()
    with pytest.raises(Fenced, match="another producer"):
        bench.feed.publish_and_open("0-0", ENDED, NEXT)
    assert bench.dump() == before


def test_of_two_calls_in_one_way_the_one_that_cannot_be_says_why(bench: Bench) -> None:
    opened(bench)
    bench.client.hset(bench.keys.state, "end_ms", "never")
    with pytest.raises(Malformed, match="end_ms, which is no number"):
        bench.feed.publish_and_open("0-0", ENDED, NEXT)
    assert bench.feed.last_entry() == ENDED[0][0]
    assert bench.client.ping()


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


def test_who_takes_a_lease_says_its_version(bench: Bench) -> None:
    opened(bench)
    assert bench.state()["coordinator_version"] == bench.state()["producer_version"] == version("playhead")


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
