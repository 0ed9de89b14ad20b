"""How a process takes up its role: its settings, its logs, the port of its metrics, then its work."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Final

from playhead.errors import PlayheadError
from shared import metrics
from shared.exposition import expose
from shared.logs import configure
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)


def run(role: str, serve: Callable[[Settings], int]) -> int:
    """Serves until that returns. Returns its exit code, and 1 after a line that says why it cannot begin."""
    try:
        settings = Settings.from_environment()
    except PlayheadError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - in which form logs are wanted is not known
        return 1
    configure(role, form=settings.log_format)
    metrics.begin(role)
    if settings.metrics_port is not None:
        try:
            expose(settings.metrics_host, settings.metrics_port)
        except PlayheadError as error:
            LOG.error("%s", error)
            return 1
    return serve(settings)
