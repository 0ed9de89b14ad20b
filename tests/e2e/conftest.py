"""What the end-to-end tests share: one stack of containers for the whole run, driven from outside."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_docker.plugin import Services

from tests.conftest import lacking
from tests.e2e.support.addition import Day, Moment, nothing, play
from tests.e2e.support.docker import NO_ENGINE, engine_answers
from tests.e2e.support.images import Images, images, remove_built
from tests.e2e.support.stack import CLEANUP, FILES, Settings, Stack, own_stack
from tests.e2e.support.story import Story

STORY_SESSION = "story"


@pytest.fixture(scope="session")
def built_images() -> Iterator[Images]:
    """The images under test."""
    if not engine_answers():
        lacking(NO_ENGINE)
    try:
        yield images()
    finally:
        remove_built()


@pytest.fixture(scope="session")
def settings(built_images: Images, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of the stack that most tests share. The session that comes with it pauses at 12:06."""
    session = {"PLAYHEAD_SESSION": STORY_SESSION, "PLAYHEAD_SPEED": "max", "PLAYHEAD_RUN_UNTIL": "12:06"}
    return Settings(tmp_path_factory.mktemp("stack"), built_images, session)


# What pytest-docker asks for. Nothing is set up by it: what fails before its clean-up is in force would be left over.


@pytest.fixture(scope="session")
def docker_compose_command(settings: Settings) -> str:
    return settings.command


@pytest.fixture(scope="session")
def docker_compose_file() -> list[str]:
    return FILES


@pytest.fixture(scope="session")
def docker_compose_project_name() -> str:
    return unique_project()


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    return []


@pytest.fixture(scope="session")
def docker_cleanup() -> list[str]:
    return CLEANUP


@pytest.fixture(scope="session")
def stack(docker_services: Services, docker_compose_project_name: str, settings: Settings) -> Iterator[Stack]:
    """The services, healthy, with four workers. A test that kills Redis takes `new_stack`."""
    running = Stack(docker_services, docker_compose_project_name, settings)
    try:
        running.up(worker=4)
        yield running
    finally:
        running.remove_consumers()


@pytest.fixture
def new_stack(built_images: Images, tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    """Makes stacks for one test alone; the test starts them."""
    with ExitStack() as exits:

        def make(**variables: str) -> Stack:
            settings = Settings(tmp_path / secrets.token_hex(2), built_images, variables)
            return exits.enter_context(own_stack(settings, unique_project()))

        yield make


@pytest.fixture
def story(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Story]:
    """Sessions of this test's own on the shared stack."""
    with Story(stack, f"e2e-{secrets.token_hex(4)}") as story:
        yield story


@pytest.fixture(scope="session")
def undisturbed(stack: Stack) -> Day:
    """The day of `tests.e2e.support.addition` on which nothing happens."""
    with Story(stack, "e2e-undisturbed") as story:
        day = play(story, Moment.NEVER, nothing)
    assert len(day.data["AAPL"]) == 390
    events = [item["type"] for item in day.transcript if item["type"] != "tick"]
    assert events == ["day-opened", "symbol-added", "session-finished"]
    return day


def unique_project() -> str:
    return f"playhead-e2e-{os.getpid()}-{secrets.token_hex(2)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test shows what the containers printed."""
    report = yield
    if report.failed:
        used: dict[str, Any] = getattr(item, "funcargs", {})
        stacks = {id(value): value for value in used.values() if isinstance(value, Stack)}
        report.sections += [("log of the containers", each.log_text()) for each in stacks.values()]
    return report
