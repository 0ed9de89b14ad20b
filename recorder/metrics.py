"""What a recorder shows of its sessions, for Prometheus."""

from __future__ import annotations

from typing import Final

from shared.metrics import SESSION, counter, gauge

WRITTEN: Final = counter("playhead_recorder_writes_total", "How often a file of a recording was written.", SESSION)
FAILING: Final = gauge("playhead_recorder_failing", "1 while the session cannot be recorded, else 0.", SESSION)
