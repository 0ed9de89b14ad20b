"""What the tests of the whole system share: the logs of the services, where one fails."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from tests.support.services import Services
from tests.support.system import System


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failing test shows what the services logged during it."""
    report = yield
    if report.failed:
        used: dict[str, Any] = getattr(item, "funcargs", {})
        texts = {value.log_text() for value in used.values() if isinstance(value, Services | System)}
        report.sections += [("log of the services", text) for text in texts]
    return report
