"""The command line against a real server, with a session written by hand as the protocol says.

Its commands are answered by a small stand-in for the coordinator; the whole system is tested elsewhere.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import redis
from typer.testing import CliRunner

from playhead import config as configs
from playhead.cli import app
from playhead.codec import group_field, pack, pack_names
from playhead.commands import Reply, encode_reply
from playhead.config import SessionConfig, SymbolConfig
from playhead.days import encode as encode_days
from playhead.keys import SESSIONS, Keys
from playhead.symbols import SymbolRecord
from playhead.symbols import encode as encode_record
from shared.hours import Hours

DATE = dt.date(2025, 7, 2)
MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000  # 2025-07-02 09:30 New York
NOON_MS = OPEN_MS + 156 * MINUTE_MS
LONDON_OPEN_MS = 1_751_439_600_000  # 08:00 London
PRICE = 0.1 + 0.2  # not a number that rounds to what it looks like
Outcome = tuple[int, str, str]


class Written:
    """A session at 12:06 with RIVN and the added AAPL and AZN.L."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.keys = Keys(name)
        self.client = redis.Redis.from_url(url, legacy_responses=False)
        config = SessionConfig((SymbolConfig("RIVN"),), DATE, DATE)
        self.client.sadd(SESSIONS, name)
        self.client.hset(
            self.keys.state,
            mapping={
                "status": "running",
                "clock_ms": NOON_MS,
                "active": "1",
                "first_ms": OPEN_MS,
                "end_ms": OPEN_MS + 390 * MINUTE_MS,
                "zone": "America/New_York",
                "config": configs.encode(config),
                "speed": "60",
                "history": "h",
                "noted": "0-0",
                "trimmed": "0-0",
            },
        )
        self.symbol("RIVN", SymbolRecord("XNYS", "America/New_York"), OPEN_MS, 156)
        entry = f"{NOON_MS}-1"
        self.symbol("AAPL", SymbolRecord("XNYS", "America/New_York", added_ms=NOON_MS, added_entry=entry), OPEN_MS, 156)
        self.symbol(
            "AZN.L", SymbolRecord("XLON", "Europe/London", added_ms=NOON_MS, added_entry=entry), LONDON_OPEN_MS, 2
        )

    def symbol(self, symbol: str, record: SymbolRecord, start_ms: int, bars: int) -> None:
        values = np.full((bars, 5), PRICE)
        values[:, 4] = 1200
        days = Hours.of(record.calendar, DATE, DATE).days
        self.client.hset(self.keys.calendars, record.calendar, encode_days(days))
        self.client.hset(self.keys.symbols, symbol, encode_record(record))
        self.client.hset(self.keys.bars(symbol, "1m", DATE.isoformat()), str(start_ms), pack(values).tobytes())

    def state(self, **fields: str) -> None:
        self.client.hset(self.keys.state, items=[part for pair in fields.items() for part in pair])

    def note(self, entry: str, fields: dict[Any, Any]) -> None:
        self.client.xadd(self.keys.notifications, fields, id=entry)
        self.state(noted=entry)

    def run(self, line: str, **environment: str) -> Outcome:
        env = {"PLAYHEAD_REDIS_URL": self.url, "PLAYHEAD_SESSION": self.name, "COLUMNS": "80"} | environment
        result = CliRunner(env=env).invoke(app, line.split())
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    def json(self, line: str) -> Any:
        code, out, err = self.run(f"{line} --json")
        assert (code, err) == (0, "")
        return json.loads(out)

    @contextmanager
    def answering(self, reply: Callable[[dict[str, str]], Reply]) -> Iterator[list[dict[str, str]]]:
        """Answers the next command as a coordinator would; gives the fields that came."""
        came: list[dict[str, str]] = []

        def answer() -> None:
            with redis.Redis.from_url(self.url, legacy_responses=False) as client:
                found: Any = client.xread({self.keys.commands: "0"}, block=4_000)
                if not found:
                    return
                ((_, fields), *_rest) = next(iter(found.values()))
                came.append({name.decode(): value.decode() for name, value in fields.items()})
                client.xadd(self.keys.replies, encode_reply(reply(came[0])))

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield came
        finally:
            thread.join()


@pytest.fixture
def written(redis_url: str, session_name: str) -> Iterator[Written]:
    session = Written(redis_url, session_name)
    yield session
    session.client.close()


def holding(*holds: str) -> Callable[[dict[str, str]], Reply]:
    status = "paused" if holds else "running"
    result = {"clock_ms": NOON_MS, "status": status, "holds": list(holds)}
    return lambda fields: Reply(fields["id"], "1-0", "ok", None, result)


RECEIPT = {
    "status": "added",
    "clock_ms": NOON_MS,
    "loaded": 726,
    "written": 156,
    "queued": 234,
    "dropped": {"pre-market": 330, "post-market": 6},
    "missing": 0,
    "held_ms": 35.4,
}
REFUSED = {"status": "rejected", "error": "the source has nothing under NOPE"}


def test_data_session_prints_the_block_of_the_description(written: Written) -> None:
    code, out, _ = written.run("data session")
    block = "AAPL\n  1m Bars: 156 bars\n  Start: 09:30\n  Last: 12:06\n  Span: 156min\n"
    assert code == 0
    assert block in out
    assert out.splitlines()[0] == f"session {written.name} · running · 2025-07-02 12:06"


def test_data_session_shows_a_symbol_in_its_own_zone(written: Written) -> None:
    assert "AZN.L\n  1m Bars: 2 bars\n  Start: 08:00\n  Last: 08:02\n" in written.run("data session")[1]


def test_data_session_as_json_has_the_shape_that_scripts_rely_on(written: Written) -> None:
    written.client.sadd(written.keys.holds, "user", "add:7")
    interval = {"bars": 156, "start": "09:30", "last": "12:06", "span_min": 156}
    assert written.json("data session") == {
        "session": written.name,
        "status": "paused",
        "date": "2025-07-02",
        "clock": "12:06",
        "clock_ms": NOON_MS,
        "active": True,
        "holds": ["add:7", "user"],
        "troubles": [],
        "symbols": {
            "AAPL": {"dynamic": True, "calendar": "XNYS", "intervals": {"1m": interval}},
            "AZN.L": {
                "dynamic": True,
                "calendar": "XLON",
                "intervals": {"1m": {"bars": 2, "start": "08:00", "last": "08:02", "span_min": 2}},
            },
            "RIVN": {"dynamic": False, "calendar": "XNYS", "intervals": {"1m": interval}},
        },
    }


def test_an_inactive_session_shows_no_bar_and_says_why(written: Written) -> None:
    written.state(active="0")
    summary = written.json("data session")
    assert summary["active"] is False
    assert all(symbol["intervals"] == {} for symbol in summary["symbols"].values())
    assert "being caught up" in written.run("data session")[1]
    code, out, err = written.run("data bars RIVN --json")
    assert (code, out) == (1, "null\n")
    assert "being caught up" in err


def test_data_bars_as_json_and_csv_keep_every_bit(written: Written) -> None:
    bars = written.json("data bars AZN.L")
    assert [bar["start_ms"] for bar in bars] == [LONDON_OPEN_MS, LONDON_OPEN_MS + MINUTE_MS]
    assert list(bars[0]) == ["start_ms", "open", "high", "low", "close", "volume"]
    assert bars[0]["close"] == PRICE
    rows = list(csv.DictReader(io.StringIO(written.run("data bars azn.l --csv")[1])))
    assert [row["start"] for row in rows] == ["2025-07-02T08:00:00+01:00", "2025-07-02T08:01:00+01:00"]
    assert float(rows[0]["open"]) == PRICE


def test_data_bars_is_a_table_for_people(written: Written) -> None:
    lines = written.run("data bars AZN.L")[1].splitlines()
    assert lines[0].split() == ["START", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"]
    assert lines[1].startswith("2025-07-02 08:00  0.30000000000000004")
    assert lines[1].endswith("1200")
    assert max(map(len, lines)) <= 110


def test_data_bars_of_an_unknown_symbol_names_those_there_are(written: Written) -> None:
    code, out, err = written.run("data bars TSLA")
    assert (code, out) == (1, "")
    assert err.startswith("error: TSLA is not in session")
    assert "RIVN" in err


def test_list_dynamic_names_the_added_symbols(written: Written) -> None:
    assert written.json("data list-dynamic") == [
        {"symbol": "AAPL", "added_ms": NOON_MS},
        {"symbol": "AZN.L", "added_ms": NOON_MS},
    ]
    assert written.run("data list-dynamic")[1].splitlines()[1].split() == ["AAPL", "12:06"]


def test_add_symbol_prints_the_receipt(written: Written) -> None:
    def reply(fields: dict[str, str]) -> Reply:
        return Reply(fields["id"], "1-0", "ok", None, {"MSFT": RECEIPT})

    with written.answering(reply) as came:
        code, out, err = written.run("data add-symbol msft --id c7 --calendar XNAS")
    assert (code, err) == (0, "")
    assert came == [{"id": "c7", "op": "add-symbol", "symbol": "MSFT", "calendar": "XNAS"}]
    assert out.splitlines() == [
        f"session {written.name}: MSFT added at 12:06",
        "SYMBOL  LOADED  WRITTEN  QUEUED           DROPPED  MISSING   HELD",
        "MSFT       726      156     234  330 pre + 6 post        0  35 ms",
    ]


def test_of_two_symbols_of_which_one_fails_the_exit_code_is_1_and_both_are_reported(written: Written) -> None:
    def reply(fields: dict[str, str]) -> Reply:
        return Reply(fields["id"], "1-0", "partial", None, {"MSFT": RECEIPT, "NOPE": REFUSED})

    with written.answering(reply):
        code, out, _ = written.run("data add-symbol MSFT NOPE --id c8 --json")
    assert code == 1
    assert json.loads(out) == {"command": "c8", "results": {"MSFT": RECEIPT, "NOPE": REFUSED}}


def test_a_command_refused_as_a_whole_refuses_each_symbol(written: Written) -> None:
    def reply(fields: dict[str, str]) -> Reply:
        return Reply(fields["id"], "1-0", "rejected", "the session has finished")

    with written.answering(reply):
        code, out, err = written.run("data add-symbol MSFT,TSLA")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "error: MSFT: the session has finished",
        "error: TSLA: the session has finished",
    ]


def test_add_symbol_without_waiting_says_the_command_and_is_done(written: Written) -> None:
    code, out, _ = written.run("data add-symbol MSFT --no-wait --id c9 --json")
    assert (code, json.loads(out)) == (0, {"command": "c9", "results": {}})
    sent: Any = written.client.xrange(written.keys.commands)
    assert [fields for _, fields in sent] == [{b"id": b"c9", b"op": b"add-symbol", b"symbol": b"MSFT"}]


def test_nobody_answering_is_said_within_the_time_given(written: Written) -> None:
    code, _, err = written.run("data add-symbol MSFT --timeout 0.2")
    assert code == 1
    assert err.startswith("error: no coordinator serves session")


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("session pause", {"op": "pause"}),
        ("session step 5", {"op": "step", "ticks": "5"}),
        ("session run-until 12:06", {"op": "run-until", "time": "12:06"}),
        ("session speed 0.5", {"op": "speed", "speed": "0.5"}),
        ("session speed max", {"op": "speed", "speed": "max"}),
        ("session stop", {"op": "stop"}),
    ],
)
def test_a_command_says_what_then_holds(written: Written, line: str, fields: dict[str, str]) -> None:
    with written.answering(holding("user")) as came:
        code, out, _ = written.run(line)
    assert code == 0
    assert came[0] | fields == came[0]
    assert out == f"session {written.name} · paused · 12:06 · holds: user\n"


def test_a_rejected_command_is_an_error(written: Written) -> None:
    with written.answering(lambda fields: Reply(fields["id"], "1-0", "rejected", "12:00 has passed")):
        code, out, err = written.run("session run-until 12:00")
    assert (code, out, err) == (1, "", "error: 12:00 has passed\n")


def test_show_says_clock_speed_symbols_and_end(written: Written) -> None:
    code, out, _ = written.run("session show")
    assert code == 0
    for line in (
        "Clock: 12:06 (America/New_York)",
        "Holds: none",
        "Speed: 60",
        "Ends: 2025-07-02 16:00",
        "Symbols: AAPL (added), AZN.L (added), RIVN",
    ):
        assert line in out.splitlines()
    assert written.json("session show")["symbols"] == ["AAPL", "AZN.L", "RIVN"]


def test_a_session_is_listed_and_deleted(written: Written) -> None:
    listed = {each["session"]: each for each in written.json("session list")}
    assert listed[written.name]["clock"] == "12:06"
    assert written.run(f"session delete {written.name}")[:2] == (0, f"session {written.name} deleted\n")
    assert not written.client.exists(written.keys.state)
    code, _, err = written.run("session show")
    assert code == 1
    assert err.startswith(f"error: there is no session {written.name}")


def test_a_session_that_cannot_be_read_is_still_deleted(written: Written) -> None:
    written.state(config="{")
    code, _, err = written.run("session list")
    assert code == 0
    assert f"session {written.name} cannot be read" in err
    assert written.run(f"session delete {written.name}")[0] == 0
    assert not written.client.exists(written.keys.state)


def test_watch_prints_each_notification_and_ends_with_the_session(written: Written) -> None:
    tick = pack_names(["AAPL", "RIVN"]) + pack(np.array([[1, 2, 0.5, 1.5, 10], [3, 3, 3, 3, 0]])).tobytes()
    start_ms = NOON_MS - MINUTE_MS
    written.note(f"{NOON_MS}-0", {"type": "tick", group_field("1m", start_ms): tick})
    added = {"type": "symbol-added", "symbols": "MSFT,TSLA", "command": "c1"}
    written.note(f"{NOON_MS}-1", added)
    written.note(f"{NOON_MS + 3_600_000 * 24}-1", {"type": "session-finished"})
    written.state(status="finished")
    code, out, _ = written.run("watch --from-start")
    assert code == 0
    assert out.splitlines() == [
        "12:06 tick AAPL 1.5 RIVN 3",
        "12:06 symbol-added MSFT, TSLA c1",
        "2025-07-03 12:06 session-finished",
    ]
    lines = [json.loads(line) for line in written.run("watch --from-start --json")[1].splitlines()]
    bar = {"start_ms": start_ms, "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 10.0}
    assert lines[0]["bars"]["AAPL"] == {"1m": bar}
    assert lines[1] == {**added, "clock_ms": NOON_MS, "symbols": ["MSFT", "TSLA"]}
    assert [line["type"] for line in lines] == ["tick", "symbol-added", "session-finished"]


def test_watch_of_a_wide_tick_stays_within_the_terminal(written: Written) -> None:
    names = [f"SYM{number}" for number in range(100)]
    tick = pack_names(sorted(names)) + pack(np.ones((100, 5))).tobytes()
    written.note(f"{NOON_MS}-0", {"type": "tick", group_field("1m", NOON_MS - MINUTE_MS): tick})
    written.note(f"{NOON_MS}-1", {"type": "session-stopped"})
    written.state(status="stopped")
    code, out, _ = written.run("watch --from-start")
    assert code == 0
    assert len(out.splitlines()[0]) == 80
    assert out.splitlines()[0].endswith("…")


def test_watch_of_a_failed_session_ends_with_1_and_the_reason(written: Written) -> None:
    written.note(f"{NOON_MS}-1", {"type": "session-failed", "error": "the source has gone"})
    written.state(status="failed", error="the source has gone")
    code, out, err = written.run("watch --from-start")
    assert (code, out) == (1, "12:06 session-failed the source has gone\n")
    assert err == "error: the source has gone\n"
    assert written.run("watch")[0] == 1


def test_watch_of_a_finished_session_says_that_nothing_follows(written: Written) -> None:
    written.note(f"{NOON_MS}-1", {"type": "session-finished"})
    written.state(status="finished")
    code, out, err = written.run("watch")
    assert (code, out) == (0, "")
    assert "nothing follows" in err


def test_several_sessions_and_none_named_is_an_error_that_lists_them(written: Written) -> None:
    other = Written(written.url, f"{written.name}-b")
    code, _, err = written.run("session show", PLAYHEAD_SESSION="")
    other.client.close()
    assert code == 1
    assert written.name in err
    assert other.name in err


def test_a_start_that_is_not_waited_for_creates_the_session(redis_url: str, session_name: str) -> None:
    line = f"session start --id {session_name} --symbols rivn --date 2025-07-02 --no-wait"
    result = CliRunner(env={"PLAYHEAD_REDIS_URL": redis_url}).invoke(app, line.split())
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"session {session_name} created")
    again = CliRunner(env={"PLAYHEAD_REDIS_URL": redis_url}).invoke(app, line.split())
    assert again.exit_code == 1
    assert again.stderr.startswith(f"error: there is a session {session_name} already")


@pytest.mark.parametrize("line", ["data session", "session show", "session list", "data list-dynamic"])
def test_a_look_at_a_session_loads_nothing_that_is_slow_to_load(written: Written, line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "playhead.cli", *line.split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PLAYHEAD_REDIS_URL": written.url, "PLAYHEAD_SESSION": written.name},
    )
    loaded = {each.rpartition("|")[2].strip().partition(".")[0] for each in done.stderr.splitlines()}
    assert {"redis", "playhead"} <= loaded
    assert not {"numpy", "pandas", "pyarrow", "polars", "msgpack", "rich"} & loaded
