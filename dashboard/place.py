"""Where the page is: a socket that listens, and the address to type into a browser."""

from __future__ import annotations

import logging
import socket
from typing import Final

from dashboard.gate import SIGN_IN
from dashboard.settings import USUAL_PORT, PageSettings
from shared.free_port import PortTaken, address_of
from shared.listening import listen, listen_anywhere
from shared.redis_server import LOOPBACK

LOG: Final = logging.getLogger(__name__)


def listening_socket(page: PageSettings) -> socket.socket:
    """The one that was handed over, else one of our own. Raises `PortTaken`, `InvalidInput`."""
    if page.fd is not None:
        return socket.socket(fileno=page.fd)
    if page.port is not None:
        return listen(page.port, page.host)
    try:
        return listen(USUAL_PORT, page.host)
    except PortTaken:
        LOG.info("port %s is taken by another process; taking a free one", USUAL_PORT)
        return listen_anywhere(page.host)


def address(page: PageSettings, listening: socket.socket) -> str:
    """What to open, on this machine where it is served at all addresses. A token that was made here is a part of it:
    nobody could know it otherwise.
    """
    host, port, *_ = listening.getsockname()
    if address_of(host).is_unspecified:
        host = "::1" if ":" in host else LOOPBACK
    shown = f"[{host}]" if ":" in host else host
    made = f"{SIGN_IN}?token={page.access.secret}" if page.made and page.access is not None else "/"
    return f"http://{shown}:{port}{made}"
