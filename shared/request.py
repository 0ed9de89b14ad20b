"""What an addition asks of the workers, and what a worker says that it staged: both JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SymbolRequest:
    """One symbol to be added, with its calendar, and a source of its own where it was given one."""

    symbol: str
    calendar: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class AdditionRequest:
    """Symbols by job, and the symbols that were refused before any job, with the reason.

    `asked` are the fields of the command. With `warm_up` the symbols are those that the session begins with, and only
    their history is asked for.
    """

    jobs: tuple[tuple[SymbolRequest, ...], ...]
    rejected: Mapping[str, str] = field(default_factory=dict)
    warm_up: bool = False
    asked: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def decode(cls, text: bytes | str) -> AdditionRequest:
        given = json.loads(text)
        jobs = tuple(tuple(SymbolRequest(**each) for each in job) for job in given["jobs"])
        return cls(jobs, given["rejected"], given["warm_up"], given["asked"])


@dataclass(frozen=True, slots=True)
class StagedSymbol:
    """What is staged of one symbol: the counts of its receipt, and in which intervals and trading days it has bars."""

    loaded: int
    written: int
    queued: int
    dropped: Mapping[str, int]
    missing: int
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one attempt of a job has staged, and the symbols that it could not stage, with the reason."""

    staged: Mapping[str, StagedSymbol]
    rejected: Mapping[str, str]
    through_ms: int

    def encode(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def decode(cls, text: bytes | str) -> Manifest:
        given: dict[str, Any] = json.loads(text)
        staged = {
            symbol: StagedSymbol(**each | {"data": tuple((interval, label) for interval, label in each["data"])})
            for symbol, each in given["staged"].items()
        }
        return cls(staged, given["rejected"], given["through_ms"])
