"""What the services can be told: read once where a process starts, from the environment, and passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from typing import Final, Self

from playhead.connection import redis_url
from playhead.errors import InvalidInput
from shared.health import DIRECTORY_VARIABLE
from shared.logs import FORMATS, TEXT

MIB: Final = 1 << 20
PREFIX: Final = "PLAYHEAD_"
SHOWN: Final = 40  # characters of a wrong value that its error repeats
LOOPBACK: Final = "127.0.0.1"
LAST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and addresses of the services. Each number can be set by `PLAYHEAD_<NAME>` in the environment."""

    redis_url: str
    queue_url: str
    """Where RQ keeps its jobs; the same server unless `PLAYHEAD_QUEUE_URL` says otherwise."""

    health_dir: str | None = None
    """Where a process shows its health checks that it gets on with its work; nowhere by default."""

    metrics_port: int | None = None
    """Where the process answers `/metrics` and `/healthz`; nowhere by default."""

    metrics_host: str = LOOPBACK
    """The IP address that it listens on for that."""

    log_format: str = TEXT
    """`text` or `json`."""

    lease_ms: int = 1_500
    """How long a lease lives without being renewed; others can take over after that."""

    operation_deadline_ms: int = 30_000
    """An addition that takes longer is called off."""

    job_silence_ms: int = 2_000
    """A job that shows no life for so long is given to a new attempt."""

    job_attempts: int = 3
    """Attempts of a job that was begun; after the last one the addition is called off."""

    staged_lifetime_ms: int = 600_000
    """What is staged and never committed goes away by itself after this time."""

    retained_ticks: int = 10_000
    """Notifications that stay readable."""

    retained_bytes: int = 256 * MIB
    """The same by size: the smaller of the two counts."""

    consumer_silence_ms: int = 10_000
    """The clock waits for a consumer until it has shown no life for so long. It shows life every second."""

    feed_ticks_ahead: int = 2_048
    """Ticks that the producer keeps ready in the main feed."""

    feed_bytes_ahead: int = 64 * MIB
    """The same by size: the smaller of the two counts."""

    windows_ahead: int = 4
    """Windows with bars that may be opened ahead of the one in which the clock is."""

    batch_ticks: int = 512
    """Ticks released by one call at full speed."""

    batch_bytes: int = MIB
    """The same by size: the smaller of the two counts, but for 24 ticks."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Reads the environment. Raises `InvalidInput` for a number that is none, and for what cannot be chosen."""
        given = os.environ if environment is None else environment
        url = redis_url(given.get(f"{PREFIX}REDIS_URL"))
        numbers = {
            each.name: _positive(name, given[name])
            for each in fields(cls)
            if each.type == "int" and (name := f"{PREFIX}{each.name.upper()}") in given
        }
        queue_url = given.get(f"{PREFIX}QUEUE_URL") or url
        return cls(
            redis_url=url,
            queue_url=queue_url,
            health_dir=given.get(DIRECTORY_VARIABLE) or None,
            metrics_port=_port(f"{PREFIX}METRICS_PORT", given),
            metrics_host=_address(f"{PREFIX}METRICS_HOST", given),
            log_format=_format(f"{PREFIX}LOG_FORMAT", given),
            **numbers,
        )


def _positive(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidInput(f"{name}={text[:SHOWN]!r} is not a whole number above 0")
    return int(text)


def _port(name: str, given: Mapping[str, str]) -> int | None:
    text = given.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:SHOWN]) <= LAST_PORT):
        raise InvalidInput(f"{name}={text[:SHOWN]!r} is not a port from 1 to {LAST_PORT}")
    return int(text)


def _address(name: str, given: Mapping[str, str]) -> str:
    text = given.get(name) or LOOPBACK
    try:
        return str(ip_address(text))
    except ValueError:
        raise InvalidInput(f"{name}={text[:SHOWN]!r} is not an IP address, such as {LOOPBACK} or 0.0.0.0") from None


def _format(name: str, given: Mapping[str, str]) -> str:
    text = given.get(name) or TEXT
    if text not in FORMATS:
        raise InvalidInput(f"{name}={text[:SHOWN]!r} is not one of {', '.join(FORMATS)}")
    return text
