"""The page of a session."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from dashboard.charts import Candles
from dashboard.controls import SPEEDS, Controls
from dashboard.followers import Followers, Watching
from dashboard.heading import heading_of
from dashboard.parts import Text
from dashboard.scene import Scene
from dashboard.side import ConsumersPanel, HoldsPanel, JournalPanel, WorkersPanel
from dashboard.symbols_panel import SymbolsPanel
from playhead.info import SessionInfo

CONNECT_S: Final = 30.0
"""How long a browser may take to open its websocket."""


class SessionPage:
    """One browser's page: what it shows follows from the scenes, and from the symbol and interval that are chosen."""

    def __init__(self, name: str, url: str, symbol: str | None, interval: str | None) -> None:
        self._name = name
        self._symbol = symbol
        self._interval = interval
        self._known: frozenset[str] = frozenset()
        self._intervals: tuple[str, ...] = ()
        self._shown: tuple[str, str] | None = None
        self._watching: Watching | None = None
        with ui.element("main").classes("ph-page") as self._page:
            with ui.element("header").classes("ph-head"):
                ui.link("Playhead", "/").classes("ph-brand")
                ui.label(name).classes("ph-name")
                self._status = Text("status")
                self._clock = Text("clock")
                self._date = Text("date")
                self._controls = Controls(name, url, self._hurry)
            with ui.element("div").classes("ph-body"):
                self._notice = Text("notice").props("role=status")
                with ui.element("div").classes("ph-main"):
                    with (
                        ui.element("div").classes("ph-intervals").props('role=group aria-label="Interval"') as self._bar
                    ):
                        pass
                    self._candles = Candles()
                with ui.element("aside").classes("ph-side"):
                    self._symbols = SymbolsPanel(name, url, self._pick, self._hurry)
                    self._holds = HoldsPanel()
                    self._consumers = ConsumersPanel()
                    self._workers = WorkersPanel()
                with ui.element("div").classes("ph-foot"):
                    self._journal = JournalPanel()

    async def follow(self, followers: Followers) -> None:
        """Shows the session from the moment at which the browser is connected, until it has gone."""
        client = ui.context.client
        await client.connected(CONNECT_S)
        self._watching = watching = followers.join(self._name, self._show)
        client.on_delete(lambda: followers.leave(self._name, watching))
        self._show(watching.scene)

    def _show(self, scene: Scene) -> None:
        with self._page:
            heading = heading_of(scene)
            self._status.say(heading.status, f"is-{heading.status.replace(' ', '-')}" if heading.status else "")
            self._clock.say(heading.clock)
            odd = [f"speed {heading.speed}"] if heading.speed not in ("", *SPEEDS) else []
            self._date.say(" · ".join([heading.date, heading.zone, *odd]) if heading.date else "")
            self._notice.say(heading.notice, "alarm" if heading.alarm else "")
            self._controls.show(heading)
            self._page.classes(
                add="ph-veiled" if heading.veiled else None, remove=None if heading.veiled else "ph-veiled"
            )
            self._workers.show(scene.farm)
            if scene.info is not None:
                self._choose(scene.settled or scene.info)
                self._symbols.show(scene, self._symbol, heading.is_over)
                self._holds.show(scene, scene.info)
                self._consumers.show(scene, scene.info)
                self._journal.show(scene, scene.info)
            self._draw(scene)

    def _choose(self, info: SessionInfo) -> None:
        """Finds a symbol and an interval to show where none is chosen, or the one that was is not there."""
        there = frozenset(info.symbols)
        intervals = tuple(
            dict.fromkeys([info.interval, *(of for each in info.symbols.values() for of in each.intervals)])
        )
        if intervals != self._intervals:
            self._intervals = intervals
            self._show_intervals()
        symbol = self._symbol if self._symbol in there or not there else min(there)
        interval = self._interval if self._interval in intervals else info.interval
        if (symbol, interval) != self._shown and symbol is not None and interval is not None:
            self._symbol, self._interval = symbol, interval
            self._look()

    def _draw(self, scene: Scene) -> None:
        if self._shown is None or scene.settled is None:
            return
        series = scene.series.get(self._shown)
        record = scene.settled.symbols.get(self._shown[0])
        if series is not None and record is not None:
            self._candles.show(series, record.record.zone)

    def _look(self) -> None:
        """Has the chosen bars read from now on, and remembers the choice in the address of the page."""
        if self._symbol is None or self._interval is None or self._watching is None:
            return
        self._shown = (self._symbol, self._interval)
        self._watching.look_at(self._shown)
        query = urlencode({"symbol": self._symbol, "interval": self._interval})
        ui.navigate.history.replace(f"?{query}")
        self._show_intervals()

    def _pick(self, symbol: str) -> None:
        self._symbol = symbol
        self._look()
        if self._watching is not None:
            self._show(self._watching.scene)

    def _pick_interval(self, interval: str) -> None:
        self._interval = interval
        self._look()
        if self._watching is not None:
            self._draw(self._watching.scene)

    def _show_intervals(self) -> None:
        self._bar.clear()
        with self._bar:
            for interval in self._intervals:
                made = ui.button(interval, color=None, on_click=lambda of=interval: self._pick_interval(of))
                made.props("flat dense no-caps").classes("ph-button")
                made.classes("ph-now" if interval == self._interval else "")

    def _hurry(self) -> None:
        if self._watching is not None:
            self._watching.hurry()
