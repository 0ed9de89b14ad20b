"""Bad input through the real command line: one clear line on stderr, an exit code, and nothing changed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest

from shared.free_port import free_port
from shared.redis_server import LOOPBACK
from tests.support.dump import Dump, dump
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.system import DAY, Outcome, Running, System, published
from tests.support.waiting import wait_until

SILENCE_LIMIT_S = 60.0
"""Redis may take so long to be found silent: a few times the limit of one reply, on a busy machine."""
COMMANDS = {
    "list": ["session", "list"],
    "add": ["data", "add-symbol", "AAPL"],
    "start": ["session", "start", "--id", "x", "--symbols", "RIVN", "--date", DAY],
}


@dataclass(frozen=True)
class Silent:
    """A server that takes connections and never answers, and how each command ended that was given to it."""

    url: str
    outcomes: Mapping[str, Future[tuple[Outcome, float]]]


@pytest.fixture(scope="module", autouse=True)
def silent(services: Services) -> Iterator[Silent]:
    """Begun before the other tests of this module, which then need not wait for it."""

    def timed(command: str) -> tuple[Outcome, float]:
        begun = time.monotonic()
        outcome = Running((*COMMANDS[command], "--url", url), services.environment).ended()
        return outcome, time.monotonic() - begun

    with socket.create_server((LOOPBACK, 0)) as listening, ThreadPoolExecutor(len(COMMANDS)) as threads:
        url = f"redis://{LOOPBACK}:{listening.getsockname()[1]}/0"
        yield Silent(url, {command: threads.submit(timed, command) for command in COMMANDS})


@pytest.fixture(scope="module")
def paused(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """RIVN at 12:06, and all of its day published: one session for all, since nothing may change it."""
    with (
        own_sessions(services.url, __name__) as name,
        closing(System(services, name, tmp_path_factory.mktemp("bad"))) as system,
    ):
        services.wait_ready()
        system.start("RIVN")
        wait_until(lambda: published(system.client, system.keys()), 30, "the day to be published")
        yield system


def everything(system: System) -> Dump:
    return dump(system.client, system.keys())


def check_refused(outcome: Outcome, *parts: str) -> None:
    """One line on stderr that says what is wrong, nothing on stdout, not a success."""
    assert outcome.code in (1, 2)
    assert outcome.out == ""
    (line,) = outcome.err.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("symbols", "error"),
    [
        (["../AAPL"], "symbol '../AAPL' is not 1 to 32 of the characters A-Z 0-9 . = ^ _ -"),
        (["A..B"], "symbol 'A..B' is not 1 to 32 of the characters A-Z 0-9 . = ^ _ -"),
        (["A/B"], "symbol 'A/B' is not"),
        (["AA PL"], "symbol 'AA PL' is not"),
        (["ÄAPL"], "symbol 'ÄAPL' is not"),
        (["A" * 300], f"symbol '{'A' * 40}…' is not 1 to 32"),
        ([""], "a symbol is empty; give a name such as AAPL"),
        (["AAPL,"], "a symbol is empty"),
        (["AAPL", "AAPL"], "symbol AAPL was given twice; name each symbol once"),
        (["AAPL,aapl"], "symbol AAPL was given twice; name each symbol once"),
    ],
    ids=["dots", "inner-dots", "slash", "space", "umlaut", "300-characters", "empty", "empty-one", "twice", "case"],
)
def test_a_symbol_that_is_none_is_refused(paused: System, symbols: list[str], error: str) -> None:
    before = everything(paused)
    check_refused(paused.cli("data", "add-symbol", *symbols), error)
    assert everything(paused) == before


@pytest.mark.parametrize(
    ("symbols", "error"),
    [
        ("../AAPL", "symbol '../AAPL' is not 1 to 32 of the characters A-Z 0-9 . = ^ _ -"),
        ("", "a symbol is empty; give a name such as AAPL"),
        ("RIVN,rivn", "symbol RIVN was given twice; name each symbol once"),
    ],
    ids=["dots", "empty", "twice"],
)
def test_a_session_of_a_symbol_that_is_none_is_not_started(paused: System, symbols: str, error: str) -> None:
    before = everything(paused)
    start = ["session", "start", "--id", f"{paused.name}-2", "--date", DAY]
    check_refused(paused.cli(*start, "--symbols", symbols), error)
    assert everything(paused) == before


def test_a_symbol_in_lower_case_is_upper_cased_and_works(system: System) -> None:
    session = system.start("RIVN")
    outcome = system.cli("data", "add-symbol", "aapl", "brk.b", "--json")
    assert outcome.code == 0
    assert sorted(outcome.json["results"]) == ["AAPL", "BRK.B"]
    assert session.symbols() == ("AAPL", "BRK.B", "RIVN")


def test_a_date_without_a_session_is_refused_with_the_nearest_ones(paused: System) -> None:
    before = everything(paused)
    outcome = paused.cli("session", "start", "--id", f"{paused.name}-2", "--symbols", "RIVN", "--date", "2025-07-04")
    check_refused(outcome, "XNYS has no session on 2025-07-04; the nearest are 2025-07-03 and 2025-07-07")
    assert everything(paused) == before


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("csv:/nowhere", "there is no directory /nowhere"),
        ("teletext:", "has the unknown scheme 'teletext'"),
        ("nowhere", "source 'nowhere' is no URI such as sample:"),
        ("sample:?speed=9", "sample has no option 'speed'"),
    ],
)
def test_a_source_that_does_not_exist_is_refused(paused: System, source: str, error: str) -> None:
    before = everything(paused)
    start = ["session", "start", "--id", f"{paused.name}-2", "--symbols", "RIVN", "--date", DAY]
    check_refused(paused.cli(*start, "--source", source), error)
    assert everything(paused) == before
    outcome = paused.cli("data", "add-symbol", "AAPL", "--source", source)
    check_refused(outcome, error)
    assert paused.cli("data", "list-dynamic", "--json").json == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--run-until", "25:00"], "time '25:00' is neither a time of day"),
        (["--run-until", "08:00"], "the clock reads 09:30:00 already"),
        (["--speed", "fast"], "speed 'fast' is neither max nor a number above 0"),
        (["--interval", "7m"], "interval 7m does not divide a day"),
        (["--calendar", "MARS"], "there is no market calendar 'MARS'"),
        (["--end", "2025-07-01"], "the end 2025-07-01 is before the date 2025-07-02"),
    ],
)
def test_an_option_that_cannot_be_is_refused(paused: System, options: list[str], error: str) -> None:
    before = everything(paused)
    start = ["session", "start", "--id", f"{paused.name}-2", "--symbols", "RIVN", "--date", DAY]
    check_refused(paused.cli(*start, *options), error)
    assert everything(paused) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_redis_that_is_not_there_is_named_at_once(paused: System, command: str) -> None:
    url = f"redis://127.0.0.1:{free_port(LOOPBACK)}/0"
    outcome = paused.cli(*COMMANDS[command], "--url", url)
    check_refused(outcome, f"Redis at {url} does not answer", "PLAYHEAD_REDIS_URL")


def test_a_url_that_is_none_is_refused(paused: System) -> None:
    check_refused(paused.cli("session", "list", "--url", "http://127.0.0.1"), "Redis URL 'http://127.0.0.1'")


def test_no_password_of_a_url_is_ever_shown(paused: System) -> None:
    outcome = paused.cli("session", "list", "--url", f"redis://me:s3cret@127.0.0.1:{free_port(LOOPBACK)}/0")
    check_refused(outcome, "does not answer")
    assert "s3cret" not in outcome.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_redis_that_never_answers_is_given_up_after_a_bounded_time_and_named(silent: Silent, command: str) -> None:
    outcome, taken_s = silent.outcomes[command].result()
    check_refused(outcome, f"Redis at {silent.url} does not answer", "PLAYHEAD_REDIS_URL")
    assert taken_s < SILENCE_LIMIT_S
