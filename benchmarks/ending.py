"""How a command of the benchmarks ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from playhead.errors import PlayheadError

INTERRUPTED: Final = 130
"""The exit code after a Ctrl-C, as shells have it."""


def ended(main: Callable[[], int]) -> int:
    """Runs a command. Returns its exit code; what its user can mend is said in a line, and no traceback."""
    try:
        return main()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except PlayheadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
