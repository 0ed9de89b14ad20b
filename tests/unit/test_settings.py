"""What the services can be told by the environment."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from playhead.errors import InvalidInput
from shared.settings import MIB, Settings

DEFAULTS = {
    "redis_url": "redis://127.0.0.1:6379/0",
    "queue_url": "redis://127.0.0.1:6379/0",
    "lease_ms": 1_500,
    "operation_deadline_ms": 30_000,
    "job_silence_ms": 2_000,
    "job_attempts": 3,
    "staged_lifetime_ms": 600_000,
    "retained_ticks": 10_000,
    "retained_bytes": 268_435_456,
    "consumer_silence_ms": 10_000,
    "feed_ticks_ahead": 2_048,
    "feed_bytes_ahead": 67_108_864,
    "windows_ahead": 4,
    "batch_ticks": 512,
    "batch_bytes": 1_048_576,
    "health_dir": None,
    "metrics_port": None,
    "metrics_host": "127.0.0.1",
    "log_format": "text",
}
NUMBERS = sorted(name for name, value in DEFAULTS.items() if isinstance(value, int))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DEFAULTS:
        monkeypatch.delenv(f"PLAYHEAD_{name.upper()}", raising=False)


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert {each.name: getattr(settings, each.name) for each in fields(settings)} == DEFAULTS
    assert MIB == 1_048_576


@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_can_be_set_by_its_own_variable(name: str) -> None:
    settings = Settings.from_environment({f"PLAYHEAD_{name.upper()}": "7"})
    assert getattr(settings, name) == 7
    changed = {each for each in DEFAULTS if getattr(settings, each) != DEFAULTS[each]}
    assert changed == {name}


def test_where_metrics_are_served_and_how_logs_look_can_be_said() -> None:
    given = {"PLAYHEAD_METRICS_PORT": "9464", "PLAYHEAD_METRICS_HOST": "10.0.0.5", "PLAYHEAD_LOG_FORMAT": "json"}
    settings = Settings.from_environment(given)
    assert (settings.metrics_port, settings.metrics_host, settings.log_format) == (9464, "10.0.0.5", "json")
    assert Settings.from_environment(dict.fromkeys(given, "")) == Settings.from_environment({})
    assert Settings.from_environment({"PLAYHEAD_METRICS_HOST": "::1"}).metrics_host == "::1"


@pytest.mark.parametrize(
    "text", ["0", "-1", "65536", "99999999999999999999999999999999999999999999", "x", "9464.0", "\u0667"]
)
def test_a_port_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Settings.from_environment({"PLAYHEAD_METRICS_PORT": text})
    assert str(error.value) == f"PLAYHEAD_METRICS_PORT={text[:40]!r} is not a port from 1 to 65535"


@pytest.mark.parametrize("text", ["localhost", "10.0.0", "0.0.0.0:9464", "1.2.3.4.5", " ", "*"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Settings.from_environment({"PLAYHEAD_METRICS_HOST": text})
    assert str(error.value) == f"PLAYHEAD_METRICS_HOST={text!r} is not an IP address, such as 127.0.0.1 or 0.0.0.0"


@pytest.mark.parametrize("text", ["JSON", "xml", "text,json", " json"])
def test_a_form_of_logs_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Settings.from_environment({"PLAYHEAD_LOG_FORMAT": text})
    assert str(error.value) == f"PLAYHEAD_LOG_FORMAT={text!r} is not one of text, json"


def test_the_queue_is_on_the_same_server_unless_it_is_given_one_of_its_own() -> None:
    same = Settings.from_environment({"PLAYHEAD_REDIS_URL": "redis://a:1/2"})
    assert (same.redis_url, same.queue_url) == ("redis://a:1/2", "redis://a:1/2")
    other = Settings.from_environment({"PLAYHEAD_REDIS_URL": "redis://a:1/2", "PLAYHEAD_QUEUE_URL": "redis://b:3/4"})
    assert (other.redis_url, other.queue_url) == ("redis://a:1/2", "redis://b:3/4")
    empty = Settings.from_environment({"PLAYHEAD_REDIS_URL": "redis://a:1/2", "PLAYHEAD_QUEUE_URL": ""})
    assert empty.queue_url == "redis://a:1/2"


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1e3", "many", " 7", "\u0667", "0x10", "7s"])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_variable(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Settings.from_environment({"PLAYHEAD_LEASE_MS": text})
    assert str(error.value) == f"PLAYHEAD_LEASE_MS={text!r} is not a whole number above 0"


def test_without_an_argument_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYHEAD_BATCH_TICKS", "5")
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", "redis://a:1/2")
    assert (Settings.from_environment().batch_ticks, Settings.from_environment().redis_url) == (5, "redis://a:1/2")


def test_other_variables_are_passed_over() -> None:
    assert Settings.from_environment({"LEASE_MS": "7", "PLAYHEAD_NOTHING": "x"}) == Settings.from_environment({})


def test_settings_are_not_changed_once_they_are_read() -> None:
    settings = Settings.from_environment({})
    with pytest.raises(FrozenInstanceError):
        settings.lease_ms = 7  # type: ignore[misc]  # that is what is tested
