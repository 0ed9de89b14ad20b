"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.tally import Tally


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """What became of all hostile input; said at the end of the run."""
    counts = Tally()
    yield counts
    if counts.total():
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print("", *counts.table(), sep="\n")  # noqa: T201 - it is the result of `make fuzz`
