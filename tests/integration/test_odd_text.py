"""Text that no UTF-8 can say, a deletion that was broken off, a stream that another hand has written to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from playhead import Session, SessionConfig, SymbolConfig
from playhead.commands import Reply, encode_reply
from playhead.connection import connect
from playhead.errors import CommandRejected, SessionFailed, sendable
from playhead.keys import Keys
from playhead.sessions import delete, listed
from tests.support.system import System, info_of, play_to_the_end, wait_for

DAY = date(2025, 7, 2)


def config(symbol: str, source: str = "sample:") -> SessionConfig:
    return SessionConfig((SymbolConfig(symbol),), DAY, DAY, source, run_until="12:06")


@pytest.fixture
def odd(tmp_path: Path) -> str:
    header = b"zeit,open,high,low,schlu\xdf,volume\n2025-07-02T09:30:00-04:00,1,2,0.5,1.5,10\n"
    (tmp_path / "LAT.csv").write_bytes(header)
    return f"csv:{tmp_path}"


def test_what_utf8_cannot_say_is_written_out() -> None:
    assert sendable("schlu\udcdf") == "schlu\\udcdf"
    assert sendable("größe") == "größe"


def test_a_header_in_another_encoding_is_an_error_and_the_session_goes_on(system: System, odd: str) -> None:
    with Session.start(system.name, config("RIVN"), system.url) as session:
        with pytest.raises(CommandRejected, match=r"LAT\.csv"):
            session.add_symbol("LAT", source=odd)
        assert session.add_symbol("AAPL").status == "ok"


def test_a_session_of_such_a_file_does_not_begin_and_says_why(system: System, odd: str) -> None:
    with pytest.raises(SessionFailed, match=r"LAT\.csv"):
        Session.start(system.name, config("LAT", odd), system.url)


def test_a_session_without_any_bar_does_not_begin_and_says_why(system: System) -> None:
    with pytest.raises(SessionFailed, match="no bars"):
        Session.start(system.name, config("NODATA1"), system.url)


def test_what_a_broken_off_deletion_left_is_not_taken_over_by_a_new_session(system: System) -> None:
    keys = Keys(system.name)
    with connect(system.url) as client:
        Session.start(system.name, config("RIVN"), system.url).close()
        client.delete(keys.state)  # and here the deletion is broken off
        assert listed(client, system.name)
        with Session.start(system.name, config("KO"), system.url) as session:
            assert session.symbols() == ("KO",)
        client.delete(keys.state)
        delete(client, system.name)
        assert not listed(client, system.name)
        assert not list(client.scan_iter(keys.all))


def test_a_foreign_notification_is_taken_out_and_the_session_goes_on(system: System) -> None:
    with connect(system.url) as client, Session.start(system.name, config("RIVN"), system.url) as session:
        wait_for(session, "paused")
        foreign = client.xadd(Keys(system.name).notifications, {"type": "junk"})
        play_to_the_end(session)
        assert not client.xrange(Keys(system.name).notifications, foreign, foreign)
        assert info_of(session).skipped == 1


def test_the_same_error_can_stand_in_a_reply() -> None:
    assert encode_reply(Reply("1", "1-0", "rejected", "\udcff"))["error"] == "\\udcff"
