"""The addition in progress, as everybody may see it: what is being added, and how many of its jobs are done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis

from playhead.connection import text
from playhead.keys import Keys
from playhead.plain import load_object

_REPORTS: Final = 10_000
_ATTEMPT: Final = b"attempt:"


@dataclass(frozen=True, slots=True)
class OperationInfo:
    """The addition of `symbols`, for which the clock stands; `command` is the id of its command. With `is_warm_up` it
    is the history that the session begins with, and nobody's command.

    The workers load them in `jobs`, of which `begun` were taken by one. `loaded` counts the symbols of those that are
    done: what was loaded is staged, and becomes visible for all of them at once. `failed` counts attempts that failed;
    another one follows, or the symbols are refused. `held_ms` is how long the clock has been standing, in wall time.
    """

    command: str
    symbols: tuple[str, ...]
    is_warm_up: bool
    jobs: int
    begun: int
    loaded: int
    failed: int
    held_ms: int


def read_operation(client: redis.Redis, keys: Keys) -> OperationInfo | None:
    """The addition in progress, `None` where there is none. What another hand has made of it is none either."""
    found = client.hgetall(keys.operation)
    operation = found.get(b"operation")
    if operation is None:
        return None
    pipe = client.pipeline(transaction=False)
    pipe.time()
    pipe.xrange(keys.reports(text(operation)), count=_REPORTS)
    (seconds, microseconds), reports = pipe.execute()
    try:
        request = load_object(text(found[b"request"]))
        jobs = [[str(each["symbol"]) for each in job] for job in request["jobs"]]
        begun_ms = int(found[b"begun_ms"])
    except (KeyError, ValueError, TypeError):
        return None
    begun, staged, failed = _counted(found, reports)
    return OperationInfo(
        command=text(found.get(b"command", b"")),
        symbols=tuple(symbol for job in jobs for symbol in job),
        is_warm_up=request.get("warm_up") is True,
        jobs=len(jobs),
        begun=len(begun),
        loaded=sum(len(job) for number, job in enumerate(jobs) if b"%d" % number in staged),
        failed=failed,
        held_ms=max(0, int(seconds) * 1000 + int(microseconds) // 1000 - begun_ms),
    )


def _counted(operation: Mapping[Any, Any], reports: Any) -> tuple[set[bytes], set[bytes], int]:
    """The jobs that were begun and that are staged by their present attempt, and how many attempts failed."""
    present = {bytes(name)[len(_ATTEMPT) :]: value for name, value in operation.items() if name.startswith(_ATTEMPT)}
    begun: set[bytes] = set()
    staged: set[bytes] = set()
    failed = 0
    for _, fields in reports:
        job, report = fields.get(b"job", b""), fields.get(b"report")
        failed += report == b"failed"
        if present.get(job) == fields.get(b"attempt"):
            begun.add(job)
            if report == b"staged":
                staged.add(job)
    return begun, staged, failed
