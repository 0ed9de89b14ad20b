"""The image gets what it copies: `.dockerignore` lets through what the Dockerfile names, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_what_the_image_copies_is_in_its_build_context() -> None:
    lines = (REPOSITORY / "Dockerfile").read_text("utf-8").splitlines()
    copies = [re.split(r"\s+", line)[1:-1] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    copied = {source.split("/")[0] for sources in copies for source in sources if not source.startswith("--")}
    ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    assert copied == {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert all((REPOSITORY / name).exists() for name in copied)
