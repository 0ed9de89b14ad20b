"""Times without a bar must not stop a session: closed days, and a last minute in which nothing was traded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Final

import pytest

from coordinator.replay import Replay
from playhead import config as configs
from playhead.bars import Bars
from playhead.config import SessionConfig, SymbolConfig
from playhead.connection import connect, text
from playhead.keys import SESSIONS, Keys
from playhead.scripts import Script
from producer.publisher import Publisher
from shared.lease import Lease
from shared.settings import Settings
from shared.sources.sample import SampleSource

LIFETIME_MS: Final = 60_000
TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.002
WITHOUT_LAST_BAR: Final = "T11"  # the sample has no bar of it at 15:59 on 2025-07-02
_create = Script("playhead", "create")


class Stage:
    """A coordinator and a producer of one session, in turn in this thread."""

    def __init__(self, url: str, name: str, config: SessionConfig) -> None:
        self.client, self.keys = connect(url), Keys(name)
        self.client.sadd(SESSIONS, name)
        _create(self.client, [self.keys.state], [configs.encode(config), "history", 1, "max"])
        settings = Settings(url, url)
        self.coordinator = Replay(self.client, self.lease("coordinator"), settings)
        self.producer = Publisher(self.client, self.lease("producer"), settings)

    def lease(self, role: str) -> Lease:
        lease = Lease(self.client, self.keys, role, LIFETIME_MS)
        assert lease.acquire()
        return lease

    def command(self, **fields: str) -> None:
        self.client.xadd(self.keys.commands, dict(fields.items()))

    def state(self, field: str) -> str:
        return text(self.client.hget(self.keys.state, field) or "")

    def clock(self) -> str:
        """In UTC, such as `07-02 20:00`."""
        return datetime.fromtimestamp(int(self.state("clock_ms")) / 1000, UTC).strftime("%m-%d %H:%M")

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while not condition():
            idle = bool(self.coordinator.poll()) & bool(self.producer.poll())
            time.sleep(POLL_S if idle else 0)
            assert time.monotonic() < deadline_s, f"{self.state('status')} at {self.clock()}"

    def close(self) -> None:
        self.producer.close()
        self.coordinator.close()
        self.client.close()


@pytest.fixture
def stage(redis_url: str, session_name: str) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(symbol: str, first: str, last: str, run_until: str | None = None) -> Stage:
        days = date.fromisoformat(first), date.fromisoformat(last)
        made.append(Stage(redis_url, session_name, SessionConfig((SymbolConfig(symbol),), *days, run_until=run_until)))
        return made[0]

    yield make
    for each in made:
        with closing(each):
            pass


def test_a_session_at_full_speed_goes_on_after_a_holiday_and_a_weekend(stage: Callable[..., Stage]) -> None:
    run = stage("RIVN", "2025-07-03", "2025-07-07")
    run.run_until(lambda: run.state("status") == "finished")
    assert run.clock() == "07-07 20:00"


def test_a_source_is_not_asked_for_days_on_which_all_exchanges_are_closed(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    get_many = SampleSource.get_many

    def noted(self: SampleSource, symbols: Sequence[str], interval: str, start: int, end: int) -> dict[str, Bars]:
        asked.append(datetime.fromtimestamp((end - 1) / 1000, UTC).strftime("%m-%d"))
        return get_many(self, symbols, interval, start, end)

    monkeypatch.setattr(SampleSource, "get_many", noted)
    run = stage("RIVN", "2025-07-03", "2025-07-08")
    run.run_until(lambda: run.state("status") == "finished")
    assert asked == ["07-03", "07-07", "07-08"]


def test_what_a_source_has_not_got_is_said_at_once_also_where_the_first_day_is_a_holiday_now(
    redis_url: str, session_name: str
) -> None:
    """The day was one of Tokyo, whose symbol was removed before anything was read."""
    symbols = SymbolConfig("7203.T"), SymbolConfig("RIVN", source="csv:/nowhere")
    with closing(Stage(redis_url, session_name, SessionConfig(symbols, date(2025, 7, 4), date(2025, 7, 7)))) as run:
        run.command(op="remove-symbol", symbol="7203.T")
        while "7203.T" in map(text, run.client.hkeys(run.keys.symbols)) or run.state("status") == "created":
            run.coordinator.poll()
        run.run_until(lambda: run.state("status") == "failed")
        assert "there is no directory /nowhere" in run.state("error")


@pytest.mark.parametrize("speed", ["max", "1"])
def test_a_step_over_a_holiday_and_a_weekend_takes_the_next_bar(stage: Callable[..., Stage], speed: str) -> None:
    run = stage("AAPL", "2025-07-03", "2025-07-07", "13:00")
    run.run_until(lambda: run.client.sismember(run.keys.holds, "user"))
    assert run.clock() == "07-03 17:00"
    run.command(op="speed", speed=speed)
    run.command(op="step")
    run.run_until(lambda: run.clock() == "07-07 13:31")
    assert run.client.sismember(run.keys.holds, "user")


def test_a_session_at_a_pace_reaches_its_end_though_the_last_minutes_have_no_bar(
    stage: Callable[..., Stage],
) -> None:
    run = stage(WITHOUT_LAST_BAR, "2025-07-02", "2025-07-02", "15:58")
    run.run_until(lambda: run.client.sismember(run.keys.holds, "user"))
    run.command(op="speed", speed="40")  # a minute takes longer than the pace may lag
    run.command(op="resume")
    run.run_until(lambda: run.state("status") == "finished")
    assert run.clock() == "07-02 20:00"
    last = run.client.xrevrange(run.keys.notifications, count=2)
    assert last is not None
    assert [text(fields[b"type"]) for _, fields in last if fields] == ["session-finished", "tick"]
