"""Small parts that several pages are made of. The texts given to them are constants, or set as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui
from nicegui.element import Element


@contextmanager
def panel(title: str, name: str) -> Iterator[ui.element]:
    """A part of a page with a heading."""
    with ui.element("section").classes(f"ph-panel ph-panel-{name}") as section:
        ui.label(title).classes("ph-title")
        yield section


class Text(ui.label):
    """A text that is sent only when it changes, with a word that says how it looks."""

    def __init__(self, name: str) -> None:
        super().__init__("")
        self._kind = ""
        self.classes(f"ph-{name}")
        self.set_visibility(False)

    def say(self, text: str, kind: str = "") -> None:
        """Shows a text; nothing at all where it is empty."""
        if text != self.text:
            self.set_text(text)
            self.set_visibility(bool(text))
        if kind != self._kind:
            self.classes(remove=self._kind or None, add=kind or None)
            self._kind = kind


def button(icon: str, title: str, act: Callable[[], Any], text: str = "") -> ui.button:
    """A button with a sign from the icons that come with the page, named by `title`."""
    made = ui.button(text, icon=icon or None, color=None, on_click=act).props("flat dense no-caps")
    made.props["aria-label"] = title
    made.props["title"] = title
    return made.classes("ph-button")


def field(label: str, placeholder: str, value: str = "") -> ui.input:
    """A field for a line of text. Its error stands below it."""
    made = ui.input(placeholder=placeholder, value=value).props("dense outlined hide-bottom-space autocomplete=off")
    made.props["aria-label"] = label
    return made.classes("ph-field")


def on_enter(of: Element, act: Callable[[], Any]) -> None:
    """Acts when Enter is pressed in a field."""
    of.on("keydown.enter", act)


async def confirmed(question: str, yes: str) -> bool:
    """Asks a person, who may change his mind. The question is shown as text."""
    with ui.dialog() as dialog, ui.element("div").classes("ph-dialog"):
        ui.label(question)
        with ui.element("div").classes("ph-dialog-buttons"):
            button("", "Cancel", lambda: dialog.submit(False), "Cancel")
            button("", yes, lambda: dialog.submit(True), yes).classes("ph-danger")
    answer = await dialog
    dialog.delete()
    return answer is True
