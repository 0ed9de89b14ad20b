"""The web page as a part of `playhead up`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from shared.listening import listen_anywhere
from shared.redis_server import LOOPBACK
from tests.support.services import REPOSITORY, Services
from tests.support.system import DAY
from tests.support.waiting import wait_until

TIMEOUT_S = 60.0
ADDRESS = re.compile(r"^web page: (http://127\.0\.0\.1:\d+)/session/up-page$", re.MULTILINE)
Said = Callable[[], str]

# What a Python does first where a package is not installed.
WITHOUT_NICEGUI = """
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "nicegui" else found(name, package)
"""


@contextmanager
def up(services: Services, directory: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Said]]:
    """The command with a Redis of its own, and what it has said so far. Fails where it does not end well."""
    log = directory / "up.log"
    arguments = ["up", "--id", "up-page", "--symbols", "RIVN", "--date", DAY, "--run-until", "10:00", *options]
    kept = {name: value for name, value in services.environment.items() if not name.startswith("PLAYHEAD_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "playhead.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=REPOSITORY,
            env=kept | {"PYTHONPATH": str(directory)},
        )
    with process:
        try:
            yield process, log.read_text
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0, log.read_text()
            assert "Traceback" not in log.read_text()
        finally:
            process.kill()


def test_up_serves_the_page_at_another_port_where_that_is_taken_and_starts_it_again_there(
    services: Services, tmp_path: Path
) -> None:
    with listen_anywhere(LOOPBACK) as taken:
        port = taken.getsockname()[1]
        with up(services, tmp_path, "--dashboard-port", str(port)) as (process, said):
            wait_until(lambda: "INFO dashboard page at" in said(), TIMEOUT_S, "the page")
            assert f"port {port} is taken by another process; taking a free one for the web page" in said()
            (address,) = ADDRESS.findall(said())
            assert not address.endswith(f":{port}")
            with urlopen(f"{address}/session/up-page", timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own
                assert answer.status == 200
            os.kill(child(process.pid, "dashboard"), signal.SIGKILL)
            wait_until(lambda: "dashboard was killed by SIGKILL" in said(), TIMEOUT_S, "that to be noticed")
            with urlopen(address, timeout=TIMEOUT_S) as answer:  # noqa: S310 - whoever asks meanwhile waits
                assert answer.status == 200
            assert said().count(f"INFO dashboard page at {address}/") == 2
            wait_until(lambda: "session up-page paused" in said(), TIMEOUT_S, "10:00")


def child(parent: int, module: str) -> int:
    """The process that runs a module for another one."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    (pid,) = (
        int(line.split()[0])
        for line in found.splitlines()[1:]
        if line.split()[1] == str(parent) and line.split()[-2:] == ["-m", module]
    )
    return pid


def test_up_goes_on_without_the_page_where_what_it_needs_is_missing(services: Services, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_NICEGUI)
    with up(services, tmp_path) as (_, said):
        wait_until(lambda: "session up-page paused" in said(), TIMEOUT_S, "10:00")
        assert said().count("web page") == 2
        assert "no web page: the web page needs NiceGUI, which is not installed here" in said()
