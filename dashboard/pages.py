"""The pages and their addresses."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from nicegui import ui
from nicegui.client import ClientConnectionTimeout

from dashboard.followers import Followers
from dashboard.session_page import SessionPage
from dashboard.start_page import StartPage
from playhead.connection import shown_url
from playhead.errors import InvalidInput
from playhead.names import check_session

_LOOK: Final = Path(__file__).with_name("look.css").read_text("utf-8")
_SHORT: Final = 40
"""Characters of a symbol or interval in an address."""


def add_pages(url: str, followers: Followers) -> None:
    """Adds the pages to the application."""
    ui.add_head_html(f"<style>{_LOOK}</style>", shared=True)

    @ui.page("/", title="Playhead")
    async def start() -> None:
        page = StartPage(url, shown_url(url))
        with suppress(ClientConnectionTimeout):  # a browser that never came back
            await page.follow()

    @ui.page("/session/{name}", title="Playhead")
    async def session(name: str, symbol: str | None = None, interval: str | None = None) -> None:
        try:
            check_session(name)
        except InvalidInput as error:
            with ui.element("main").classes("ph-page ph-start"):
                ui.label(str(error)).classes("ph-notice alarm")
                ui.link("All sessions", "/")
            return
        ui.page_title(f"{name} · Playhead")
        page = SessionPage(name, url, symbol and symbol[:_SHORT], interval and interval[:_SHORT])
        with suppress(ClientConnectionTimeout):
            await page.follow(followers)
