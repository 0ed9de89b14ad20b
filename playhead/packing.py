"""Commands as the bytes that go to the server: as redis-py makes them, but fast where values are large.

hiredis appends one argument after the other. A script call with two megabytes of bars takes it longer than the server
takes to carry the call out; here large values are put in by one copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import hiredis
from redis.connection import HiredisRespSerializer

LARGE_BYTES: Final = 2048
"""Values of this size and more are put in here; the others are left to hiredis."""


class Packer(HiredisRespSerializer):
    """Packs the commands of a connection."""

    def pack(self, *args: Any) -> list[bytes]:
        """The bytes of one command."""
        large = [at for at, arg in enumerate(args) if isinstance(arg, bytes) and len(arg) >= LARGE_BYTES]
        if not large or b" " in _bytes(args[0]):  # redis-py takes a name such as CONFIG SET for two arguments
            packed: list[bytes] = super().pack(*args)
            return packed
        try:
            packed = [b"".join(_parts(args, large))]
        except TypeError:  # what hiredis does not take: redis-py makes the best of it, or says what is wrong
            packed = super().pack(*args)
        return packed


def _parts(args: tuple[Any, ...], large: Sequence[int]) -> Iterator[bytes]:
    yield b"*%d\r\n" % len(args)
    first = 0
    for at in [*large, len(args)]:
        if first < at:
            # Behind the number of arguments, which is that of this part alone.
            yield hiredis.pack_command(args[first:at]).partition(b"\r\n")[2]
        if at < len(args):
            yield from (b"$%d\r\n" % len(args[at]), args[at], b"\r\n")
        first = at + 1


def _bytes(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name
