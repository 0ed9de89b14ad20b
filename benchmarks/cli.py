"""How long the command line takes to start.

`playhead data session` asks a real server for a real session. It is compared with a program of Typer that imports redis
and does nothing, and `playhead --help` with the help of that program. They are run in turns, so that whatever else the
machine does hits both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.figures import Figure, rounded
from benchmarks.rig import Rig
from benchmarks.scale import Scale
from playhead import Session
from playhead.connection import URL_VARIABLE

NAME: Final = "cli"
UNTIL: Final = "12:06"
PROGRAM: Final = """\
import redis
import typer

app = typer.Typer()


@app.command()
def nothing() -> None:
    pass


app()
"""
PLAYHEAD: Final = str(Path(sys.executable).with_name("playhead"))


def measure(scale: Scale) -> dict[str, Figure]:
    """Figures of both commands and of what they are compared with, a value a run."""
    with TemporaryDirectory() as directory, Rig("producer", "coordinator") as rig:
        program = Path(directory) / "program.py"
        program.write_text(PROGRAM)
        config = scale.data(scale.few).config(days=1, run_until=UNTIL)
        Session.start(NAME, config, rig.url).close()
        bare = [sys.executable, str(program)]
        commands = {
            "session": ("playhead data session", [PLAYHEAD, "data", "session"]),
            "nothing": ("Typer and redis", bare),
            "help": ("playhead --help", [PLAYHEAD, "--help"]),
            "nothing-help": ("Typer and redis, --help", [*bare, "--help"]),
        }
        environment = os.environ | {URL_VARIABLE: rig.url, "PLAYHEAD_SESSION": NAME}
        lasted: dict[str, list[float]] = {key: [] for key in commands}
        for _ in range(scale.starts):
            for key, (_, command) in commands.items():
                lasted[key].append(rounded(lasted_ms(command, environment)))
    return {key: Figure(what, "ms", tuple(lasted[key])) for key, (what, _) in commands.items()}


def lasted_ms(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """How long a command took."""
    begun_s = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    return (time.perf_counter() - begun_s) * 1000
