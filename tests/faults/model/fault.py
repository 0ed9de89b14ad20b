"""What the in-memory store answers where the real server answers with an error."""

from __future__ import annotations

from redis.exceptions import ResponseError


class StoreError(ResponseError):
    """An error reply. Its text begins with the code, as on the wire; redis-py leaves `ERR` out."""

    def __init__(self, wire: str) -> None:
        super().__init__(wire.removeprefix("ERR "))
        self.wire = wire


WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
