"""What has happened in a run, a line a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.faults.model.scheduler import BEGIN_US

LONGEST = 80
"""Characters of an outcome that are shown."""


class Step(NamedTuple):
    """At a time somebody did something, with an outcome: a reply, or what happened to the call."""

    at_us: int
    who: str
    what: str
    reply: object

    @property
    def outcome(self) -> str:
        """The first thing that the reply says."""
        match self.reply:
            case str(text):
                return text
            case bytes() as text:
                return text.decode(errors="replace")
            case [bytes() as first, *_]:
                return first.decode(errors="replace")
            case None | int() as number:
                return str(number)
            case _:
                return "…"

    def __str__(self) -> str:
        outcome = f" -> {self.outcome[:LONGEST]}" if self.outcome else ""
        return f"{(self.at_us - BEGIN_US) / 1000:10.1f} ms  {self.who:<24} {self.what}{outcome}"


def lines(steps: list[Step]) -> Iterator[str]:
    """The steps as lines; what somebody does again and again with the same outcome stands there once."""
    last: dict[str, tuple[str, str]] = {}
    for step in steps:
        told = step.what, step.outcome
        if last.get(step.who) != told:
            yield str(step)
        last[step.who] = told
