"""A data source that fails, hangs or goes away under a session: it is waited for, that is said, and all goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest

from playhead.bars import Bars
from playhead.config import SessionConfig, SymbolConfig
from playhead.errors import SessionFailed
from playhead.messages import Tick
from playhead.session import Session
from shared.sources.importer import import_bars
from shared.sources.registry import open_source
from tests.support.system import TIMEOUT_S, System, info_of, play_to_the_end, wait_for
from tests.support.waiting import wait_until

# At noon of the first day the window of the last one is farther ahead than a window may be opened.
FIRST, LAST = date(2025, 7, 1), date(2025, 7, 10)
FIRST_MS: Final = int(datetime(2025, 7, 1, tzinfo=UTC).timestamp()) * 1000
LAST_MS: Final = int(datetime(2025, 7, 11, tzinfo=UTC).timestamp()) * 1000

Befall = Callable[[Path], Iterator[None]]


def sample() -> Bars:
    return open_source("sample:").get_bars("RIVN", "1m", FIRST_MS, LAST_MS)


def csv(place: Path) -> str:
    """RIVN in a text file. The URI of the source."""
    place.mkdir()
    rows = [f"{datetime.fromtimestamp(bar.start_ms / 1000, UTC).isoformat()},{row(bar)}" for bar in sample()]
    (place / "RIVN.csv").write_text("\n".join(["time,open,high,low,close,volume", *rows, ""]))
    return f"csv:{place}"


def row(bar: tuple[float, ...]) -> str:
    return ",".join(map(repr, bar[1:]))


def parquet(place: Path) -> str:
    """RIVN in Parquet files, one a day."""
    import_bars(open_source("sample:"), f"parquet:{place}", ["RIVN"], "1m", FIRST_MS, LAST_MS)
    return f"parquet:{place}"


def fails(place: Path) -> str:
    """RIVN from a source that does what a file beside it says."""
    return f"fails:{place}"


def put_aside(place: Path) -> Path:
    return place.rename(place.with_name(f"{place.name}-aside"))


@contextmanager
def moved(place: Path) -> Iterator[None]:
    """The folder is not there."""
    aside = put_aside(place)
    yield
    aside.rename(place)


@contextmanager
def unmounted(place: Path) -> Iterator[None]:
    """The folder is there, and nothing in it: the disk is not mounted."""
    aside = put_aside(place)
    place.mkdir()
    yield
    place.rmdir()
    aside.rename(place)


@contextmanager
def half_written(place: Path) -> Iterator[None]:
    """The files of the last day end in the middle."""
    files = {file: file.read_bytes() for file in sorted(place.rglob("*.*"))[-1:] if file.is_file()}
    for file, content in files.items():
        file.write_bytes(content[: len(content) * 2 // 3])
    yield
    for file, content in files.items():
        file.write_bytes(content)


@contextmanager
def raising(place: Path) -> Iterator[None]:
    place.write_text("the line is dead")
    yield
    place.unlink()


@contextmanager
def hanging(place: Path) -> Iterator[None]:
    place.write_text("hang")
    yield
    place.unlink()


CASES: Final = {
    "the-folder-of-csv-is-moved": (csv, moved, "there is no directory"),
    "the-disk-of-csv-is-not-mounted": (csv, unmounted, "has nothing under RIVN"),
    "a-csv-file-is-half-written": (csv, half_written, "RIVN.csv, line"),
    "the-folder-of-parquet-is-moved": (parquet, moved, "cannot be read"),
    "the-disk-of-parquet-is-not-mounted": (parquet, unmounted, "there is no .parquet file"),
    "a-parquet-file-is-half-written": (parquet, half_written, "cannot be read as Parquet"),
    "the-source-raises": (fails, raising, "OSError: the line is dead"),
    "the-source-hangs": (fails, hanging, "has not answered for more than 10 s"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_session_waits_for_its_source_says_why_and_goes_on_as_if_nothing_had_been(
    system: System, tmp_path: Path, case: str
) -> None:
    make, befall, reason = CASES[case]
    place = tmp_path / "bars"
    config = SessionConfig((SymbolConfig("RIVN"),), FIRST, LAST, make(place), run_until="12:06")
    with Session.start(system.name, config, system.url, wait_s=TIMEOUT_S) as session:
        wait_for(session, "paused")
        with Session(system.name, system.url) as reader, reader.subscribe("c", from_start=True) as items:
            with befall(place):
                session.resume()
                wait_until(lambda: info_of(session).troubles, TIMEOUT_S, "the trouble to be said")
                (trouble,) = info_of(session).troubles
                assert trouble.role == "producer"
                assert reason in trouble.reason
                assert "Trouble: producer held up since 20" in system.cli("session", "show").out
                assert info_of(session).status == "running"
            wait_for(session, "finished")
            assert info_of(session).troubles == ()
            seen = [bar for item in items if isinstance(item, Tick) for _, _, bar in item.bars()]
        regular = [bar for bar in sample() if any(start <= bar.start_ms < end for start, end in days(session))]
    assert seen == regular
    said = [line.text for line in system.services.log_lines() if line.role == "producer"]
    assert len([text for text in said if text.startswith("held up: ")]) == 1
    assert said.count("the session goes on") == 1
    assert "Traceback" not in system.log_text()


def days(session: Session) -> list[tuple[int, int]]:
    """From when to when each day of the session trades."""
    return [(day.open_ms, day.close_ms) for day in session._almanac.of("XNYS").days]


def test_a_command_is_answered_while_the_source_is_away(system: System, tmp_path: Path) -> None:
    place = tmp_path / "bars"
    config = SessionConfig((SymbolConfig("RIVN"),), FIRST, LAST, fails(place), run_until="12:06")
    with Session.start(system.name, config, system.url, wait_s=TIMEOUT_S) as session:
        wait_for(session, "paused")
        with raising(place):
            session.resume()
            wait_until(lambda: info_of(session).troubles, TIMEOUT_S, "the trouble to be said")
            assert session.add_symbol("AAPL", source="sample:").status == "ok"
            assert session.remove_symbol("AAPL").status == "ok"
            session.pause()
        play_to_the_end(session)


@pytest.mark.parametrize(
    ("symbol", "source", "error"),
    [
        ("UNKNOWN1", "sample:", "sample: has nothing under UNKNOWN1"),
        ("NODATA1", "sample:", "the source has no bars"),
        ("RIVN", "csv:/nowhere", "there is no directory /nowhere"),
        ("FIRE1", "raises:", "RuntimeError: the disk under FIRE1 is on fire"),
    ],
    ids=["unknown-symbol", "no-data", "no-such-directory", "a-mistake-in-the-source"],
)
def test_a_session_that_can_never_begin_fails_at_once_with_the_reason(
    system: System, symbol: str, source: str, error: str
) -> None:
    config = SessionConfig((SymbolConfig(symbol),), FIRST, FIRST, source)
    with pytest.raises(SessionFailed, match=error):
        Session.start(system.name, config, system.url, wait_s=TIMEOUT_S)


def test_a_start_that_waits_for_its_source_says_so(system: System, tmp_path: Path) -> None:
    place = tmp_path / "bars"
    with raising(place):
        start = ["session", "start", "--id", system.name, "--symbols", "RIVN", "--date", str(FIRST)]
        outcome = system.cli(*start, "--source", fails(place))
        assert outcome.code == 1
        assert "its producer says: OSError: the line is dead" in outcome.err
    with Session(system.name, system.url) as session:
        wait_for(session, "finished")


def test_watch_says_what_keeps_the_session_from_going_on(system: System, tmp_path: Path) -> None:
    place = tmp_path / "bars"
    config = SessionConfig((SymbolConfig("RIVN"),), FIRST, LAST, fails(place), run_until="12:06")
    with Session.start(system.name, config, system.url, wait_s=TIMEOUT_S) as session:
        wait_for(session, "paused")
        watching = system.begin_cli("watch", "--from-start")
        assert watching.process.stdout is not None
        assert "day-opened" in watching.process.stdout.readline()
        assert watching.process.stderr is not None
        with raising(place):
            session.resume()
            line = watching.process.stderr.readline()
            assert line.startswith("producer held up since 20")
            assert "OSError: the line is dead" in line
            session.pause()
        assert watching.process.stderr.readline() == "producer goes on\n"
        play_to_the_end(session)
    assert watching.ended().code == 0
