"""Commands with large values are the bytes that hiredis would make of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.connection import HiredisRespSerializer
from redis.exceptions import DataError

from playhead.packing import LARGE_BYTES, Packer

small = st.one_of(
    st.text(max_size=8),
    st.just("a b"),
    st.binary(max_size=8),
    st.integers(),
    st.just(memoryview(b"ab")),
    st.floats(allow_nan=False),
)
large = st.integers(LARGE_BYTES - 1, LARGE_BYTES + 3).map(lambda size: bytes(range(7)) * (size // 7) + b"\r\n$")
commands = st.sampled_from(["EVALSHA", b"XADD", "CONFIG GET", b"SCRIPT LOAD"])


@given(commands, st.lists(st.one_of(small, large), max_size=12))
def test_the_bytes_are_those_of_hiredis(command: str | bytes, args: list[object]) -> None:
    as_it_is: Any = HiredisRespSerializer()
    assert b"".join(Packer().pack(command, *args)) == b"".join(as_it_is.pack(command, *args))


def test_what_cannot_be_sent_is_said_as_redis_py_says_it() -> None:
    with pytest.raises(DataError):
        Packer().pack("SET", "key", None, bytes(LARGE_BYTES))
