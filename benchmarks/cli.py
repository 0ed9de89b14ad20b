"""How long the command line takes to start: `python -m benchmarks.cli [TIMES]`.

`playhead data session` asks a real server for a real session. It is compared with a program of Typer that imports redis
and does nothing, and `playhead --help` with the help of that program. They are run in turns, so that whatever else the
machine does hits both. Prints the medians of wall time and of processor time, and their ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playhead import Session, SessionConfig, SymbolConfig
from shared.redis_server import RedisServer
from tests.support.services import Services

TIMES: Final = 40
NAME: Final = "cli"
SYMBOLS: Final = ("AAPL", "MSFT", "RIVN")
CONFIG: Final = SessionConfig(
    tuple(map(SymbolConfig, SYMBOLS)), date(2025, 7, 2), date(2025, 7, 2), speed=None, run_until="12:06"
)
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


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with TemporaryDirectory() as directory, RedisServer.start() as server:
        program = Path(directory) / "program.py"
        program.write_text(PROGRAM)
        with Services(server.url, Path(directory)) as services:
            services.start("coordinator", "producer")
            Session.start(NAME, CONFIG, server.url).close()
        os.environ |= {"PLAYHEAD_REDIS_URL": server.url, "PLAYHEAD_SESSION": NAME}
        bare = [sys.executable, str(program)]
        print(f"{times} runs of each, in turns; load {os.getloadavg()[0]:.1f}")
        print(f"{'':<24} {'wall':>7} {'cpu':>7}")
        compare(times, {"playhead data session": [PLAYHEAD, "data", "session"], "typer + redis": bare})
        compare(times, {"playhead --help": [PLAYHEAD, "--help"], "typer + redis --help": [*bare, "--help"]})


def compare(times: int, commands: dict[str, Sequence[str]]) -> None:
    """Prints the medians of two commands, and the ratio of the first to the second."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            measured[name].append(lasted_ms(command))
    medians = {name: tuple(map(statistics.median, zip(*of, strict=True))) for name, of in measured.items()}
    for name, (wall_ms, cpu_ms) in medians.items():
        print(f"{name:<24} {wall_ms:>4.0f} ms {cpu_ms:>4.0f} ms")
    ours, bare = medians.values()
    print(f"{'ratio':<24} {ours[0] / bare[0]:>7.2f} {ours[1] / bare[1]:>7.2f}\n")


def lasted_ms(command: Sequence[str]) -> tuple[float, float]:
    """How long a command took on the wall, and of the processor."""
    begun_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return wall_s * 1000, (used.ru_utime + used.ru_stime) * 1000


if __name__ == "__main__":
    main()
