"""`playhead watch` as a person sees it: on a terminal, in windows of several sizes, and in a pipe."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from playhead.config import SessionConfig, SymbolConfig
from playhead.session import Session
from shared.redis_server import RedisServer
from tests.support.services import Services
from tests.support.system import Gate, System, play_to_the_end, wait_for
from tests.support.terminal import TIMEOUT_S, Terminal
from tests.support.waiting import wait_until

CTRL_C, CTRL_Z = b"\x03", b"\x1a"


def watching(system: System, *options: str, columns: int = 80, lines: int = 24, term: str = "xterm") -> Terminal:
    environment = system.services.environment | {"PLAYHEAD_SESSION": system.name, "PLAYHEAD_REDIS_URL": system.url}
    return Terminal("watch", *options, environment=environment, columns=columns, lines=lines, term=term)


@pytest.fixture
def own_services(own_server: RedisServer, tmp_path: Path) -> Iterator[Services]:
    with Services(own_server.url, tmp_path) as running:
        running.start("coordinator", "producer")
        yield running


def test_the_screen_shows_clock_progress_symbols_and_who_holds_the_clock(system: System) -> None:
    system.start("RIVN", "AAPL")
    with watching(system) as terminal:
        screen = terminal.shows("12:06:00 America/New_York", "RIVN", "Ctrl-C")
        assert terminal.is_alternate()
        assert not terminal.shows_cursor()
        assert re.search(r"● paused · speed max .* 2 symbols", screen)
        assert re.search(r"40%  09:30 to 16:00", screen)
        assert "held by user" in screen
        assert re.search(r"AAPL +start +156 +12:06 +341\.88", terminal.shows("341.88"))
        terminal.press(CTRL_C)
        assert terminal.ended() == 130
        assert terminal.shows_cursor()
        assert not terminal.is_alternate()


def test_an_addition_is_said_and_shows_nothing_half(system: System) -> None:
    session = system.start()
    gate = Gate(system.directory)
    with watching(system) as terminal:
        terminal.shows("1 symbols", "RIVN")
        adding = system.begin_cli("data", "add-symbol", "AAPL,MSFT", "--source", gate.uri)
        screen = terminal.shows("adding AAPL, MSFT: loaded 0 of 2")
        assert "held for" in screen
        assert not re.search(r"^(AAPL|MSFT) ", screen, re.MULTILINE)
        assert re.search(r"^RIVN +start +151", screen, re.MULTILINE)
        gate.open()
        assert adding.ended().code == 0
        screen = terminal.shows("3 symbols")
        assert re.search(r"^AAPL +12:06 +156 +12:06", screen, re.MULTILINE)
        assert "adding" not in screen
        session.stop()
        assert terminal.ended() == 0
    assert "stopped" in terminal.text


def test_consumers_stand_with_their_position_and_lag(system: System) -> None:
    session = system.start()
    with session.subscribe("slow") as items, watching(system) as terminal:
        for _ in range(101):
            next(items)
        items.acknowledge()
        screen = terminal.shows("CONSUMER", "slow", "alive")
        assert re.search(r"slow +11:\d\d +\d\d ticks +alive", screen)
        terminal.press(CTRL_C)
        assert terminal.ended() == 130


def test_many_symbols_in_a_small_window_are_counted_and_a_larger_one_shows_more(system: System) -> None:
    system.start(*(f"S{number:03}" for number in range(60)))
    with watching(system, columns=50, lines=12) as terminal:
        screen = terminal.shows("S000", "more", "60 symbols")
        assert max(map(len, terminal.lines)) <= 50
        few = len(re.findall(r"\bS\d{3}\b", screen))
        terminal.resize(140, 40)
        screen = terminal.shows("S059", "Ctrl-C")
        assert len(re.findall(r"\bS\d{3}\b", screen)) == 60 > few > 2
        terminal.resize(30, 6)
        terminal.shows("● paused")
        terminal.press(CTRL_C)
        assert terminal.ended() == 130


def test_days_are_counted_where_there_are_several(system: System) -> None:
    config = SessionConfig((SymbolConfig("RIVN"),), date(2025, 7, 2), date(2025, 7, 10), run_until="2025-07-03 10:00")
    with Session.start(system.name, config, system.url) as session, watching(system) as terminal:
        wait_for(session, "paused")
        terminal.shows("2025-07-03  10:00:00", "day 2 of 6")


def test_the_screen_goes_with_the_session_and_a_line_stays(system: System) -> None:
    session = system.start()
    with watching(system) as terminal:
        terminal.shows("RIVN")
        play_to_the_end(session)
        assert terminal.ended() == 0
        assert f"session {system.name} · finished · 2025-07-02 16:00" in terminal.text
        assert terminal.shows_cursor()
    with watching(system) as terminal:  # of one that is over there is nothing to follow
        assert terminal.ended() == 0
        assert "nothing follows" in terminal.text


def test_a_signal_to_end_leaves_the_terminal_as_it_was(system: System) -> None:
    system.start()
    with watching(system) as terminal:
        terminal.shows("RIVN")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.ended() == 128 + signal.SIGTERM
        assert terminal.shows_cursor()
        assert not terminal.is_alternate()


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(system: System) -> None:
    system.start()
    with watching(system) as terminal:
        terminal.shows("RIVN")
        terminal.press(CTRL_Z)
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        wait_until(terminal.shows_cursor, TIMEOUT_S, "the cursor")
        assert not terminal.is_alternate()
        terminal.process.send_signal(signal.SIGCONT)
        wait_until(terminal.is_alternate, TIMEOUT_S, "the screen")
        terminal.shows("12:06:00", "RIVN")
        terminal.press(CTRL_C)
        assert terminal.ended() == 130
        assert terminal.shows_cursor()


def test_a_server_that_is_away_is_said_and_its_return_too(
    own_server: RedisServer, own_services: Services, session_name: str
) -> None:
    config = SessionConfig((SymbolConfig("RIVN"),), date(2025, 7, 2), date(2025, 7, 2), run_until="12:06")
    environment = own_services.environment | {"PLAYHEAD_SESSION": session_name}
    with (
        Session.start(session_name, config, own_server.url) as session,
        Terminal("watch", environment=environment) as terminal,
    ):
        wait_for(session, "paused")
        terminal.shows("12:06:00")
        own_server.kill()
        screen = terminal.shows("! no news for", "does not answer")
        assert "RIVN" in screen
        own_server.restart()
        wait_until(lambda: "no news" not in terminal.text, TIMEOUT_S, "news")
        session.delete()
        assert terminal.ended() == 1
        assert "was deleted" in terminal.text


@pytest.mark.parametrize("options", [("--plain",), ("--from-start",)])
def test_lines_are_printed_on_a_terminal_where_they_are_asked_for(system: System, options: tuple[str, ...]) -> None:
    session = system.start(speed=60, run_until=None)
    with watching(system, *options) as terminal:
        terminal.shows("tick RIVN")
        session.stop()
        assert terminal.ended() == 0
        assert "session-stopped" in terminal.text
        assert b"\x1b[?1049h" not in terminal.written


def test_a_dumb_terminal_and_json_get_lines(system: System) -> None:
    session = system.start(speed=60, run_until=None)
    with watching(system, term="dumb") as dumb, watching(system, "--json", columns=500) as as_json:
        dumb.shows("tick RIVN")
        as_json.shows('"type":"tick"')
        session.stop()
        assert dumb.ended() == as_json.ended() == 0
    assert json.loads(as_json.lines[0])["type"] == "tick"


def test_a_pipe_gets_lines_and_nothing_else(system: System) -> None:
    session = system.start()
    watching = system.begin_cli("watch", "--from-start")
    session.stop()
    outcome = watching.ended()
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == "12:06 session-stopped"
    assert "\x1b" not in outcome.out


def test_a_session_that_has_not_begun_is_shown_as_such_until_it_has(
    own_server: RedisServer, own_services: Services, session_name: str
) -> None:
    config = SessionConfig((SymbolConfig("RIVN"),), date(2025, 7, 2), date(2025, 7, 2), run_until="12:06")
    environment = own_services.environment | {"PLAYHEAD_SESSION": session_name}
    with (
        own_services.suspended("coordinator"),
        Session.start(session_name, config, own_server.url, wait_s=0),
        Terminal("watch", environment=environment) as terminal,
    ):
        terminal.shows("● created", "no clock yet")
        for each in own_services.of("coordinator"):
            each.resume()
        terminal.shows("● paused", "12:06:00")


def test_a_key_that_a_hand_has_spoilt_is_named_and_the_screen_goes_on_once_it_is_mended(system: System) -> None:
    session = system.start()
    keys = system.keys()
    with watching(system, columns=120) as terminal:
        terminal.shows("12:06:00")
        end_ms = system.client.hget(keys.state, "end_ms")
        assert end_ms is not None
        system.client.hset(keys.state, "end_ms", "late")
        terminal.shows("! no news for", "'late' where a time")
        system.client.hset(keys.state, "end_ms", end_ms)
        wait_until(lambda: "no news" not in terminal.text, TIMEOUT_S, "news")
        session.delete()
        assert terminal.ended() == 1
