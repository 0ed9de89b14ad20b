"""A socket that listens, before anybody answers on it: whose port it is, is settled when this returns."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from playhead.errors import InvalidInput
from shared.free_port import PortTaken, address_of, free_port, is_taken


def listen(port: int, bind: str) -> socket.socket:
    """A listening socket on a port of an IP address. Raises `PortTaken`, and `InvalidInput` as `is_taken` does."""
    if is_taken(port, bind):
        raise PortTaken(port, bind)
    family = socket.AF_INET if address_of(bind).version == 4 else socket.AF_INET6
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((bind, port))
        listening.listen()
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:  # by somebody who was faster
            raise PortTaken(port, bind) from error
        raise InvalidInput(f"cannot listen on {bind}: {error.strerror}; give another address") from error
    return listening


def listen_anywhere(bind: str) -> socket.socket:
    """The same on a free port."""
    while True:
        with suppress(PortTaken):
            return listen(free_port(bind), bind)
