"""Other engines on the same bars, each in one process and an environment of its own (`.venv-peers`).

They get their bars in memory, and what is timed is the run: the way from there to a strategy that counts them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from benchmarks.dataset import DataSet
from benchmarks.figures import rounded
from playhead.errors import PlayheadError

FOLDER: Final = Path(__file__).resolve().parent
PYTHON: Final = FOLDER.parent.parent / ".venv-peers" / "bin" / "python"


PACKAGES: Final = {"nautilus": "nautilus_trader", "backtrader": "backtrader"}


class PeerMissing(PlayheadError):
    """An engine is not installed."""


def check(name: str) -> None:
    """Raises `PeerMissing` where an engine cannot be run here."""
    if not PYTHON.exists():
        raise PeerMissing(f"{PYTHON} is not there; make it with `make peers`")
    package = PACKAGES[name]
    program = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    if subprocess.run([str(PYTHON), "-c", program], check=False).returncode:
        raise PeerMissing(f"{package} is not installed in {PYTHON.parent.parent}: it may not be for this Python")


def run(name: str, data: DataSet, bars: int) -> dict[str, Any]:
    """One run of an engine on the first ticks, as many as have about so many bars."""
    ticks = max(1, min(data.ticks, bars // data.symbols))
    command = [str(PYTHON), str(FOLDER / f"{name}_peer.py"), str(data.array()), str(ticks)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["bars"] != ticks * data.symbols:
        raise RuntimeError(f"{name} has delivered {found['bars']} bars of {ticks * data.symbols}")
    return {"rate": rounded(found["bars"] / found["seconds"]), "ticks": ticks, **found}
