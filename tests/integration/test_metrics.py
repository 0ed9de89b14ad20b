"""What services show of themselves: metrics, health, and logs in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from playhead.config import SessionConfig, SymbolConfig
from playhead.errors import CommandRejected
from playhead.session import Session
from shared.health import FRESH_S
from shared.redis_server import RedisServer
from tests.support.scraping import answer_of, scraped, value_of
from tests.support.services import REPOSITORY, Services
from tests.support.system import DAY, NOON_MS, TIMEOUT_S, wait_for
from tests.support.tape import MINUTE_MS, OPEN_MS
from tests.support.waiting import wait_until

ROLES = ("coordinator", "producer", "worker", "recorder")
NAME = "metered"
TOKEN = re.compile(r"\bplayhead_[a-z_]+\b")


@dataclass(frozen=True)
class Stage:
    """Services with metrics, and a session that was added to: RIVN, stopped at 12:06, then AAPL."""

    services: Services
    session: Session
    command: str

    def port(self, role: str) -> int:
        return self.services.only(role).port

    def value(self, process: str, name: str, **labels: str) -> float | None:
        return value_of(self.port(process), name, **labels)


def begun(services: Services, name: str, record: Path | None = None) -> Session:
    day = date.fromisoformat(DAY)
    config = SessionConfig(
        (SymbolConfig("RIVN"),), day, day, "sample:", run_until="12:06", record=str(record) if record else None
    )
    session = Session.start(name, config, services.url, wait_s=TIMEOUT_S)
    wait_for(session, "paused")
    return session


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("metered")
    with ExitStack() as stack:
        server = stack.enter_context(RedisServer.start(directory=directory / "redis"))
        services = stack.enter_context(Services(server.url, directory))
        services.metrics = True
        services.environment["PLAYHEAD_LOG_FORMAT"] = "json"
        services.start(*ROLES)
        session = stack.enter_context(begun(services, NAME, directory / "records"))
        stage = Stage(services, session, session.add_symbol("AAPL").id)
        # The recorder writes a little later than the clock moves.
        wait_until(lambda: stage.value("recorder", "playhead_recorder_writes_total"), TIMEOUT_S, "a recording")
        yield stage


def families(stage: Stage) -> set[str]:
    """The names of all metrics of ours that the four roles export."""
    found = {name for role in ROLES for name in scraped(stage.port(role)) if name.startswith("playhead_")}
    return {re.sub(r"(_bucket|_count|_sum)$", "", name) for name in found}


def test_a_session_that_was_added_to_is_counted(stage: Stage) -> None:
    of = {"session": NAME}
    assert stage.value("coordinator", "playhead_ticks_released_total", **of) == 151
    assert stage.value("coordinator", "playhead_bars_released_total", **of) == 151
    assert stage.value("coordinator", "playhead_clock_timestamp_seconds", **of) == NOON_MS / 1000
    assert stage.value("coordinator", "playhead_clock_lag_seconds", **of) == 0
    assert stage.value("coordinator", "playhead_holds", **of) == 1
    outcomes = {
        name: stage.value("coordinator", "playhead_additions_total", **of, outcome=name)
        for name in ("added", "partial", "rejected", "called_off")
    }
    assert outcomes == {"added": 1, "partial": 0, "rejected": 0, "called_off": 0}
    assert stage.value("coordinator", "playhead_addition_pause_seconds_count", **of) == 1
    assert 0 < (stage.value("coordinator", "playhead_addition_pause_seconds_sum", **of) or 0) < TIMEOUT_S
    assert stage.value("coordinator", "playhead_addition_pause_seconds_bucket", **of, le="0.005") is not None
    assert stage.value("coordinator", "playhead_addition_pause_seconds_bucket", **of, le="30.0") == 1
    assert stage.value("coordinator", "playhead_jobs_sent_total", **of) == 1
    assert stage.value("coordinator", "playhead_jobs_total", **of, outcome="succeeded") == 1
    assert stage.value("coordinator", "playhead_queue_jobs") == 0
    assert stage.value("worker", "playhead_worker_jobs_total", outcome="staged") == 1
    assert stage.value("worker", "playhead_source_read_seconds_count", source="sample") == 1
    assert stage.value("producer", "playhead_source_read_seconds_count", source="sample") == 1
    assert stage.value("producer", "playhead_ticks_published_total", **of) == 380
    # The feed ends with the mark of the day's window, at midnight UTC.
    ahead_s = stage.value("producer", "playhead_feed_ahead_seconds", **of) or 0
    assert (NOON_MS / 1000 + ahead_s) % 86_400 == 0
    for role in ("coordinator", "producer", "recorder"):
        assert stage.value(role, "playhead_sessions", role=role) == 1
        assert stage.value(role, "playhead_leases_taken_total", role=role) == 1
    for role in ROLES:
        assert stage.value(role, "playhead_build_info", role=role) == 1
        assert stage.value(role, "playhead_redis_available", role=role) == 1


def test_every_role_is_well(stage: Stage) -> None:
    for role in ROLES:
        assert answer_of(stage.port(role), "/healthz") == (200, "every part makes progress\n")


def test_a_consumer_that_is_behind_is_shown_with_how_far(stage: Stage) -> None:
    of = {"session": NAME}
    minutes = (NOON_MS - OPEN_MS) // MINUTE_MS
    with stage.session.subscribe(name="slow") as messages:
        next(messages)
        assert stage.value("coordinator", "playhead_consumers", **of) == 2
        assert stage.value("coordinator", "playhead_consumer_lag_seconds", **of, consumer="slow") == minutes * 60
        assert stage.value("coordinator", "playhead_consumer_lag_seconds", **of, consumer="recorder") == 0


def test_what_could_not_be_added_is_counted_by_how_it_ended(stage: Stage) -> None:
    with begun(stage.services, f"{NAME}-refused") as session:
        of = {"session": session.name}
        session.add_symbol("AAPL", "NODATA1")
        for refused in ("NODATA2", "RIVN"):
            with pytest.raises(CommandRejected):
                session.add_symbol(refused)
        outcomes = {
            name: stage.value("coordinator", "playhead_additions_total", **of, outcome=name)
            for name in ("added", "partial", "rejected", "called_off")
        }
        assert outcomes == {"added": 0, "partial": 1, "rejected": 1, "called_off": 1}
        assert stage.value("coordinator", "playhead_addition_pause_seconds_count", **of) == 2
        session.delete()
        wait_until(
            lambda: not any(f'"{NAME}-refused"' in answer_of(stage.port(role), "/metrics")[1] for role in ROLES),
            TIMEOUT_S,
            "the series of a deleted session to go",
        )
    assert stage.value("coordinator", "playhead_ticks_released_total", session=NAME) == 151


def test_the_clock_of_a_paced_session_keeps_up(stage: Stage) -> None:
    day = date.fromisoformat(DAY)
    config = SessionConfig((SymbolConfig("RIVN"),), day, day, "sample:", speed=600.0)
    with Session.start(f"{NAME}-paced", config, stage.services.url, wait_s=TIMEOUT_S) as session:
        clocks: set[float | None] = set()

        def moves() -> bool:
            clocks.add(stage.value("coordinator", "playhead_clock_timestamp_seconds", session=session.name))
            return len(clocks) > 3

        wait_until(moves, TIMEOUT_S, "the clock to move")
        lag_s = stage.value("coordinator", "playhead_clock_lag_seconds", session=session.name)
        assert lag_s is not None
        assert lag_s % 60 == 0  # whole bars, of which it is late by few
        assert lag_s < 3600
        session.delete()


def test_every_metric_of_the_grafana_dashboard_is_exported(stage: Stage) -> None:
    board = json.loads((REPOSITORY / "docs" / "grafana.json").read_text("utf-8"))
    named = {name for query in queries(board) for name in TOKEN.findall(query)}
    exported = {name for role in ROLES for name in scraped(stage.port(role))}
    assert len(named) > 25
    assert named <= exported


def test_every_metric_is_documented_and_every_documented_one_is_exported(stage: Stage) -> None:
    text = (REPOSITORY / "docs" / "metrics.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(playhead_[a-z_]+)` \|", text, re.MULTILINE))
    assert documented == families(stage)


def test_in_json_every_line_of_every_service_is_an_object(stage: Stage) -> None:
    logs = {service.role: service.log.read_text().splitlines() for service in stage.services.running}
    found = {role: [json.loads(line) for line in lines] for role, lines in logs.items()}
    for role, lines in found.items():
        assert {line["role"] for line in lines} == {role}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    said = [
        line for role in ("coordinator", "worker") for line in found[role] if line["message"].startswith("[DYNAMIC]")
    ]
    of_the_addition = [line["message"] for line in said if line["command"] == stage.command]
    assert {line["session"] for line in said if line["command"] == stage.command} == {NAME}
    assert "[DYNAMIC] Pausing streaming" in of_the_addition
    assert "[DYNAMIC] Loaded 756 bars for AAPL 1m" in of_the_addition
    assert "[DYNAMIC] Resuming streaming" in of_the_addition
    assert len(of_the_addition) == 12


def test_a_redis_that_is_away_makes_every_role_unwell_until_it_is_back(own_server: RedisServer, tmp_path: Path) -> None:
    with Services(own_server.url, tmp_path) as services:
        services.metrics = True
        services.start(*ROLES)
        with begun(services, NAME):
            ports = {each.role: each.port for each in services.running}

            def are(status: int) -> bool:
                return all(answer_of(port, "/healthz")[0] == status for port in ports.values())

            wait_until(lambda: are(200), TIMEOUT_S, "all to be well")
            own_server.kill()
            wait_until(lambda: are(503), FRESH_S + TIMEOUT_S, "all to be unwell")
            assert re.fullmatch(
                r"looking has made no progress for \d+ s\n", answer_of(ports["coordinator"], "/healthz")[1]
            )
            assert re.fullmatch(r"working has made no progress for \d+ s\n", answer_of(ports["worker"], "/healthz")[1])
            for role, port in ports.items():
                assert value_of(port, "playhead_redis_available", role=role) == 0
                assert value_of(port, "playhead_redis_outages_total", role=role) == 1
            assert "playhead_holds" not in scraped(ports["coordinator"])
            assert value_of(ports["coordinator"], "playhead_sessions") == 0

            own_server.restart()
            wait_until(lambda: are(200), TIMEOUT_S, "all to be well again")
            wait_until(
                lambda: value_of(ports["coordinator"], "playhead_holds", session=NAME) == 1, TIMEOUT_S, "the session"
            )
            for role, port in ports.items():
                assert value_of(port, "playhead_redis_available", role=role) == 1
                assert (value_of(port, "playhead_redis_outage_seconds_total", role=role) or 0) > FRESH_S / 2
            assert value_of(ports["coordinator"], "playhead_leases_taken_total") == 2


def test_who_takes_over_has_the_series_of_the_session_and_the_standby_has_none(
    own_server: RedisServer, tmp_path: Path
) -> None:
    with Services(own_server.url, tmp_path) as services:
        services.metrics = True
        services.start("coordinator", "producer", "worker")
        first = services.only("coordinator")
        with begun(services, NAME):
            (second,) = services.start("coordinator")
            of = {"session": NAME}
            assert value_of(first.port, "playhead_holds", **of) == 1
            assert value_of(second.port, "playhead_holds", **of) is None
            assert value_of(second.port, "playhead_sessions") == 0
            first.kill()
            wait_until(lambda: value_of(second.port, "playhead_holds", **of) == 1, TIMEOUT_S, "the takeover")
            assert value_of(second.port, "playhead_leases_taken_total") == 1
            assert value_of(second.port, "playhead_clock_timestamp_seconds", **of) == NOON_MS / 1000


def queries(node: Any) -> Iterator[str]:
    """All queries in a dashboard: those of its panels and of its variables."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("expr", "query", "definition") and isinstance(value, str):
                yield value
            else:
                yield from queries(value)
    elif isinstance(node, list):
        for each in node:
            yield from queries(each)
