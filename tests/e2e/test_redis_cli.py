"""Commands typed by hand: `redis-cli XADD` inside the container of Redis, and nothing else."""

from __future__ import annotations

from tests.e2e.support.story import NOON_MS, Story
from tests.support.tape import MINUTE_MS
from tests.support.waiting import wait_until

CLOSE_MS = NOON_MS + 234 * MINUTE_MS


def give(story: Story, *words: str) -> list[str]:
    """Gives a command, and returns its reply as `redis-cli` prints it: field, value, field, value."""
    entry = story.stack.redis_cli("XADD", story.keys.commands, "*", *words)

    def reply() -> list[str]:
        lines = story.stack.redis_cli("XREVRANGE", story.keys.replies, "+", "-", "COUNT", "1").splitlines()[1:]
        return lines if entry in lines else []

    wait_until(reply, 20, f"the reply to {' '.join(words)}")
    return reply()


def field(reply: list[str], name: str) -> str:
    return reply[reply.index(name) + 1]


def state(story: Story, name: str) -> str:
    return story.stack.redis_cli("HGET", story.keys.state, name)


def test_a_session_is_driven_to_its_end_by_xadd_lines_alone(story: Story) -> None:
    story.start("RIVN")
    assert field(give(story, "op", "add-symbol", "symbol", "AAPL,MSFT"), "status") == "ok"
    assert sorted(story.stack.redis_cli("HKEYS", story.keys.symbols).split()) == ["AAPL", "MSFT", "RIVN"]
    assert state(story, "clock_ms") == str(NOON_MS)

    assert field(give(story, "op", "step", "ticks", "2"), "status") == "ok"
    wait_until(lambda: state(story, "clock_ms") == str(NOON_MS + 2 * MINUTE_MS), 20, "two steps")
    assert field(give(story, "op", "run-until", "time", "12:30"), "status") == "ok"
    wait_until(lambda: state(story, "clock_ms") == str(NOON_MS + 24 * MINUTE_MS), 20, "12:30")

    assert field(give(story, "op", "speed", "speed", "1"), "status") == "ok"
    assert field(give(story, "op", "resume"), "status") == "ok"
    assert story.stack.redis_cli("SMEMBERS", story.keys.holds) == ""
    assert field(give(story, "op", "pause"), "status") == "ok"
    assert story.stack.redis_cli("SMEMBERS", story.keys.holds) == "user"

    give(story, "op", "speed", "speed", "max")
    give(story, "op", "resume")
    wait_until(lambda: state(story, "status") == "finished", 30, "the close")
    assert state(story, "clock_ms") == str(CLOSE_MS)
    assert len(story.dump()["AAPL"]) == 390


def test_an_id_that_is_given_twice_runs_once_and_has_one_answer(story: Story) -> None:
    story.start("RIVN")
    first = give(story, "op", "add-symbol", "symbol", "AAPL", "id", "mine")
    story.stack.redis_cli("XADD", story.keys.commands, "*", "op", "add-symbol", "symbol", "AAPL", "id", "mine")
    give(story, "op", "pause")  # it is answered after the repeated one
    replies = story.stack.redis_cli("XRANGE", story.keys.replies, "-", "+").splitlines()
    assert field(first, "status") == "ok"
    assert [replies[at + 1] for at, word in enumerate(replies) if word == "status"].count("rejected") == 0
    events = story.notifications()
    assert sum(fields[b"type"] == b"symbol-added" for _, fields in events) == 1


def test_a_hold_that_is_set_by_hand_stops_the_clock(story: Story) -> None:
    story.start("RIVN")
    story.stack.redis_cli("SADD", story.keys.holds, "mine")
    assert '"mine"' in field(give(story, "op", "resume"), "result")
    assert state(story, "clock_ms") == str(NOON_MS)
    story.stack.redis_cli("SREM", story.keys.holds, "mine")
    wait_until(lambda: state(story, "status") == "finished", 30, "the close")


def test_what_is_no_command_is_refused_with_a_reason_and_changes_nothing(story: Story) -> None:
    story.start("RIVN")
    before = story.dump()
    for words in (["op", "explode"], ["op", "add-symbol"], ["op", "add-symbol", "symbol", "../etc"], ["nonsense", "1"]):
        reply = give(story, *words)
        assert field(reply, "status") == "rejected"
        assert field(reply, "error")
    assert story.dump() == before
    assert state(story, "clock_ms") == str(NOON_MS)
