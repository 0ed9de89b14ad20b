"""Epochs: where the history of a server and what was read from it part."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.entries import order
from playhead.epochs import KEPT, Epochs, decode, parted_after
from tests.conftest import REPOSITORY

FIRST = (("a", "0-0"), ("b", "50-0"))


@pytest.mark.parametrize(
    ("known", "now", "parted"),
    [
        ((), (), None),
        (FIRST, FIRST, None),
        (FIRST, (*FIRST, ("c", "90-0")), "90-0"),
        (FIRST, (("a", "0-0"), ("c", "70-0")), "50-0"),
        (FIRST, (("a", "0-0"), ("c", "30-0")), "30-0"),
        (FIRST, (("a", "0-0"),), "50-0"),
        (FIRST, (("c", "0-0"),), "0-0"),
        ((), (("c", "0-0"),), "0-0"),
        (FIRST, (), "0-0"),
        ((("a", "0-0"), ("b", "100-0")), (("a", "0-0"), ("c", "99-2")), "99-2"),
    ],
    ids=["none", "the same", "goes on", "later", "earlier", "less", "other", "first", "gone", "numbers"],
)
def test_two_lists_part_where_the_first_epoch_begins_that_is_not_in_both(
    known: Epochs, now: Epochs, parted: str | None
) -> None:
    assert parted_after(known, now) == parted


def test_entries_of_another_hand_are_no_epochs() -> None:
    good = {b"epoch": b"a", b"after": b"5-0"}
    odd = [{}, {b"epoch": b"b"}, {b"epoch": b"", b"after": b"1-0"}, {b"epoch": b"c", b"after": b"\xff"}]
    assert decode((b"1-0", fields) for fields in [*odd, good, *odd]) == (("a", "5-0"),)


def test_epochs_that_are_not_kept_any_more_do_not_count() -> None:
    known = tuple((str(number), f"{number}-0") for number in range(1, 6))
    assert parted_after(known, known[2:]) is None
    assert parted_after(known, (*known[2:], ("x", "9-0"))) == "9-0"
    assert parted_after(known[:2], known[3:]) == "4-0"


@dataclass
class Server:
    """A server's notifications, each named by how often anything was ever written, and its epochs."""

    written: list[tuple[str, int]] = field(default_factory=list)
    epochs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def noted(self) -> str:
        return self.written[-1][0] if self.written else "0-0"

    def copy(self) -> Server:
        return Server([*self.written], [*self.epochs])


@given(st.randoms(use_true_random=False), st.integers(5, 60))
def test_a_reader_is_told_if_what_it_has_read_is_not_there_any_more_and_not_told_else(
    chance: random.Random, steps: int
) -> None:
    server = Server(epochs=[("0", "0-0")])
    backups = [server.copy()]
    known: Epochs = tuple(server.epochs)
    read: list[tuple[str, int]] = []
    for step in range(1, steps):
        match chance.choice(["write", "write", "write", "epoch", "back up", "lose", "read"]):
            case "write":
                server.written.append((f"{len(server.written) + 1}-0", step))
            case "epoch":
                server.epochs.append((str(step), server.noted))
            case "back up":
                backups.append(server.copy())
            case "lose":  # nobody writes to a server that lost something before a new epoch has begun
                server = chance.choice(backups).copy()
                server.epochs.append((str(step), server.noted))
            case "read":
                now = tuple(server.epochs)
                parted = parted_after(known, now)
                told = parted is not None and bool(read) and order(parted) < order(read[-1][0])
                assert told == (read != server.written[: len(read)])
                if told:
                    read = []
                known, read = now, read + server.written[len(read) :]


def test_as_many_are_kept_as_the_script_says() -> None:
    script = (REPOSITORY / "shared" / "lua" / "acquire.lua").read_text("utf-8")
    assert f"'MAXLEN', {KEPT})" in script
