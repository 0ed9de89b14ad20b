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
    "windows_ahead": 2,
    "batch_ticks": 512,
    "batch_bytes": 1_048_576,
    "health_dir": None,
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
