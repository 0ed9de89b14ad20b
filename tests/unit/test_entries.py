"""Ids of stream entries: what is one, and how they order."""

from __future__ import annotations

import pytest

from playhead.entries import is_entry, order, time_ms
from playhead.errors import Malformed

LARGEST = "18446744073709551615"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("0-0", (0, 0)),
        ("1751463000000-2", (1_751_463_000_000, 2)),
        ("7", (7, 0)),
        (f"{LARGEST}-{LARGEST}", (2**64 - 1,) * 2),
    ],
)
def test_an_id_sorts_by_its_time_and_then_by_its_number(entry: str, expected: tuple[int, int]) -> None:
    assert order(entry) == expected
    assert time_ms(entry) == expected[0]
    assert is_entry(entry) == ("-" in entry)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "5-",
        "-5",
        "+5-0",
        " 5-0",
        "5-0\n",
        "5_0-0",
        "5-0-0",
        "$",
        "\u0665-0",
        "5-²",
        "1" * 21 + "-0",
        "0-" + "1" * 21,
    ],
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="no id of an entry"):
        order(text)
    assert not is_entry(text)
