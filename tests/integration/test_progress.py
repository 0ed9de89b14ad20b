"""What is seen on a terminal while something takes its time: an addition, and a session of many days."""

from __future__ import annotations

import re

import pytest

from playhead.session import Session
from tests.support.system import Gate, System, wait_for
from tests.support.terminal import Terminal
from tests.support.waiting import wait_until

CTRL_C = b"\x03"
DAYS = ("--symbols", "RIVN", "--date", "2025-07-02", "--end", "2025-07-30")


def typing(system: System, *line: str, columns: int = 80, lines: int = 24) -> Terminal:
    environment = system.services.environment | {"PLAYHEAD_SESSION": system.name, "PLAYHEAD_REDIS_URL": system.url}
    return Terminal(*line, environment=environment, columns=columns, lines=lines)


def starting(system: System, *options: str, columns: int = 80) -> Terminal:
    return typing(system, "session", "start", "--id", system.name, *DAYS, *options, columns=columns)


def test_an_addition_shows_its_steps_and_then_the_receipt_alone(system: System) -> None:
    system.start()
    gate = Gate(system.directory)
    with typing(system, "data", "add-symbol", "AAPL", "MSFT", "--source", gate.uri) as terminal:
        screen = terminal.shows("loading AAPL, MSFT: 0 of 2")
        assert re.search(r"✓ paused at 12:06, for \d\.\d s\n✓ session data deactivated\n", screen)
        assert screen.rstrip().endswith("commit all at once\n  reactivate and resume")
        gate.open()
        assert terminal.ended() == 0
        lines = [line for line in terminal.lines if line]
        assert lines[0] == f"session {system.name}: AAPL, MSFT added at 12:06"
        assert lines[1].split() == ["SYMBOL", "LOADED", "WRITTEN", "QUEUED", "DROPPED", "MISSING", "HELD"]
        assert len(lines) == 4
        assert terminal.shows_cursor()


def test_an_addition_that_no_worker_takes_says_so(system: System) -> None:
    system.start()
    with system.services.suspended("worker"):
        terminal = typing(system, "data", "add-symbol", "AAPL")
        terminal.shows("waiting for a worker to load AAPL")
    with terminal:
        assert terminal.ended() == 0


def test_an_addition_behind_another_one_says_which_comes_first(system: System) -> None:
    system.start()
    gate = Gate(system.directory)
    with typing(system, "data", "add-symbol", "AAPL", "--source", gate.uri) as first:
        first.shows("loading AAPL")
        with typing(system, "data", "add-symbol", "MSFT", columns=60) as second:
            second.shows("waiting for the addition of AAPL, which comes first")
            gate.open()
            assert (first.ended(), second.ended()) == (0, 0)


def test_an_addition_that_is_given_up_on_with_ctrl_c_leaves_the_terminal_as_it_was(system: System) -> None:
    system.start()
    gate = Gate(system.directory)
    with typing(system, "data", "add-symbol", "AAPL", "--source", gate.uri) as terminal:
        terminal.shows("loading AAPL")
        terminal.press(CTRL_C)
        assert terminal.ended() == 130
        assert terminal.shows_cursor()
        gate.open()


@pytest.mark.parametrize("as_json", [False, True])
def test_in_a_pipe_an_addition_prints_its_receipt_and_nothing_else(system: System, as_json: bool) -> None:
    system.start()
    outcome = system.cli("data", "add-symbol", "AAPL", *(["--json"] if as_json else []))
    assert (outcome.code, outcome.err) == (0, "")
    assert len(outcome.out.splitlines()) == (1 if as_json else 3)
    assert "\x1b" not in outcome.out


def test_a_session_of_many_days_is_followed_with_days_percent_and_the_time_left(system: System) -> None:
    with starting(system, "--speed", "20000") as terminal:
        screen = terminal.shows("day 2 of 20", " left")
        assert re.search(r"2025-07-0\d +[━╸╺ ]+ +\d+% day 2 of 20 [\d:-]+ left", screen)
        with Session(system.name, system.url) as session:
            session.set_speed("max")
            wait_for(session, "finished")
            assert terminal.ended() == 0
            assert re.search(r"100% day 20 of 20 [\d:]+ taken", terminal.text)
            session.delete()


def test_ctrl_c_leaves_the_session_running_and_says_so(system: System) -> None:
    with starting(system, "--speed", "600", columns=100) as terminal:
        terminal.shows("day 1 of 20")
        terminal.press(CTRL_C)
        assert terminal.ended() == 130
        assert f"session {system.name} goes on; to see how far it is" in terminal.text
        with Session(system.name, system.url) as session:
            before = session.clock()
            wait_until(lambda: session.clock() != before, what="the clock to move")
            session.delete()


def test_where_it_is_to_stop_it_is_not_followed_any_further(system: System) -> None:
    with starting(system, "--run-until", "2025-07-03 10:00") as terminal:
        assert terminal.ended() == 0
        assert "paused (user)" in terminal.text
    with Session(system.name, system.url) as session:
        session.delete()


def test_with_no_follow_it_is_started_and_no_more(system: System) -> None:
    with starting(system, "--no-follow") as terminal:
        assert terminal.ended() == 0
        assert "started: RIVN" in terminal.text
        assert "day 1" not in terminal.text
    with Session(system.name, system.url) as session:
        session.delete()


def test_a_script_is_not_blocked_by_a_session_of_many_days_unless_it_asks_for_that(system: System) -> None:
    started = system.cli("session", "start", "--id", system.name, *DAYS, "--speed", "1")
    assert started.code == 0
    assert "running" in started.out
    with Session(system.name, system.url) as session:
        assert session.info() is not None
        session.delete()
    followed = system.cli("session", "start", "--id", system.name, *DAYS, "--follow")
    assert followed.code == 0
    assert followed.out.splitlines()[-1] == f"session {system.name} · finished · 2025-07-30 16:00"
    assert "day 20 of 20" in followed.out
    with Session(system.name, system.url) as session:
        session.delete()


def test_following_what_is_not_waited_for_is_refused(system: System) -> None:
    outcome = system.cli("session", "start", "--id", system.name, *DAYS, "--follow", "--no-wait")
    assert outcome.code == 1
    assert "give one" in outcome.err
