"""The images that the end-to-end tests run: official bases where a registry answers, else ones of Debian's packages."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.support.docker import docker, run

REPOSITORY: Final = Path(__file__).resolve().parents[3]
SCRIPT: Final = REPOSITORY / "tests" / "e2e" / "images" / "debian"
OFFICIAL: Final = {"python": "python:3.11-slim", "redis": "redis:7"}
PROJECT_IMAGE: Final = "playhead-e2e"
DEPENDENCIES_IMAGE: Final = "playhead-base-dependencies"
"""The stage that fetches what the lock names; kept, since its layers are what makes the next build quick."""
BUILD_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True)
class Images:
    """Names of images that are there."""

    project: str
    redis: str


def images() -> Images:
    """Makes what is missing, and builds the project's image of the checkout as it is."""
    redis = base("redis")
    build = ["--file", str(REPOSITORY / "Dockerfile"), "--build-arg", f"PYTHON_IMAGE={base('python')}"]
    for stage in (["--target", "dependencies", "--tag", DEPENDENCIES_IMAGE], ["--tag", PROJECT_IMAGE]):
        docker("build", "--quiet", *build, *stage, str(REPOSITORY), timeout_s=BUILD_TIMEOUT_S)
    return Images(PROJECT_IMAGE, redis)


def remove_built() -> None:
    """Takes away what `images` has built: the project's image and what has no name. The bases stay."""
    run(["docker", "image", "rm", "--force", PROJECT_IMAGE])
    run(["docker", "image", "prune", "--force", "--filter", "label=playhead.stage=build"])


def base(kind: str) -> str:
    """A base image: the official one if it can be had, else one made here, which is kept for the next run."""
    official = OFFICIAL[kind]
    if has(official) or run(["docker", "pull", "--quiet", official], BUILD_TIMEOUT_S).code == 0:
        return official
    inputs = subprocess.run([SCRIPT, "inputs"], check=True, capture_output=True).stdout
    tag = f"playhead-base-{kind}:{hashlib.sha256(inputs).hexdigest()[:12]}"
    if not has(tag):
        made = run([str(SCRIPT), kind, tag], BUILD_TIMEOUT_S)
        assert made.code == 0, f"{SCRIPT} {kind} ended with {made.code}: {made.err[-2_000:]}"
    return tag


def has(image: str) -> bool:
    return run(["docker", "image", "inspect", image]).code == 0
