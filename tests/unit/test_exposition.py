"""The port of the metrics, without any service."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import time
from datetime import date

import pytest

from playhead.cli.running import Running
from playhead.config import SessionConfig, SymbolConfig
from playhead.errors import InvalidInput
from shared.exposition import expose
from shared.free_port import free_port
from shared.health import Progress
from shared.metrics import REGISTRY, begin_session, counter, end_session, gauge, histogram, served
from tests.support.scraping import answer_of, scraped
from tests.support.services import MODULES, REPOSITORY

HOST = "127.0.0.1"
DAY = date(2025, 7, 2)


@pytest.fixture(scope="module")
def port() -> int:
    found = free_port(HOST)
    expose(HOST, found)
    return found


def test_metrics_are_answered_in_the_form_that_is_asked_for(port: int) -> None:
    counter("playhead_test_things_total", "Things.").inc(3)
    assert scraped(port)["playhead_test_things_total"] == {frozenset(): 3.0}
    assert answer_of(port, "/metrics", Accept="application/openmetrics-text")[1].endswith("# EOF\n")
    assert not answer_of(port, "/metrics")[1].endswith("# EOF\n")


def test_health_is_a_line_and_a_status(port: int) -> None:
    Progress(None).made("test")
    try:
        status, line = answer_of(port, "/healthz")
    finally:
        Progress(None).ended("test")
    assert (status, line) == (200, "every part makes progress\n")
    assert answer_of(port, "/healthz") == (503, "nothing has been begun\n")


@pytest.mark.parametrize("path", ["/", "/metricsx", "/healthz/x", "/../etc/passwd", "/%00"])
def test_there_is_nothing_else(port: int, path: str) -> None:
    assert answer_of(port, path) == (404, "there are /metrics and /healthz\n")


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET\r\n\r\n", b"\xff\x00\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n"])
def test_a_client_that_speaks_no_http_or_goes_leaves_no_trace(
    port: int, sent: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection((HOST, port)) as client:
        client.sendall(sent)
    assert answer_of(port, "/metrics")[0] == 200
    assert [each for each in caplog.records if each.levelno > logging.INFO] == []
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_an_error(port: int) -> None:
    with pytest.raises(InvalidInput) as error:
        expose(HOST, port)
    assert str(error.value) == (f"port {port} on 127.0.0.1 is taken by another process; give the metrics another one")


def test_an_address_of_another_machine_is_an_error(port: int) -> None:
    with pytest.raises(InvalidInput, match=rf"^the metrics cannot have port {port} on 192\.0\.2\.1: \w"):
        expose("192.0.2.1", port)


@pytest.mark.parametrize(("role", "form"), [*((role, "text") for role in MODULES), ("coordinator", "json")])
def test_a_role_ends_with_one_line_where_its_port_is_taken(port: int, role: str, form: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PLAYHEAD_")}
    ours = {"PLAYHEAD_METRICS_PORT": str(port), "PLAYHEAD_LOG_FORMAT": form}
    done = subprocess.run(
        [sys.executable, "-m", MODULES[role]],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=kept | ours,
        timeout=60,
        check=False,
    )
    reason = f"port {port} on 127.0.0.1 is taken by another process; give the metrics another one"
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    if form == "json":
        assert json.loads(line)["message"] == reason
    else:
        assert line.endswith(f" ERROR {role} {reason}")


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("--metrics-port", "80 80", "PLAYHEAD_METRICS_PORT='80 80' is not a port from 1 to 65535"),
        ("--metrics-host", "here", "PLAYHEAD_METRICS_HOST='here' is not an IP address, such as 127.0.0.1 or 0.0.0.0"),
        ("--log-format", "xml", "PLAYHEAD_LOG_FORMAT='xml' is not one of text, json"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(option: str, value: str, error: str) -> None:
    command = [sys.executable, "-m", "playhead.cli", "recorder", option, value]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, f"error: {error}\n")


def test_the_services_of_one_terminal_do_not_fight_for_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_METRICS_PORT", "9464")
    given = SessionConfig((SymbolConfig("RIVN"),), date=DAY, end=DAY)
    environment = Running("demo", given, None, None, None, None)._environment("redis://127.0.0.1:1/0")
    assert environment["PLAYHEAD_METRICS_PORT"] == ""


def test_the_series_of_a_session_go_with_it() -> None:
    counted = counter("playhead_test_ticks_total", "Ticks.", "session")
    asked = gauge("playhead_test_lag_seconds", "Lag.", "session", "role")
    timed = histogram("playhead_test_pause_seconds", "Pauses.", (1, 2), "session")
    other = counter("playhead_test_leases_total", "Leases.", "role")
    for session in ("one", "two"):
        begin_session("tester", session)
        counted.labels(session).inc()
        asked.labels(session, "tester").set_function(time.time)
        timed.labels(session).observe(1)
    other.labels("tester").inc()
    assert served() == ("one", "two")

    end_session("one")
    assert served() == ("two",)
    found = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    assert {sample.labels["session"] for sample in found if "session" in sample.labels} == {"two"}
    assert REGISTRY.get_sample_value("playhead_test_leases_total", {"role": "tester"}) == 1
    assert REGISTRY.get_sample_value("playhead_leases_taken_total", {"role": "tester"}) == 2
    end_session("two")
    end_session("never served")


def test_a_wrong_setting_ends_up_in_one_line_before_anything_is_started() -> None:
    command = [sys.executable, "-m", "playhead.cli", "up", "--symbols", "RIVN", "--date", "2025-07-02"]
    given = os.environ | {"PLAYHEAD_LOG_FORMAT": "xml"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=given, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: PLAYHEAD_LOG_FORMAT='xml' is not one of text, json\n"
