"""The server of the page: NiceGUI behind the gate, on a socket that is ours."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI
from nicegui import core, ui

from dashboard.followers import Followers
from dashboard.gate import SIGN_IN, Gate, Judge
from dashboard.pages import add_pages
from dashboard.place import address
from dashboard.settings import PageSettings
from dashboard.sign_in import SignIn
from shared.health import Progress
from shared.settings import Settings

LOG: Final = logging.getLogger(__name__)
DRAIN_S: Final = 1
"""How long open connections have at the end."""
BEAT_S: Final = 1.0
RECONNECT_S: Final = 10.0
"""How long the server keeps the page of a browser whose connection has broken."""
MESSAGES_KEPT: Final = 200
"""What such a browser is sent once more."""
_SERVING: Final = "page"
_SIGN: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#141a21"/>'
    '<path d="M8 1v14" stroke="#e0a63c"/><path d="M2 6h3v6H2zM11 4h3v5h-3z" fill="#26a69a"/></svg>'
)


class Page:
    """The service."""

    def __init__(self, settings: Settings, page: PageSettings) -> None:
        self._settings = settings
        self._page = page
        self._followers = Followers(settings.redis_url, settings.queue_url)

    def run(self, listening: socket.socket) -> int:
        """Serves on a socket until SIGTERM or SIGINT. Returns the exit code."""
        application = Gate(self._application(), Judge(self._page.access, self._page.is_local))
        config = uvicorn.Config(
            application,
            ws="wsproto",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_S,
        )
        server = uvicorn.Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)  # uvicorn raises it once more when it has ended well
        LOG.info("page at %s", address(self._page, listening))
        server.run(sockets=[listening])
        LOG.info("stopped")
        gc.freeze()  # as in every service: the end must not take seconds
        return 0 if server.started else 1

    def _application(self) -> FastAPI:
        application = FastAPI(lifespan=self._living, openapi_url=None, docs_url=None, redoc_url=None)
        sign_in = SignIn(self._page.access)
        application.add_route(SIGN_IN, sign_in.show, methods=["GET"])
        application.add_route(SIGN_IN, sign_in.take, methods=["POST"])
        add_pages(self._settings.redis_url, self._followers)
        ui.run_with(
            application,
            title="Playhead",
            favicon=_SIGN,
            dark=True,
            tailwind=False,
            reconnect_timeout=RECONNECT_S,
            message_history_length=MESSAGES_KEPT,
            show_welcome_message=False,
        )
        # Websockets alone: what the gate says of them holds for everything that a page sends.
        core.app.config.socket_io_js_transports = ["websocket"]
        core.sio.eio.transports = ["websocket"]
        return application

    @asynccontextmanager
    async def _living(self, _: FastAPI) -> AsyncIterator[None]:
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            self._followers.end()

    async def _beat(self) -> None:
        progress = Progress(self._settings.health_dir)
        progress.begun(_SERVING)
        while True:
            progress.made(_SERVING)
            await asyncio.sleep(BEAT_S)


def _ignore(*_: object) -> None:
    """The signal has done its work."""
