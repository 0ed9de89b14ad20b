"""Imported in the process from which others are forked: what each of them would import and build, once for all."""

from __future__ import annotations

import tests.support.warm  # noqa: F401
from workers.supervisor import warm_rest, warm_up

warm_up()
warm_rest()
