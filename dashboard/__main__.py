"""Runs the server of the page: `python -m dashboard` or `playhead dashboard`."""

from __future__ import annotations

import logging
import sys
from typing import Final

from dashboard.server import Page
from dashboard.settings import PageSettings
from playhead.errors import InvalidInput
from shared.logs import configure
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)


def main() -> int:
    """Serves the page until it is told to stop. Returns the exit code: 1 where it cannot be served as it was told."""
    configure("dashboard")
    try:
        return Page(Settings.from_environment(), PageSettings.from_environment()).run()
    except InvalidInput as error:
        LOG.error("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
