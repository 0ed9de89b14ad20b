"""A table in a page. What its cells say is text, whatever it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nicegui.element import Element


@dataclass(frozen=True, slots=True)
class Action:
    """A small button at the end of a row: its name, what it does in words, and the sign on it."""

    name: str
    title: str
    sign: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row: what tells it from others, its cells, a word that says how it looks, its buttons, where it leads."""

    key: str
    cells: tuple[str, ...]
    kind: str = ""
    actions: tuple[Action, ...] = ()
    href: str = ""

    def sent(self) -> dict[str, Any]:
        """As the browser gets it."""
        return asdict(self) | {"actions": [[each.name, each.title, each.sign] for each in self.actions]}


def changes(before: Sequence[Row] | None, now: Sequence[Row]) -> dict[str, Any] | None:
    """What a browser that has the rows `before` is sent; `None` where nothing has changed."""
    if before is None or [row.key for row in before] != [row.key for row in now]:
        return {"all": [row.sent() for row in now]}
    some = [[at, row.sent()] for at, (old, row) in enumerate(zip(before, now, strict=True)) if old != row]
    return {"some": some} if some else None


class Rows(Element, component="rows.js"):
    """The element. Columns are pairs of a label and a kind: empty, `number`, or `wide` for what takes the rest."""

    def __init__(self, name: str, columns: Sequence[tuple[str, str]], none: str) -> None:
        super().__init__()
        self._props["name"] = name
        self._props["columns"] = [{"label": label, "kind": kind} for label, kind in columns]
        self._props["none"] = none
        self._props["pickable"] = False
        self._rows: tuple[Row, ...] | None = None

    def show(self, rows: Sequence[Row]) -> None:
        """Shows these rows."""
        update = changes(self._rows, rows)
        self._rows = tuple(rows)
        if update is not None:
            self.run_method("put", update)

    def on_pick(self, handler: Callable[[str], object]) -> Rows:
        """Calls the handler with the key of a row that is clicked."""
        self._props["pickable"] = True
        self.on("pick", lambda event: handler(str(event.args)))
        return self

    def on_act(self, handler: Callable[[str, str], object]) -> Rows:
        """Calls the handler with the key of a row and the name of the button in it that is clicked."""
        self.on("act", lambda event: handler(str(event.args[0]), str(event.args[1])))
        return self
