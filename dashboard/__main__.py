"""Runs the server of the page: `python -m dashboard` or `playhead dashboard`."""

from __future__ import annotations

import sys

from dashboard.server import Page
from dashboard.settings import PageSettings
from shared.logs import configure
from shared.settings import Settings


def main() -> int:
    """Serves the page until it is told to stop. Returns the exit code."""
    configure("dashboard")
    return Page(Settings.from_environment(), PageSettings.from_environment()).run()


if __name__ == "__main__":
    sys.exit(main())
