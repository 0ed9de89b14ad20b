"""`playhead verify` on real processes: it calls equal what is equal, and finds every way to break an addition."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.operation import Commit, Operation, Operations
from playhead.bars import Bars
from playhead.codec import bars_of, pack, runs_of
from playhead.commands import RemoveSymbol, Resume, Speed
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import text
from playhead.errors import CommandRejected
from playhead.keys import SESSIONS
from playhead.runs import BAR_BYTES
from playhead.session import Session
from tests.support.in_process import InProcess
from tests.support.system import System, info_of, play_to_the_end, wait_for
from tests.support.waiting import wait_until

CONFIG = SessionConfig(
    (SymbolConfig("RIVN"), SymbolConfig("AZN.L")),
    date(2025, 7, 1),
    date(2025, 7, 3),
    run_until="2025-07-02T12:06-04:00",
)
MINUTE_MS = 60_000
NOON_MS = 1_751_472_360_000  # 12:06 in New York on the second day
OPEN_MS = NOON_MS - 156 * MINUTE_MS


def begin(system: System, **changes: Any) -> Session:
    """A session of three days that pauses on the second one at 12:06 in New York."""
    session = Session.start(system.name, replace(CONFIG, **changes), system.url, wait_s=30)
    wait_until(lambda: info_of(session).holds == ("user",), 30, "the pause at noon")
    return session


def verified(system: System, *options: str) -> Any:
    """What the command says; its replay is gone after it."""
    done = system.cli("verify", "--json", *options)
    assert done.code in (0, 1), done.err
    assert done.err == ""
    assert not replays(system)
    assert done.json["equal"] == (done.code == 0)
    return done.json


def replays(system: System) -> list[str]:
    return [text(name) for name in system.client.smembers(SESSIONS) if text(name).startswith("verify-")]


def bars_now(system: System, symbol: str, interval: str = "1m", day: str = "2025-07-02") -> Bars:
    runs: Any = system.client.hgetall(system.keys().bars(symbol, interval, day))
    return bars_of(symbol, interval, runs)


def put(system: System, bars: Bars, day: str = "2025-07-02") -> None:
    """Replaces session data by a hand."""
    key = system.keys().bars(bars.symbol, bars.interval, day)
    system.client.delete(key)
    runs: Mapping[Any, Any] = dict(runs_of(bars.start_ms, pack(bars.values), MINUTE_MS))
    system.client.hset(key, mapping=dict(runs))


def without_a_bar(bars: Bars) -> Bars:
    return bars.where(np.arange(len(bars)) != 100)


def with_another_price(bars: Bars) -> Bars:
    values = bars.values.copy()
    values[100, 2] = np.nextafter(values[100, 2], 0)
    return Bars(bars.symbol, bars.interval, bars.start_ms, values)


def with_a_bar_a_minute_late(bars: Bars) -> Bars:
    starts = bars.start_ms.copy()
    starts[101] = starts[100] + MINUTE_MS
    keep = np.arange(len(bars)) != 100
    moved = Bars(bars.symbol, bars.interval, starts, np.insert(bars.values, 101, bars.values[100], axis=0)[: len(bars)])
    return moved.where(keep)


def test_a_session_of_several_days_with_additions_is_equal(system: System) -> None:
    with begin(system, derive=("5m",)) as session:
        assert session.add_symbol("AAPL", "9988.HK").status == "ok"
        play_to_the_end(session)
    found = verified(system)
    # Three days of RIVN and AZN.L, two of those that came on the second one; the fourth of July is no day of these.
    assert (found["compared"], found["different"], found["symbols"]) == (2 * (3 + 3 + 2 + 2), 0, 4)

    shown = system.cli("verify")
    assert shown.code == 0
    assert shown.out.startswith(f"session {system.name} is equal to a replay from the start: 4 symbols, ")


def test_a_session_that_is_paused_is_compared_up_to_its_clock(system: System) -> None:
    with begin(system, symbols=(SymbolConfig("RIVN"),)) as session:
        assert session.add_symbol("AAPL").status == "ok"
        found = verified(system)
        assert (found["equal"], found["compared"], found["clock_ms"]) == (True, 3, NOON_MS)

        put(system, without_a_bar(bars_now(system, "AAPL")))
        (difference,) = verified(system)["differences"]
        assert (difference["symbol"], difference["at_ms"]) == ("AAPL", OPEN_MS + 100 * MINUTE_MS)


def test_a_session_that_was_stopped_is_compared_up_to_where_it_was(system: System) -> None:
    with begin(system) as session:
        assert session.add_symbol("AAPL").status == "ok"
        session.stop()
    found = verified(system)
    assert (found["equal"], found["clock_ms"]) == (True, NOON_MS)
    assert found["compared"] == 2 * 2 + 1


def test_a_session_that_runs_is_compared_up_to_its_last_day_that_is_over(system: System) -> None:
    with begin(system) as session:
        session.set_speed(1)
        session.resume()
        wait_for(session, "running")
        assert verified(system)["compared"] == 3  # the first day of both, and London's second


def test_a_session_whose_first_day_is_not_over_says_so(system: System) -> None:
    with begin(system, symbols=(SymbolConfig("RIVN"),), run_until="12:06") as session:
        session.set_speed(1)
        session.resume()
        wait_for(session, "running")
        done = system.cli("verify")
    assert done.code == 1
    assert done.err == (
        f"error: session {system.name} has no trading day yet that is over; pause it, and what it has is compared\n"
    )


@pytest.mark.parametrize("broken", [without_a_bar, with_another_price, with_a_bar_a_minute_late])
def test_a_commit_that_breaks_a_bar_is_caught_and_the_bar_is_named(
    system: System, broken: Callable[[Bars], Bars]
) -> None:
    with begin(system) as session:
        assert session.add_symbol("AAPL").status == "ok"
        right = bars_now(system, "AAPL")
        put(system, broken(right))
        play_to_the_end(session)
    found = verified(system)
    assert found["different"] == 1
    (difference,) = found["differences"]
    assert (difference["symbol"], difference["interval"], difference["day"]) == ("AAPL", "1m", "2025-07-02")
    assert difference["at_ms"] == OPEN_MS + 100 * MINUTE_MS
    assert difference["replayed_bar"] == right[100]._asdict()
    assert difference["replayed_bars"] == 390
    if broken is with_another_price:
        assert difference["bar"] == broken(right)[100]._asdict()
    else:
        assert difference["bar"] is None
        assert difference["bars"] == 389

    shown = system.cli("verify")
    assert shown.code == 1
    assert "first: AAPL 1m on 2025-07-02 (XNYS), bar 11:10:00 America/New_York" in shown.out


def test_where_session_data_is_gone_the_recording_says_which_bar_it_was(system: System, tmp_path: Path) -> None:
    with begin(system, record=str(tmp_path / "rec")) as session:
        with system.services.suspended("recorder"):
            assert session.add_symbol("AAPL").status == "ok"
            right = bars_now(system, "AAPL")
            put(system, with_another_price(right))
        play_to_the_end(session)
        wait_until(lambda: (tmp_path / "rec" / system.name / "events.jsonl").read_text().count("session-finished"), 30)
    verified(system)
    system.client.delete(system.keys().bars("AAPL", "1m", "2025-07-02"))
    (difference,) = verified(system)["differences"]
    assert difference["at_ms"] == OPEN_MS + 100 * MINUTE_MS
    assert difference["bar"] == with_another_price(right)[100]._asdict()
    assert difference["place"] == f"recorded in {tmp_path / 'rec' / system.name}"

    moved = tmp_path / "elsewhere"
    (tmp_path / "rec").rename(moved)
    assert verified(system)["differences"][0]["bars"] is None
    assert verified(system, "--record", str(moved))["differences"][0]["at_ms"] == OPEN_MS + 100 * MINUTE_MS
    refused = system.cli("verify", "--record", str(tmp_path / "nowhere"))
    assert (refused.code, "there is no recording" in refused.err) == (1, True)


def test_a_coordinator_that_loses_what_was_staged_is_caught(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", system.url)
    monkeypatch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
    end = Operations.end

    def losing(self: Operations, operation: Operation, commit: Commit, *rest: Any) -> str:
        kept = [each for each in commit.data if each[1:3] != ("AAPL", "5m")]
        return end(self, operation, replace(commit, data=kept), *rest)

    with system.services.suspended("coordinator", "producer", "recorder"):
        broken = InProcess(system.url, system.name, replace(CONFIG, run_until=None, derive=("5m",)))
        broken.run(lambda: broken.clock_ms() > 0, "the opening")
        broken.run_until("2025-07-02T12:06-04:00")
        monkeypatch.setattr(Operations, "end", losing)
        assert broken.add(["AAPL"]).status == "ok"
        broken.finish()
        broken.run(lambda: broken.client.hexists(broken.keys.digests, "clock_ms") == 1, "the last digests")
    found = verified(system)
    (difference,) = found["differences"]
    assert (difference["symbol"], difference["interval"], difference["day"]) == ("AAPL", "5m", "2025-07-02")
    assert (difference["at_ms"], difference["bar"], difference["replayed_bars"]) == (OPEN_MS, None, 78)
    broken.close()


def test_an_addition_after_the_close_that_loses_bars_of_a_symbol_that_was_there_before_is_caught(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", system.url)
    monkeypatch.delenv("PLAYHEAD_QUEUE_URL", raising=False)
    end = Operations.end

    def losing(self: Operations, operation: Operation, commit: Commit, *rest: Any) -> str:
        return end(self, operation, replace(commit, data=[]), *rest)

    with system.services.suspended("coordinator", "producer", "recorder"):
        broken = InProcess(system.url, system.name, replace(CONFIG, run_until=None))
        broken.run(lambda: broken.clock_ms() > 0, "the opening")
        broken.run_until("2025-07-02T16:30-04:00")
        assert broken.send(RemoveSymbol(("RIVN",))).status == "ok"
        monkeypatch.setattr(Operations, "end", losing)
        assert broken.add(["RIVN"]).status == "ok"
        broken.finish()
        broken.run(lambda: broken.client.hexists(broken.keys.digests, "clock_ms") == 1, "the last digests")
    (difference,) = verified(system)["differences"]
    assert (difference["symbol"], difference["day"], difference["bars"]) == ("RIVN", "2025-07-02", None)
    broken.close()


def test_session_data_that_is_none_is_caught_and_does_not_end_the_session(system: System) -> None:
    with begin(system) as session:
        assert session.add_symbol("AAPL").status == "ok"
        key = system.keys().bars("AAPL", "1m", "2025-07-02")
        field = next(iter(system.client.hkeys(key)))
        system.client.hset(key, field, b"\x00" * (BAR_BYTES + 1))
        for command in (Speed(None), Resume()):
            session.send(command)
        state = system.keys().state  # a summary of such a session is refused
        wait_until(lambda: system.client.hget(state, "status") == b"finished", 30, "the end")
    found = verified(system)
    assert (found["different"], found["differences"][0]["bars"]) == (1, None)


def test_the_replay_is_deleted_when_a_person_breaks_it_off(system: System) -> None:
    with begin(system, date=date(2025, 6, 2)) as session:
        play_to_the_end(session)
    running = system.begin_cli("verify")
    wait_until(lambda: replays(system), 30, "the replay")
    running.process.send_signal(signal.SIGINT)
    assert running.ended().code == 130
    assert replays(system) == []


def test_a_symbol_that_was_removed_and_added_again_is_compared_on_the_days_on_which_it_was_there(
    system: System,
) -> None:
    with begin(system) as session:
        assert session.remove_symbol("RIVN").status == "ok"
        assert session.add_symbol("AAPL", source="sample:").status == "ok"
        session.run_until("2025-07-03T10:00-04:00")
        wait_for(session, "paused")
        assert session.add_symbol("RIVN").status == "ok"
        assert session.remove_symbol("AAPL").status == "ok"
        play_to_the_end(session)
    found = verified(system)
    # Three days of AZN.L, the first and the third of RIVN, the second of AAPL, which nobody knows any more.
    assert (found["compared"], found["different"], found["symbols"]) == (6, 0, 3)


def test_days_that_a_symbol_had_from_an_earlier_source_are_not_compared(system: System, tmp_path: Path) -> None:
    starts = [OPEN_MS + day * 24 * 60 * MINUTE_MS + at * MINUTE_MS for day in (0, 1) for at in range(210)]
    rows = [f"{datetime.fromtimestamp(at / 1000, UTC).isoformat()},2,3,1,2,100" for at in starts]
    (tmp_path / "AAPL.csv").write_text("\n".join(["time,open,high,low,close,volume", *rows, ""]))
    other = f"csv:{tmp_path}"
    with begin(system) as session:
        assert session.add_symbol("AAPL").status == "ok"
        session.run_until("2025-07-03T10:00-04:00")
        wait_for(session, "paused")
        # What was refused says nothing of where a symbol is from.
        with pytest.raises(CommandRejected, match="already"):
            session.add_symbol("RIVN", source=other)
        assert session.remove_symbol("AAPL", "RIVN").status == "ok"
        assert session.add_symbol("AAPL", source=other).status == "ok"
        play_to_the_end(session)
    found = verified(system)
    # Three days of AZN.L, two of RIVN, the last of AAPL; the day before it had from another source.
    assert (found["compared"], found["not_compared"], found["different"]) == (6, 1, 0)
    lines = system.cli("verify").out.splitlines()
    assert lines[1] == "not compared: 1 digest from before a symbol had its last source or calendar"
