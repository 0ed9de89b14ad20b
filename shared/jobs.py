"""The names of the jobs that workers run: an allow-list. A job that names anything else is refused."""

from __future__ import annotations

from typing import Final

STAGE: Final = "workers.stage.stage"
ALLOWED: Final = frozenset({STAGE})
