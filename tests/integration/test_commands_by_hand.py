"""Commands and holds typed with `redis-cli`, on the real system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from playhead.commands import Reply
from tests.support.dump import lasting
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.system import System, added, published, replies
from tests.support.tape import OPEN_MS
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def paused(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """RIVN at 12:06, and all of its day published: one session for all that may not change it."""
    with (
        own_sessions(services.url, __name__) as name,
        closing(System(services, name, tmp_path_factory.mktemp("by-hand"))) as system,
    ):
        services.wait_ready()
        system.start("RIVN")
        wait_until(lambda: published(system.client, system.keys()), 30, "the day to be published")
        yield system


def redis_cli(system: System, *words: str) -> None:
    """What `redis-cli` sends for these words."""
    system.client.execute_command(*words)  # type: ignore[no-untyped-call]  # in redis-py


def by_hand(system: System, *fields: str) -> list[Reply]:
    """Types `redis-cli XADD 'playhead:{…}:commands' '*' …` and gives all replies to it that come."""
    before = len(replies(system))
    redis_cli(system, "XADD", f"playhead:{{{system.name}}}:commands", "*", *fields)
    wait_until(lambda: len(replies(system)) > before, 30, "a reply")
    return replies(system)[before:]


def test_an_addition_typed_by_hand_is_carried_out_and_answered(system: System) -> None:
    session = system.start("RIVN")
    (reply,) = by_hand(system, "op", "add-symbol", "symbol", "AAPL,msft")
    assert (reply.id, reply.status, reply.error) == (reply.entry, "ok", None)
    assert sorted(reply.result) == ["AAPL", "MSFT"]
    assert session.symbols() == ("AAPL", "MSFT", "RIVN")
    assert len(added(system)) == 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (
            ["op", "add-simbol", "symbol", "AAPL"],
            "unknown op 'add-simbol'; the ops are add-symbol, remove-symbol, pause",
        ),
        (["symbol", "AAPL"], "field 'op' is missing"),
        (["op", "add-symbol"], "field 'symbol' is missing"),
        (["op", "add-symbol", "symbol", ""], "field 'symbol' is missing or empty"),
        (["op", "add-symbol", "symbol", "AAPL,"], "a symbol is empty"),
        (["op", "add-symbol", "symbol", "AAPL,aapl"], "given twice"),
        (["op", "add-symbol", "symbol", "../x"], "'../x' is not 1 to 32 of the characters"),
        (["op", "add-symbol", "symbol", "RIVN"], "RIVN is in session"),
        (["op", "add-symbol", "symbol", "AAPL", "calendar", "MARS"], "there is no market calendar 'MARS'"),
        (["op", "add-symbol", "symbol", "AAPL", "colour", "red"], "add-symbol has no field 'colour'"),
        (["op", "step", "ticks", "-1"], "ticks '-1' is not a whole number"),
        (["op", "run-until", "time", "noon"], "time 'noon' is neither"),
        (["op", "run-until", "time", "09:00"], "the clock reads 12:06:00 already"),
        (["op", "run-until", "time", "23:00"], "the session ends at"),
        (["op", "speed", "speed", "-3"], "speed '-3' is neither max nor a number above 0"),
        (["op", "pause", "for", "ever"], "pause has no field 'for'"),
    ],
)
def test_a_mistyped_command_gets_an_error_reply_and_changes_nothing(
    paused: System, fields: list[str], error: str
) -> None:
    before = lasting(paused.client, paused.keys())
    (reply,) = by_hand(paused, *fields)
    assert reply.status == "rejected"
    assert error in (reply.error or "")
    assert lasting(paused.client, paused.keys()) == before


def test_bytes_that_are_no_text_get_an_error_reply(paused: System) -> None:
    before = len(replies(paused))
    paused.client.xadd(paused.keys().commands, {b"op": b"\xff\xfe"})
    wait_until(lambda: len(replies(paused)) > before, 30, "a reply")
    assert replies(paused)[-1].error == "a field of the command is not UTF-8 text"


def test_a_hold_placed_by_hand_pauses_the_clock_and_its_removal_resumes(system: System) -> None:
    session = system.start("RIVN", run_until=None, speed=6_000)
    holds = f"playhead:{{{system.name}}}:holds"
    wait_until(lambda: (session.clock() or 0) > OPEN_MS, 30, "the first tick")
    redis_cli(system, "SADD", holds, "ops")
    clock_ms = session.clock()
    # The status in Redis follows when the coordinator has tried to move the clock and was refused.
    wait_until(lambda: system.client.hget(system.keys().state, "status") == b"paused", 30, "the refusal")
    assert session.clock() == clock_ms
    assert session.pause().result["holds"] == ["ops", "user"]
    assert session.resume().result["holds"] == ["ops"]
    assert session.clock() == clock_ms
    redis_cli(system, "SREM", holds, "ops")
    wait_until(lambda: (session.clock() or 0) > (clock_ms or 0), 30, "the clock to go on")
