"""Runs the server of the page: `python -m dashboard` or `playhead dashboard`."""

from __future__ import annotations

import logging
import sys
from typing import Final

from dashboard.place import listening_socket
from dashboard.settings import PageSettings
from playhead.errors import InvalidInput
from shared.role import run
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)


def main() -> int:
    """Serves the page until it is told to stop. Returns the exit code: 1 where it cannot be served as it was told."""
    return run("dashboard", _serve)


def _serve(settings: Settings) -> int:
    try:
        page = PageSettings.from_environment()
        listening = listening_socket(page)
    except InvalidInput as error:
        LOG.error("%s", error)
        return 1
    with listening:
        from dashboard.server import Page  # takes seconds: what is wrong is said before that

        return Page(settings, page).run(listening)


if __name__ == "__main__":
    sys.exit(main())
