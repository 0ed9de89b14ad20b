"""A TCP proxy between each process and Redis, which can cut, hold back, delay, and lose a reply: a process of its own.

    python -m tests.faults.chaos.proxy PORT NAME …

It says on stdout, as JSON, on which port it listens for each name. Each line on stdin is a fault:
`<name> <what> <seconds>`; it is repeated on stdout once the fault has begun.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from contextlib import suppress
from typing import Final, cast

from shared.redis_server import LOOPBACK

WRITES: Final = (b"EVALSHA", b"EVAL", b"EXEC", b"XADD", b"SADD", b"SREM", b"HSET", b"BLMOVE")
"""A request with one of these words changes something."""
MOST_LOST: Final = 3
"""Replies that one fault loses."""
DELAY_S: Final = 0.02


class Link:
    """What is being done to the connections of one name. Times are those of the loop."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self._cut_until = 0.0
        self._held_until = 0.0
        self._delayed_until = 0.0
        self._lossy_until = 0.0
        self._left_to_lose = 0

    def disturb(self, what: str, now: float, lasts_s: float) -> None:
        """Begins a fault."""
        until = now + lasts_s
        match what:
            case "cut":
                self._cut_until = until
                for connection in list(self.connections):
                    connection.abort()
            case "hold":
                self._held_until = until
            case "delay":
                self._delayed_until = until
            case "lose":
                self._lossy_until, self._left_to_lose = until, MOST_LOST

    def is_cut(self, now: float) -> bool:
        """Whether nobody gets through."""
        return now < self._cut_until

    def due(self, now: float) -> float:
        """When what comes now is passed on."""
        if now < self._held_until:
            return self._held_until
        return now + DELAY_S if now < self._delayed_until else now

    def loses_reply_to(self, request: bytes, now: float) -> bool:
        """Whether the reply to this request is to be lost."""
        if now >= self._lossy_until or not self._left_to_lose or not any(word in request for word in WRITES):
            return False
        self._left_to_lose -= 1
        return True


class Way:
    """One direction of a connection. What waits keeps its order; an end (`None`) comes after all before it."""

    def __init__(self, link: Link) -> None:
        self.to: asyncio.Transport | None = None  # until it is connected, everything waits
        self._link = link
        self._waiting: deque[tuple[float, bytes | None]] = deque()

    def push(self, data: bytes | None) -> None:
        """Passes something on, now or later."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = self._link.due(now)
        if self.to is not None and not self._waiting and due <= now:
            self._pass(data)
            return
        if self._waiting:
            due = max(due, self._waiting[-1][0])
        self._waiting.append((due, data))
        loop.call_at(due, self.flush)

    def flush(self) -> None:
        """Passes on what is due."""
        now = asyncio.get_running_loop().time()
        while self.to is not None and self._waiting and self._waiting[0][0] <= now + 1e-3:
            self._pass(self._waiting.popleft()[1])

    def _pass(self, data: bytes | None) -> None:
        if self.to is None or self.to.is_closing():
            return
        if data is None:
            self.to.close()
        else:
            self.to.write(data)


class Connection(asyncio.Protocol):
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(self, link: Link, port: int) -> None:
        self._link = link
        self._port = port
        self._there = Way(link)
        self._back = Way(link)
        self._loses_next = False
        self._aborted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._back.to = cast(asyncio.Transport, transport)
        loop = asyncio.get_running_loop()
        if self._link.is_cut(loop.time()):
            self.abort()
            return
        self._link.connections.add(self)
        self._connecting = loop.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self._link.loses_reply_to(data, asyncio.get_running_loop().time()):
            self._loses_next = True
        self._there.push(data)

    def connection_lost(self, error: Exception | None) -> None:
        # What the client had sent arrives all the same, perhaps long after it has died.
        self._link.connections.discard(self)
        self._there.push(None)

    def replied(self, data: bytes) -> None:
        """The server's answer comes back, or does not."""
        if self._loses_next:
            self.abort()
        else:
            self._back.push(data)

    def ended(self) -> None:
        """The server has closed the connection."""
        self._back.push(None)

    def abort(self) -> None:
        """Breaks it off on both sides; what is on its way is lost."""
        self._aborted = True
        for way in (self._there, self._back):
            if way.to is not None:
                way.to.abort()

    async def _connect(self) -> None:
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: _Server(self), LOOPBACK, self._port
            )
        except OSError:
            self.abort()
            return
        self._there.to = transport
        if self._aborted:
            transport.abort()
        self._there.flush()


class _Server(asyncio.Protocol):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def data_received(self, data: bytes) -> None:
        self._connection.replied(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._connection.ended()


async def serve(port: int, names: list[str]) -> None:
    """Passes on until stdin ends."""
    loop = asyncio.get_running_loop()
    links = {name: Link() for name in names}
    ports = {}
    for name, link in links.items():
        listening = await loop.create_server(lambda link=link: Connection(link, port), LOOPBACK, 0)  # type: ignore[misc]
        ports[name] = listening.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)  # noqa: T201 - that is how it is heard
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        name, what, lasts_s = line.decode().split()
        links[name].disturb(what, loop.time(), float(lasts_s))
        print(line.decode(), end="", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]), sys.argv[2:]))
