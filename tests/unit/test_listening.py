"""Sockets that listen before anybody answers on them."""

from __future__ import annotations

import pytest

from playhead.errors import InvalidInput
from shared.free_port import FREE_PORTS, PortTaken
from shared.listening import listen, listen_anywhere
from shared.redis_server import LOOPBACK


def test_a_port_is_had_once() -> None:
    with listen_anywhere(LOOPBACK) as first:
        port = first.getsockname()[1]
        assert port in FREE_PORTS
        with pytest.raises(PortTaken, match=f"port {port} on {LOOPBACK} is taken"):
            listen(port, LOOPBACK)
    with listen(port, LOOPBACK) as again:
        assert again.getsockname() == (LOOPBACK, port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"cannot listen on 192\.0\.2\.1"):
        listen_anywhere("192.0.2.1")
