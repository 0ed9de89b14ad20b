"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

from shared.redis_server import find_server

PACKAGES: Final = ("redis", "hiredis", "numpy", "pyarrow", "rq")


def described() -> dict[str, str]:
    """Processor, memory, kernel, Python, the server and the packages that do the work."""
    server = find_server()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "server": f"{server.path.name} {'.'.join(map(str, server.version))}, append-only file synced every second",
        "packages": packages,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
