"""The charts of a page: candles that grow, and how long the pauses were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui.element import Element
from nicegui.elements.echart import EChart

from dashboard.candles import Shown, Update, update_of
from dashboard.scene import Series

if EChart.component is None:  # what is imported here brings ECharts into the page
    raise AssertionError("NiceGUI's chart has no component")


class Candles(Element, component="chart.js"):
    """The chart of one symbol. Only what a browser does not have yet is sent to it."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Shown | None = None

    def show(self, series: Series, zone: str) -> None:
        """Shows the bars of a symbol, its times in a zone."""
        self._shown, update = update_of(self._shown, series, zone)
        if update is not None:
            self._put(update)

    def forget(self) -> None:
        """What comes next is another chart."""
        self._shown = None

    def _put(self, update: Update) -> None:
        self.run_method("put", update)


class PauseChart(Element, component="pauses.js"):
    """A bar for each addition."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Any = None

    def show(self, pauses: Sequence[tuple[str, int]]) -> None:
        """Shows what was added, and for how many milliseconds the clock stood."""
        if pauses != self._shown:
            self._shown = pauses
            self.run_method("put", pauses)
