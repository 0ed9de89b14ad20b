"""What an addition asks of the workers, and what a worker says that it staged: both JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from playhead.errors import Malformed
from playhead.plain import load_object, typed
from playhead.times import MAX_TIME_MS


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
        """The request in an operation. Raises `Malformed`."""
        try:
            given = load_object(text)
            jobs = tuple(tuple(_asked(each) for each in job) for job in given["jobs"])
            warm_up = typed(given["warm_up"], bool, what="warm_up")
            return cls(jobs, _texts(given["rejected"]), warm_up, _texts(given["asked"]))
        except (KeyError, ValueError, TypeError) as error:
            raise Malformed(f"the request of an addition is not as it should be: {error}") from error


@dataclass(frozen=True, slots=True)
class StagedSymbol:
    """What is staged of one symbol: the counts of its receipt, and in which intervals and trading days it has bars."""

    loaded: int
    written: int
    queued: int
    dropped: Mapping[str, int]
    missing: int
    data: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        counts = {"loaded": self.loaded, "written": self.written, "queued": self.queued, "missing": self.missing}
        for what, count in (*counts.items(), *self.dropped.items()):
            typed(count, int, what=what)


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
        """The manifest of an attempt. Raises `Malformed`."""
        try:
            given = load_object(text)
            staged = {symbol: _staged(each) for symbol, each in typed(given["staged"], dict, what="staged").items()}
            through_ms = typed(given["through_ms"], int, what="through_ms")
            if not 0 <= through_ms <= MAX_TIME_MS:
                raise ValueError(f"through_ms is {through_ms}, which is no market time")
            return cls(staged, _texts(given["rejected"]), through_ms)
        except (KeyError, ValueError, TypeError) as error:
            raise Malformed(f"the manifest of an attempt is not as it should be: {error}") from error


def _asked(given: Any) -> SymbolRequest:
    asked = SymbolRequest(**typed(given, dict, what="a request"))
    typed(asked.symbol, str, what="symbol")
    typed(asked.calendar, str, what="calendar")
    typed(asked.source, str, type(None), what="source")
    return asked


def _staged(given: Any) -> StagedSymbol:
    counts = typed(given, dict, what="a symbol")
    typed(counts["dropped"], dict, what="dropped")
    data = tuple(
        (typed(interval, str, what="an interval"), typed(label, str, what="a day"))
        for interval, label in counts["data"]
    )
    if len(set(data)) < len(data):
        raise ValueError("a part of its session data comes twice")
    return StagedSymbol(**counts | {"data": data})


def _texts(given: Any) -> dict[str, str]:
    return {name: typed(each, str, what=name) for name, each in typed(given, dict, what="a part of it").items()}
