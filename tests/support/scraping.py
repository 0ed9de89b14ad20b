"""The metrics and the health of a process, as whoever asks over HTTP gets them."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 10.0
Labels = frozenset[tuple[str, str]]


def answer_of(port: int, path: str, **headers: str) -> tuple[int, str]:
    """The status and the text of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def scraped(port: int) -> Mapping[str, Mapping[Labels, float]]:
    """The values of all samples: by name, and by labels."""
    status, text = answer_of(port, "/metrics")
    assert status == 200, text
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def value_of(port: int, name: str, **labels: str) -> float | None:
    """The one value of a name with these labels, whatever others it has; `None` without any."""
    values = [value for of, value in scraped(port).get(name, {}).items() if labels.items() <= dict(of).items()]
    assert len(values) < 2, f"{name} with {labels} has {len(values)} values"
    return values[0] if values else None
