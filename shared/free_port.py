"""Ports to listen on: a free one, or whether one is taken."""

from __future__ import annotations

import errno
import ipaddress
import random
import socket

from playhead.errors import InvalidInput

# Below the ports that systems hand to outgoing connections. A client that keeps trying to reach a killed
# server on one of those can connect to itself: it then talks to nobody, and the server cannot have its port
# back.
FREE_PORTS = range(20_000, 32_768)

_LAST_PORT = 65_535
_LAST_RESERVED_PORT = 1_023  # up to here only a privileged process may listen


class PortTaken(InvalidInput):
    """Another process listens on the port that was asked for."""

    def __init__(self, port: int, bind: str) -> None:
        super().__init__(
            f"port {port} on {bind} is taken by another process; end that one, "
            "give another port, or give none to take a free one"
        )
        self.port = port
        self.bind = bind


def free_port(bind: str) -> int:
    """A port on which nobody listens at this moment. Raises `InvalidInput` when the address is not ours."""
    for port in random.sample(FREE_PORTS, k=len(FREE_PORTS)):
        if not is_taken(port, bind):
            return port
    raise InvalidInput(f"no port from {FREE_PORTS.start} to {FREE_PORTS.stop - 1} is free on {bind}; give one")


def is_taken(port: int, bind: str) -> bool:
    """Whether somebody listens on this port of the IP address.

    Raises `InvalidInput` for what is no port or no address of this machine, or needs special rights.
    """
    if not 0 < port <= _LAST_PORT:
        raise InvalidInput(f"port {port} is not between 1 and {_LAST_PORT}; give another, or none for a free one")
    family = socket.AF_INET if address_of(bind).version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do it: connections of an ended server that the kernel still remembers do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except PermissionError as error:
            raise InvalidInput(f"port {port} needs special rights; give one above {_LAST_RESERVED_PORT}") from error
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise InvalidInput(f"cannot listen on {bind}: {error.strerror}; give another address") from error
    return False


def address_of(bind: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IP address in the text. Raises `InvalidInput` for a host name or anything else."""
    try:
        return ipaddress.ip_address(bind)
    except ValueError as error:
        raise InvalidInput(f"{bind[:64]!r} is not an IP address; give one, such as 127.0.0.1") from error
