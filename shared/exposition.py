"""The port at which a process answers `/metrics` and `/healthz`."""

from __future__ import annotations

import errno
import logging
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import urlsplit

from prometheus_client import MetricsHandler

from playhead.errors import InvalidInput
from shared import health
from shared.metrics import REGISTRY

LOG: Final = logging.getLogger(__name__)
SILENT_S: Final = 10.0
"""After this time without a word a client is hung up on."""


class _Handler(MetricsHandler):
    registry = REGISTRY
    timeout = SILENT_S

    def do_GET(self) -> None:  # noqa: N802 - by this name the standard library finds it
        match urlsplit(self.path).path:
            case "/metrics":
                super().do_GET()
            case "/healthz":
                problems = health.stale_here(time.monotonic())
                status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
                self._answer(status, "; ".join(problems) or "every part makes progress")
            case _:
                self._answer(HTTPStatus.NOT_FOUND, "there are /metrics and /healthz")

    def _answer(self, status: HTTPStatus, line: str) -> None:
        body = f"{line}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.AF_INET if ip_address(host).version == 4 else socket.AF_INET6
        self._place = host, port
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # The standard library's own asks a name server for the name of the address, and waits for it.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self._place

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that has gone
            LOG.exception("a request could not be answered")


def expose(host: str, port: int) -> None:
    """Answers from now on, in threads that do not keep the process alive.

    Raises `InvalidInput` where it cannot listen there.
    """
    try:
        server = _Server(host, port)
    except OSError as error:
        place = f"port {port} on {host}"
        if error.errno == errno.EADDRINUSE:
            raise InvalidInput(f"{place} is taken by another process; give the metrics another one") from error
        raise InvalidInput(f"the metrics cannot have {place}: {error.strerror or error}") from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    shown = f"[{host}]" if ":" in host else host
    LOG.info("metrics at http://%s:%d/metrics", shown, port)
