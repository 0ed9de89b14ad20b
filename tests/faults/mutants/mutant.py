"""A wrong version of the program: a patch, under a head that says what is wrong in it and what must notice it."""

from __future__ import annotations

from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import Parser
from pathlib import Path
from typing import Final, Self

FOLDER: Final = Path(__file__).resolve().parent
FIELDS: Final = ("Wrong", "Hurts", "Caught-by", "Finds")
"""What is wrong, whom it would hurt; then pairs of a command that must fail, and what that has to say of it."""


class BadHead(Exception):
    """The head of a patch is not as it should be."""


@dataclass(frozen=True)
class Check:
    """A command that has nothing to say of the right program, and fails on the wrong one with `finds` in its output:
    the name of a test or of an invariant. `6 commands or 6 fencing` is either of the two."""

    command: str
    finds: str

    def said_in(self, output: str) -> bool:
        """Whether the output has what is to be found."""
        return any(text in output for text in self.finds.split(" or "))


@dataclass(frozen=True)
class Mutant:
    """One wrong version. Every one of its checks must catch it."""

    name: str
    wrong: str
    hurts: str
    checks: tuple[Check, ...]

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.patch"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises `BadHead`."""
        message = Parser(EmailMessage, policy=policy.default).parsestr(path.read_text("utf-8"))
        fields = {field: [" ".join(text.split()) for text in message.get_all(field, [])] for field in FIELDS}
        if unknown := {name for name in message if name not in FIELDS}:
            raise BadHead(f"{path.name} has the unknown field {', '.join(sorted(unknown))}; there are {FIELDS}")
        commands, finds = fields["Caught-by"], fields["Finds"]
        if not (len(fields["Wrong"]) == len(fields["Hurts"]) == 1 and len(commands) == len(finds) > 0):
            raise BadHead(f"{path.name} needs one Wrong, one Hurts, and pairs of Caught-by and Finds")
        if not all(text for texts in fields.values() for text in texts):
            raise BadHead(f"{path.name} has a field with nothing in it")
        if not message.get_content().startswith("diff --git "):
            raise BadHead(f"{path.name} has something else than a diff after the empty line that ends its head")
        return cls(path.stem, fields["Wrong"][0], fields["Hurts"][0], tuple(map(Check, commands, finds)))


def all_mutants() -> list[Mutant]:
    """All that there are, by name. Raises `BadHead`."""
    return [Mutant.read(path) for path in sorted(FOLDER.glob("*.patch"))]
