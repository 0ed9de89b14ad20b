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


def test_the_roles_in_containers_serve_metrics_to_their_network_alone() -> None:
    lines = (REPOSITORY / "docker-compose.yml").read_text("utf-8").splitlines()
    service = lines[lines.index("x-service: &service") :]
    service = service[: service.index("")]
    assert '    PLAYHEAD_METRICS_PORT: "9464"' in service
    assert "    PLAYHEAD_METRICS_HOST: 0.0.0.0" in service
    assert any(line.startswith('  expose: ["9464"]') for line in service)
    published = [line for line in lines if line.strip().startswith("ports:")]
    assert [line[-6:-2] for line in published] == ["6379", "8765"]  # those of Redis and of the page
    assert not any("9464" in line for line in published)
