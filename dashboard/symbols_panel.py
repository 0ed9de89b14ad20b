"""The symbols of a session: what each has, adding and removing, receipts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nicegui import ui

from dashboard.commands import add, listed, remove, said, with_session
from dashboard.parts import button, confirmed, field, on_enter, panel
from dashboard.rows import Action, Row, Rows
from dashboard.scene import Scene
from dashboard.symbol_rows import receipt_lines, symbol_rows
from playhead.errors import PlayheadError

_COLUMNS: Final = (("Symbol", ""), ("From", ""), ("Bars", "number"), ("Start", "number"), ("Last", "number"))
_RECEIPT: Final = Action("receipt", "Receipt of", "i")
_REMOVE: Final = Action("remove", "Remove", "\N{MULTIPLICATION SIGN}")


class SymbolsPanel:
    """`pick` is called with the symbol whose row is clicked, `hurry` after each command."""

    def __init__(self, name: str, url: str, pick: Callable[[str], None], hurry: Callable[[], None]) -> None:
        self._name = name
        self._url = url
        self._hurry = hurry
        self._scene = Scene()
        with panel("Symbols", "symbols"):
            with ui.element("div").classes("ph-add"):
                self._symbols = field("Add symbols", "Add: AAPL, MSFT")
                on_enter(self._symbols, self._add)
                self._button = button("add", "Add", self._add)
                button("tune", "Source and calendar", self._toggle)
            with ui.element("div").classes("ph-add ph-more") as self._more:
                self._source = field("Source", "source, if another: csv:/data")
                self._calendar = field("Calendar", "calendar: XLON")
            self._more.set_visibility(False)
            self._rows = Rows("Symbols", _COLUMNS, "No symbols yet").on_pick(pick).on_act(self._act)

    def show(self, scene: Scene, symbol: str | None, over: bool) -> None:
        """The symbols as they were when the session was last active; `symbol` is the one in the chart."""
        self._scene = scene
        rows = symbol_rows(scene.settled)
        self._rows.show([_row(row, symbol, over) for row in rows])

    def _toggle(self) -> None:
        self._more.set_visibility(not self._more.visible)

    async def _add(self) -> None:
        symbols = listed(str(self._symbols.value or ""))
        if not symbols:
            self._symbols.error = "Type symbols such as AAPL, MSFT"
            return
        source, calendar = (str(of.value or "").strip() or None for of in (self._source, self._calendar))
        self._symbols.error = None
        self._button.props["loading"] = True
        try:
            outcome = await with_session(self._name, self._url, lambda of: add(of, symbols, source, calendar))
        except PlayheadError as error:
            self._symbols.error = said(error)
        else:
            self._symbols.set_value(", ".join(outcome.refused))
            self._symbols.error = outcome.error  # last: another value is taken for a mended one
        finally:
            self._button.props["loading"] = False
            self._hurry()

    async def _act(self, symbol: str, action: str) -> None:
        if action == _RECEIPT.name:
            self._show_receipt(symbol)
        elif await confirmed(f"Remove {symbol} for every program that follows the session?", "Remove"):
            try:
                outcome = await with_session(self._name, self._url, lambda of: remove(of, symbol))
                self._symbols.error = outcome.error
            except PlayheadError as error:
                self._symbols.error = said(error)
            finally:
                self._hurry()

    def _show_receipt(self, symbol: str) -> None:
        info = self._scene.settled
        lines = receipt_lines(info, symbol) if info is not None else []
        with ui.dialog() as dialog, ui.element("div").classes("ph-dialog ph-receipt"):
            ui.label(f"Receipt of {symbol}").classes("ph-title")
            with ui.element("dl"):
                for name, value in lines:
                    with ui.element("dt"):
                        ui.label(name)
                    with ui.element("dd"):
                        ui.label(value)
            with ui.element("div").classes("ph-dialog-buttons"):
                button("", "Close", dialog.close, "Close")
        dialog.on("hide", dialog.delete)
        dialog.open()


def _row(of: dict[str, object], symbol: str | None, over: bool) -> Row:
    name = str(of["symbol"])
    actions = ((_RECEIPT,) if of["added"] else ()) + (() if over else (_REMOVE,))
    cells = tuple(str(of[key]) for key in ("symbol", "origin", "bars", "start", "last"))
    kind = "picked" if name == symbol else ""
    return Row(name, cells, f"{kind} dynamic".strip() if of["added"] else kind, actions)
