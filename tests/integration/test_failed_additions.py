"""Additions that fail, on the real system: session data and symbols stay as they were, and the session goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from playhead.commands import AddSymbol
from playhead.errors import CommandRejected
from playhead.session import Session
from tests.support.dump import lasting
from tests.support.services import Services
from tests.support.sessions import own_sessions
from tests.support.story import read
from tests.support.system import NOON_MS, System, added, info_of, next_database, play_to_the_end, published, replies
from tests.support.waiting import wait_until


@pytest.fixture
def session(system: System) -> Session:
    """RIVN at 12:06, and all of its day published."""
    return ready(system)


def ready(system: System) -> Session:
    session = system.start("RIVN")
    wait_until(lambda: published(system.client, system.keys()), 30, "the day to be published")
    return session


def refused(session: Session, *symbols: str, source: str | None = None) -> str:
    """The error of an addition of which nothing comes."""
    with pytest.raises(CommandRejected) as refusal:
        session.send(AddSymbol(symbols, source), timeout_s=30)
    return str(refusal.value)


def goes_on(session: Session) -> bool:
    """Whether the session can still be played to its end."""
    assert info_of(session).active
    assert info_of(session).holds == ("user",)
    assert session.clock() == NOON_MS
    play_to_the_end(session)
    return info_of(session).symbols.keys() == {"RIVN"}


@pytest.mark.parametrize(
    ("symbol", "source", "error"),
    [
        ("NODATA1", None, "sample: has no 1m bars of NODATA1 for 2025-07-02; choose another date or source"),
        ("UNKNOWN1", None, "sample: has nothing under UNKNOWN1"),
        ("AAPL", "csv:/nowhere", "there is no directory /nowhere"),
        ("AAPL", "teletext:", "has the unknown scheme 'teletext'; the schemes are csv:, "),
        ("FIRE1", "raises:", "RuntimeError: the disk under FIRE1 is on fire"),
    ],
    ids=["no-data", "unknown-symbol", "no-such-directory", "no-such-source", "the-worker-raises"],
)
def test_a_failed_addition_leaves_all_as_it_was_and_the_session_running(
    system: System, session: Session, symbol: str, source: str | None, error: str
) -> None:
    before = lasting(system.client, system.keys())
    assert error in refused(session, symbol, source=source)
    assert lasting(system.client, system.keys()) == before
    assert goes_on(session)


def test_a_file_with_a_bad_row_is_refused_by_file_line_and_reason(
    system: System, session: Session, tmp_path: Path
) -> None:
    rows = ["time,open,high,low,close,volume", "2025-07-02T13:30Z,1,2,1,1,5", "2025-07-02T13:31Z,1,0.5,1,1,5"]
    (tmp_path / "AAPL.csv").write_text("\n".join(rows))
    before = lasting(system.client, system.keys())
    answer = system.cli("data", "add-symbol", "AAPL", "--source", f"csv:{tmp_path}")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"error: AAPL: {tmp_path}/AAPL.csv, line 3: high")
    assert lasting(system.client, system.keys()) == before


@pytest.mark.parametrize(
    ("bad", "options"), [("UNKNOWN1", []), ("FIRE1", ["--source", "raises:"])], ids=["unknown", "raises"]
)
def test_of_three_symbols_of_which_one_fails_two_come_and_the_exit_code_is_1(
    system: System, session: Session, bad: str, options: list[str]
) -> None:
    answer = system.cli("data", "add-symbol", "AAPL", bad, "MSFT", "--json", *options)
    assert answer.code == 1
    statuses = {symbol: result["status"] for symbol, result in answer.json["results"].items()}
    assert statuses == {"AAPL": "added", bad: "rejected", "MSFT": "added"}
    (reply,) = replies(system)
    assert (reply.status, added(system)) == ("partial", ["AAPL,MSFT"])
    assert session.symbols() == ("AAPL", "MSFT", "RIVN")
    play_to_the_end(session)
    assert len(read(session, "AAPL")) == 390


def test_symbols_of_which_some_are_refused_at_once_and_others_come_share_one_answer(system: System) -> None:
    session = ready(system)
    answer = system.cli("data", "add-symbol", "RIVN", "AAPL")
    assert answer.code == 1
    assert answer.err == f"error: RIVN is in session {session.name} already\n"
    assert "AAPL added at 12:06" in answer.out
    assert [reply.status for reply in replies(system)] == ["partial"]


@pytest.fixture(scope="module")
def hasty_services(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services that give an addition one second, on a database of their own."""
    limits = {"operation_deadline_ms": 1_000, "job_silence_ms": 300}
    with Services(next_database(services.url), tmp_path_factory.mktemp("hasty"), **limits) as running:
        running.start("coordinator", "producer", "worker")
        yield running


@pytest.fixture
def hasty(hasty_services: Services, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    with (
        own_sessions(hasty_services.url, request.node.nodeid) as name,
        closing(System(hasty_services, name, tmp_path)) as system,
    ):
        yield system


def test_an_addition_that_no_worker_takes_is_called_off_at_its_deadline_and_one_that_comes_late_changes_nothing(
    hasty: System,
) -> None:
    session = ready(hasty)
    before = lasting(hasty.client, hasty.keys())
    with hasty.services.suspended("worker"):
        error = refused(session, "AAPL")
        assert error == "AAPL: no worker took the job within 1 s; start one: playhead worker"
        assert lasting(hasty.client, hasty.keys()) == before
    wait_until(lambda: "is no longer wanted" in hasty.log_text(), 30, "the worker to look at the late job")
    assert lasting(hasty.client, hasty.keys()) == before
    assert goes_on(session)


def test_a_worker_that_never_answers_is_given_up_at_the_deadline_and_is_free_again_after_it(hasty: System) -> None:
    session = ready(hasty)
    before = lasting(hasty.client, hasty.keys())
    assert refused(session, "AAPL", source="hangs:") == "AAPL: the worker did not finish within 1 s"
    assert lasting(hasty.client, hasty.keys()) == before
    assert goes_on(session)
    wait_until(lambda: "JobTimeoutException" in hasty.log_text(), 30, "the worker to end the job")
