"""The first page: the sessions that there are, and a form that starts one."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from dashboard.commands import listed, said, start
from dashboard.parts import Text, button, field, on_enter, panel
from dashboard.rows import Row, Rows
from dashboard.sessions import Listed, read_sessions
from dashboard.threads import in_thread
from playhead.cli.config import session_config
from playhead.config import SessionConfig
from playhead.errors import PlayheadError, RedisUnavailable
from playhead.names import check_session

LOOK_S: Final = 1.0
"""How often the list is read while somebody looks at it."""
CONNECT_S: Final = 30.0

_FIELDS: Final = (
    ("name", "Name", "default", "default"),
    ("symbols", "Symbols", "RIVN, AAPL", ""),
    ("date", "Date", "2025-07-02", ""),
    ("end", "Last date, if another", "2025-07-08", ""),
    ("speed", "Speed", "60, or max", "60"),
    ("run_until", "Run until", "12:06, or the end", ""),
    ("source", "Source", "sample: (the default), csv:…, parquet:…", ""),
    ("calendar", "Calendar", "XNYS, by suffix", ""),
    ("interval", "Interval", "1m", "1m"),
    ("derive", "Longer bars", "5m, 1h", ""),
    ("history", "Days of history", "3", ""),
)


class StartPage:
    """One browser's page."""

    def __init__(self, url: str, server: str) -> None:
        """`server` is the URL as it may be shown."""
        self._url = url
        with ui.element("main").classes("ph-page ph-start"):
            with ui.element("header").classes("ph-head"):
                ui.link("Playhead", "/").classes("ph-brand")
                ui.label(server).classes("ph-name")
            self._notice = Text("notice").props("role=status")
            with ui.element("div").classes("ph-start-body"):
                with panel("Sessions", "sessions"):
                    columns = (
                        ("Session", ""),
                        ("Status", ""),
                        ("Date", ""),
                        ("Clock", ""),
                        ("Holds", ""),
                        ("Symbols", "wide"),
                    )
                    self._rows = Rows("Sessions", columns, "No sessions on this server yet: start one")
                with panel("Start a session", "form"):
                    self._fields = {name: self._field(*texts) for name, *texts in _FIELDS}
                    self._error = Text("form-error").props("role=alert")
                    self._button = button("", "Start", self._start, "Start").classes("ph-primary")

    async def follow(self) -> None:
        """Reads the list from the moment at which the browser is connected."""
        await ui.context.client.connected(CONNECT_S)
        ui.timer(LOOK_S, self._look)

    def _field(self, label: str, placeholder: str, value: str) -> ui.input:
        with ui.element("label").classes("ph-labelled"):
            ui.label(label)
            made = field(label, placeholder, value)
            on_enter(made, self._start)
        return made

    async def _look(self) -> None:
        try:
            sessions = await in_thread(lambda: read_sessions(self._url), "list")
        except RedisUnavailable as error:
            self._notice.say(said(error), "alarm")
        else:
            self._notice.say("")
            self._rows.show([_row(each) for each in sessions])

    async def _start(self) -> None:
        given = {name: str(of.value or "").strip() for name, of in self._fields.items()}
        self._error.say("")
        self._button.props["loading"] = True
        try:
            name = check_session(given["name"])
            await start(name, config_of(given), self._url)
        except PlayheadError as error:
            self._error.say(said(error))
        else:
            ui.navigate.to(f"/session/{name}")
        finally:
            self._button.props["loading"] = False


def config_of(given: dict[str, str]) -> SessionConfig:
    """What was typed, as the command line would take it. Raises `InvalidInput`."""
    return session_config(
        date=given["date"],
        symbols=list(listed(given["symbols"])),
        end=given["end"] or None,
        source=[given["source"]] if given["source"] else None,
        calendar=[given["calendar"]] if given["calendar"] else None,
        interval=given["interval"] or "1m",
        speed=given["speed"] or "max",
        run_until=given["run_until"] or None,
        derive=list(listed(given["derive"])) or None,
        history=given["history"] or None,
    )


def _row(of: Listed) -> Row:
    cells = (of.name, of.status, of.date, of.clock, of.holds, of.problem or of.symbols)
    return Row(of.name, cells, f"is-{of.status.replace(' ', '-')}", href=f"/session/{of.name}")
