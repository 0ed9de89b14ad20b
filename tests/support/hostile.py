"""What a hostile or careless hand may write: strategies for bytes, text, JSON and fields of stream entries.

Random input rarely gets past the first check, so most of it is made of valid input: flipped, cut, doubled, spliced.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Fields = dict[bytes, bytes]

TEXTS = (
    "",
    " ",
    "\0",
    "\n",
    "0",
    "-1",
    "1.5",
    "1e400",
    "nan",
    "-inf",
    "0x10",
    "1_000",
    "٣",
    "9" * 20,
    "9" * 5_000,
    "99999999999999-0",
    "18446744073709551615-18446744073709551615",
    "1751463960000-0",
    "1751463960000",
    "9999-12-31 23:59",
    "0001-01-01T00:00:00+14:00",
    "24:00",
    "../../etc/passwd",
    "Ω≈ç",
    "\ud800",
    "America",
    "true",
    "null",
    "{}",
    "[]",
    '{"a":1}',
    "a" * 70_000,
    "[" * 20_000,
    '{"a":' * 20_000,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1 << 63,
    1 << 200,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    [],
    {},
    [[[]]],
    {"": {}},
    *TEXTS,
)
BYTES = (b"\xff\xfe", b"\xc3\x28", b"\x80" * 100, *(text.encode("utf-8", "surrogatepass") for text in TEXTS))


def texts() -> SearchStrategy[str]:
    """Odd text, and any text."""
    return st.sampled_from(TEXTS) | st.text(st.characters(), max_size=40)


def raw() -> SearchStrategy[bytes]:
    """Odd bytes, and any bytes."""
    return st.sampled_from(BYTES) | st.binary(max_size=200)


@st.composite
def mutated(draw: st.DrawFn, valid: Sequence[bytes]) -> bytes:
    """Valid bytes that were flipped, cut, doubled, spliced with others; now and then left as they are."""
    found = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(found)))
        end = draw(st.integers(at, min(len(found), at + 60)))
        match draw(st.integers(0, 4)):
            case 0 if at < len(found):
                found = found[:at] + bytes([found[at] ^ (1 << draw(st.integers(0, 7)))]) + found[at + 1 :]
            case 1:
                found = found[:at] + found[end:]
            case 2:
                found = found[:end] + found[at:end] + found[end:]
            case 3:
                found = found[:at] + draw(raw()) + found[end:]
            case _:
                other = draw(st.sampled_from(valid))
                found = found[:at] + other[min(at, len(other)) :]
    return found


@st.composite
def json_like(draw: st.DrawFn, valid: Sequence[Any]) -> bytes:
    """A valid JSON value with some of its parts made others, doubled or taken away; now and then no JSON any more."""
    found = copy.deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(0, 3))):
        found = _changed(draw, found)
    text = json.dumps(found).encode("utf-8", "surrogatepass")
    return draw(mutated([text])) if draw(st.integers(0, 9)) == 0 else text


@st.composite
def fields(draw: st.DrawFn, valid: Sequence[Mapping[bytes, bytes]]) -> Fields:
    """Fields of a stream entry: valid ones with some of them changed, renamed, missing or added."""
    found = dict(draw(st.sampled_from(valid)))
    others = [value for each in valid for value in each.values()]
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(found))) if found else b""
        match draw(st.integers(0, 5)):
            case 0:
                found.pop(name, None)
            case 1:
                found[draw(raw())] = found.pop(name, b"")
            case 2:
                found[name] = draw(raw())
            case 3:
                found[name] = draw(mutated([found.get(name, b"")]))
            case 4:
                found[name] = draw(st.sampled_from(others))
            case _:
                found[draw(mutated([name]) | raw())] = draw(raw())
    return found


def entry_ids() -> SearchStrategy[bytes]:
    """Ids of entries, and what may stand in their place."""
    numbers = st.integers(0, 2_000_000_000_000) | st.sampled_from([0, 1, 253_402_300_800_000, (1 << 64) - 1])
    ids = st.tuples(numbers, st.integers(0, 3) | numbers).map(lambda pair: b"%d-%d" % pair)
    return ids | ids | ids | raw()


def _changed(draw: st.DrawFn, found: Any) -> Any:
    """The value with one of its parts changed, anywhere inside."""
    if isinstance(found, dict) and found and draw(st.integers(0, 5)):
        name = draw(st.sampled_from(sorted(found, key=str)))
        match draw(st.integers(0, 7)):
            case 0:
                del found[name]
            case 1:
                found[draw(st.sampled_from(TEXTS))] = copy.deepcopy(found[name])
            case _:
                found[name] = _changed(draw, found[name])
        return found
    if isinstance(found, list) and found and draw(st.integers(0, 5)):
        at = draw(st.integers(0, len(found) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                del found[at]
            case 1:
                found.insert(at, copy.deepcopy(found[at]))
            case _:
                found[at] = _changed(draw, found[at])
        return found
    return copy.deepcopy(draw(st.sampled_from(VALUES)))
