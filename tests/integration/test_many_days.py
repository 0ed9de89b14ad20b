"""Sessions of many days on recorded bars of three exchanges: every bar once, in order, whenever a symbol came."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from playhead.bars import Bar, Bars
from playhead.config import SessionConfig, SymbolConfig
from playhead.messages import DayOpened, Message, SymbolAdded, Tick
from playhead.session import Session
from tests.support.system import TIMEOUT_S, System, info_of, play_to_the_end, wait_for
from tests.support.waiting import wait_until

SPY_OPTIONS = (
    "pattern={symbol}_2011-03.csv&header=no&delimiter=;&columns=0,1,2,3,4,5&format=%Y%m%d %H%M%S&tz=UTC&label=end"
)
FIRST, LAST = date(2022, 5, 19), date(2022, 6, 14)
ZONES = {"MSFT": "America/New_York", "AZN.L": "Europe/London", "9988.HK": "Asia/Hong_Kong"}
CALENDARS = {"XNYS": "MSFT", "XLON": "AZN.L", "XHKG": "9988.HK"}
ADDED = {"AZN.L": "2022-05-20T10:00:00-04:00", "9988.HK": "2022-06-01T12:06:00+08:00"}
HISTORY = 3


@dataclass
class Transcript:
    """What a consumer has seen of a session, and what it read when a symbol came."""

    ticks: dict[str, list[Bar]] = field(default_factory=lambda: {symbol: [] for symbol in ZONES})
    derived: dict[str, list[Bar]] = field(default_factory=lambda: {symbol: [] for symbol in ZONES})
    caught_up: dict[str, tuple[list[Bar], list[Bar]]] = field(default_factory=dict)
    added_ms: dict[str, int] = field(default_factory=dict)
    days: list[tuple[str, str]] = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)

    def take(self, message: Message, session: Session) -> None:
        self.clocks.append(message.clock_ms)
        if isinstance(message, Tick):
            for symbol, interval, bar in message.bars():
                (self.ticks if interval == "1m" else self.derived)[symbol].append(bar)
        elif isinstance(message, SymbolAdded):
            for symbol in message.symbols:
                self.added_ms[symbol] = message.clock_ms
                self.caught_up[symbol] = (rows(session.history(symbol)), rows(session.bars(symbol)))
        elif isinstance(message, DayOpened):
            self.days.append((message.calendar, message.date))


def rows(bars: Bars | None) -> list[Bar]:
    assert bars is not None
    return list(bars)


def recorded(folder: Path, symbol: str) -> dict[str, list[Bar]]:
    """The bars of a file by local date. All of its lines are in regular hours."""
    zone = ZoneInfo(ZONES[symbol])
    found: dict[str, list[Bar]] = {}
    with (folder / f"{symbol}_2022.csv").open(newline="") as lines:
        for line in csv.DictReader(lines):
            moment = datetime.fromisoformat(line["date"])
            bar = Bar(int(moment.timestamp()) * 1000, *map(float, list(line.values())[1:6]))
            found.setdefault(moment.astimezone(zone).date().isoformat(), []).append(bar)
    return found


def test_every_recorded_bar_of_three_exchanges_comes_once_and_in_order_over_their_common_days(
    system: System, real_bars: Path
) -> None:
    config = SessionConfig(
        (SymbolConfig("MSFT"),),
        FIRST,
        LAST,
        f"csv:{real_bars}?pattern={{symbol}}_2022.csv",
        derive=("1h",),
        history=HISTORY,
        run_until="09:31",
    )
    seen = Transcript()
    with Session.start(system.name, config, system.url, wait_s=TIMEOUT_S) as session:
        wait_for(session, "paused")
        with Session(system.name, system.url) as follower, follower.subscribe("study") as messages:
            for symbol, at in ADDED.items():
                session.run_until(at)
                wait_for(session, "paused")
                assert session.add_symbol(symbol, timeout_s=TIMEOUT_S).status == "ok"
            session.resume()
            for message in messages:  # the clock waits for it: there are more ticks than are kept
                seen.take(message, follower)
        wait_for(session, "finished")
        assert info_of(session).date == LAST

        files = {symbol: recorded(real_bars, symbol) for symbol in ZONES}
        common = {symbol: [day for day in by_day if str(FIRST) <= day <= str(LAST)] for symbol, by_day in files.items()}
        # The days of the whole session are there in full: nothing below compares with less than was recorded.
        assert {symbol: len(days) for symbol, days in common.items()} == {"MSFT": 18, "AZN.L": 17, "9988.HK": 18}
        assert all(len(files["MSFT"][day]) == 390 for day in common["MSFT"])
        assert seen.clocks == sorted(seen.clocks)
        for calendar, symbol in CALENDARS.items():
            since = seen.added_ms.get(symbol, 0)
            opened = [day for day in common[symbol] if files[symbol][day][0].start_ms > since]
            assert [day for name, day in seen.days if name == calendar] == opened
        for symbol, by_day in files.items():
            days = common[symbol]
            if symbol in ADDED:
                day = [each for each in days if by_day[each][0].start_ms <= seen.added_ms[symbol]][-1]
                before = [each for each in by_day if each < day][-HISTORY:]
                history, caught_up = seen.caught_up[symbol]
                assert history == [bar for each in before for bar in by_day[each]]
                assert caught_up == [bar for bar in by_day[day] if bar.start_ms + 60_000 <= seen.added_ms[symbol]]
                days = [each for each in days if each >= day]
                assert caught_up + seen.ticks[symbol] == [bar for each in days for bar in by_day[each]]
            else:
                assert seen.ticks[symbol] == [bar for each in days for bar in by_day[each]]
            assert rows(session.bars(symbol)) == by_day[days[-1]]
            assert rows(session.history(symbol)) == [bar for each in days[-1 - HISTORY : -1] for bar in by_day[each]]
        assert seen.derived["MSFT"][6] == whole_of(files["MSFT"][common["MSFT"][0]][360:])

        assert system.cli("verify").code == 0
        journal = system.directory / "journal.jsonl"
        journal.write_text(system.cli("session", "journal").out)
        for name in ("again", "and-again"):
            repeated = system.cli("session", "rerun", str(journal), "--id", f"{system.name}-{name}")
            assert repeated.code == 0, repeated.out + repeated.err
            shown = system.cli("session", "show", "--session", f"{system.name}-{name}", "--json")
            assert shown.json["run_hash"] == system.cli("session", "show", "--json").json["run_hash"]


def whole_of(bars: list[Bar]) -> Bar:
    """One bar of some bars: the last half hour before the close, in which a bar of an hour is cut."""
    first, last = bars[0], bars[-1]
    high, low = max(bar.high for bar in bars), min(bar.low for bar in bars)
    return Bar(first.start_ms, first.open, high, low, last.close, sum(bar.volume for bar in bars))


def test_a_symbol_that_is_added_while_later_days_are_published_has_all_of_them(system: System, real_bars: Path) -> None:
    source = f"csv:{real_bars}?pattern={{symbol}}_2022.csv"
    options = ["--symbols", "9988.HK", "--date", "2022-05-19", "--end", "2022-05-24", "--source", source]
    answer = system.cli("session", "start", "--id", system.name, *options, "--speed", "60")
    assert answer.code == 0, answer.err
    with Session(system.name, system.url) as session:
        windows, last_ms = system.keys().windows, int(datetime.fromisoformat("2022-05-21T00:00:00Z").timestamp() * 1000)
        wait_until(lambda: int(system.client.hget(windows, "through_ms") or 0) >= last_ms, 30, "the second window")
        assert system.cli("data", "add-symbol", "MSFT").code == 0
        play_to_the_end(session)
        ticks = [message for message in session.subscribe(from_start=True) if isinstance(message, Tick)]
        bars = [bar for tick in ticks for symbol, _, bar in tick.bars() if symbol == "MSFT"]
        files = recorded(real_bars, "MSFT")
        assert bars == [bar for day in ("2022-05-19", "2022-05-20", "2022-05-23", "2022-05-24") for bar in files[day]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--date", "2022-06-10", "--end", "2022-06-01"], ["2022-06-01", "before"]),
        (["--date", "2022-06-01", "--derive", "90s"], ["90s", "multiple of 1m"]),
        (["--date", "2022-06-01", "--derive", "5m,1m"], ["1m", "longer"]),
        (["--date", "2022-06-01", "--derive", "5m,5m"], ["5m", "twice"]),
        (["--date", "2022-06-01", "--derive", "1w"], ["1w", "whole number"]),
        (["--date", "2022-06-01", "--interval", "7q"], ["7q", "whole number"]),
        (["--date", "2022-06-01", "--history", "ten"], ["ten", "10d"]),
        (["--date", "2022-06-01", "--history", "9999d"], ["9999", "1000"]),
        (["--date", "2022-06-01", "--hours", "most"], ["most", "all"]),
    ],
)
def test_what_cannot_be_replayed_is_refused_in_one_line_and_leaves_nothing(
    system: System, options: list[str], words: list[str]
) -> None:
    answer = system.cli("session", "start", "--id", system.name, "--symbols", "MSFT", *options)
    assert answer.code == 1
    assert len(answer.err.splitlines()) == 1
    assert all(word in answer.err for word in words), answer.err
    assert not system.client.exists(system.keys().state)


def test_pre_and_post_market_bars_are_kept_on_purpose_across_a_weekend_and_a_change_of_clocks(
    system: System, real_bars: Path
) -> None:
    zone = ZoneInfo("America/New_York")
    by_day: dict[str, list[int]] = {}
    with (real_bars / "SPY_2011-03.csv").open(newline="") as lines:
        for label, *_ in csv.reader(lines, delimiter=";"):
            end = datetime.strptime(label, "%Y%m%d %H%M%S").replace(tzinfo=UTC)
            start = end - timedelta(minutes=1)
            by_day.setdefault(start.astimezone(zone).date().isoformat(), []).append(int(start.timestamp()) * 1000)
    days = ("2011-03-11", "2011-03-14")
    assert all(len(by_day[day]) > 390 for day in days)

    name = f"{system.name}-all"
    options = ["--symbols", "SPY", "--date", days[0], "--end", days[1], "--source", f"csv:{real_bars}?{SPY_OPTIONS}"]
    answer = system.cli("session", "start", "--id", name, *options, "--hours", "all")
    assert answer.code == 0, answer.err
    with Session(name, system.url) as session:
        wait_for(session, "finished")
        ticks = [message for message in session.subscribe(from_start=True) if isinstance(message, Tick)]
        starts = [bar.start_ms for tick in ticks for _, _, bar in tick.bars()]
        assert starts == [start_ms for day in days for start_ms in by_day[day]]
