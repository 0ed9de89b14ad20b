"""The epochs of a session: each coordinator that takes it begins one, after the last notification that it finds.

A coordinator never goes on with another server than the one on which its epoch began. So whatever is lost, be it that a
server comes back in an older state or gives way to a replica that lagged, what follows is of another epoch than what
was there before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from playhead.connection import text
from playhead.entries import is_entry, order

KEPT: Final = 1_000
"""Epochs that are kept, as the script `acquire` says."""

Epochs = tuple[tuple[str, str], ...]
"""The id of each, and the last notification before it, in their order."""


def decode(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> Epochs:
    """The entries of the stream `epochs`; those of another hand do not count."""
    found = ((text(fields.get(b"epoch", b"")), text(fields.get(b"after", b""))) for _, fields in entries)
    return tuple((epoch, after) for epoch, after in found if epoch and is_entry(after))


def parted_after(known: Epochs, now: Epochs) -> str | None:
    """The last notification that two lists of epochs have in common, `None` where the first goes on as the second.

    Notifications up to it are the same by both lists; those after it have come in different epochs.
    """
    if now:  # the oldest are not kept
        first = now[0][0]
        at = next((at for at, (epoch, _) in enumerate(known) if epoch == first), len(known))
        known = known[at:]
    same = 0
    while same < min(len(known), len(now)) and known[same] == now[same]:
        same += 1
    following = [after for epochs in (known, now) for _, after in epochs[same : same + 1]]
    return min(following, key=order, default=None)
