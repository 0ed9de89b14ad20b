"""What was measured last, in `benchmarks/recorded.json`. Measurements may be made at different times: each replaces
what was recorded of itself, and leaves the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.figures import Figure
from playhead.errors import InvalidInput

RECORDED: Final = Path(__file__).resolve().parent / "recorded.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: its figures, when and at which commit they were taken, and on what.

    `load` is that of the machine before it began: a quiet one has none.
    """

    figures: Mapping[str, Figure]
    date: str
    commit: str
    machine: Mapping[str, str]
    load: float
    lasted_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """Measurements by their names."""

    measured: Mapping[str, Measured]

    @classmethod
    def load(cls, path: Path = RECORDED) -> Self:
        """What is in a file; nothing where there is none. Raises `InvalidInput` for a file that is no record."""
        if not path.exists():
            return cls({})
        try:
            found = {name: _measured(each) for name, each in json.loads(path.read_text("utf-8")).items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidInput(f"{path} is no record of measurements ({error}); take it away to begin anew") from error
        return cls(found)

    def with_one(self, name: str, measured: Measured) -> Self:
        """The same with another measurement, in the place of an earlier one of its name."""
        return replace(self, measured={**self.measured, name: measured})

    def save(self, path: Path = RECORDED) -> None:
        """Writes it, a figure a line."""
        parts = [f"{_json(name)}: {_encoded(each)}" for name, each in sorted(self.measured.items())]
        fresh = path.with_suffix(".fresh")
        fresh.write_text("{" + ",\n".join(parts) + "}\n", "utf-8")
        fresh.replace(path)

    @property
    def figures(self) -> dict[str, Figure]:
        """All figures, each under the name of its measurement, a dot, and its own."""
        return {f"{name}.{key}": of for name, each in self.measured.items() for key, of in each.figures.items()}


def _encoded(measured: Measured) -> str:
    figures = [
        f"{_json(key)}: "
        + _json({"what": of.what, "unit": of.unit, "values": list(of.values), "details": dict(of.details)})
        for key, of in measured.figures.items()
    ]
    head = {name: _json(getattr(measured, name)) for name in ("date", "commit", "machine", "load", "lasted_s")}
    parts = [f"{_json(name)}: {value}" for name, value in head.items()]
    return "{" + ",\n".join([*parts, '"figures": {\n' + ",\n".join(figures) + "}"]) + "}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _measured(given: Mapping[str, Any]) -> Measured:
    figures = {
        key: Figure(of["what"], of["unit"], tuple(map(float, of["values"])), of["details"])
        for key, of in given["figures"].items()
    }
    load, lasted_s = float(given["load"]), float(given["lasted_s"])
    return Measured(figures, given["date"], given["commit"], given["machine"], load, lasted_s)
