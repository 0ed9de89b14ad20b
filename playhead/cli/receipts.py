"""The answers to `data add-symbol` and `data remove-symbol`, symbol by symbol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from playhead.cli.output import print_error, print_line, print_table
from playhead.cli.summary import dated_text
from playhead.commands import Reply

if TYPE_CHECKING:
    from playhead.info import SessionInfo

ADDED = "added"
REMOVED = "removed"
_HEAD = ("SYMBOL", "LOADED", "WRITTEN", "QUEUED", "DROPPED", "MISSING", "HELD")
_OF_MARKET = "-market"


def results_of(reply: Reply, symbols: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What became of each symbol. A command refused as a whole refuses each of them."""
    refused = {"status": "rejected", "error": reply.error or "the command was rejected"}
    return {symbol: reply.result.get(symbol, refused) for symbol in symbols}


def all_done(results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether all that was asked was done."""
    return all(outcome.get("status") in (ADDED, REMOVED) for outcome in results.values())


def print_receipts(results: Mapping[str, Mapping[str, Any]], info: SessionInfo) -> None:
    """A table of what was added, an error for each symbol that was not."""
    added = {symbol: of for symbol, of in sorted(results.items()) if of.get("status") == ADDED}
    if added:
        clock = dated_text(next(iter(added.values())).get("clock_ms"), info)
        print_line(f"session {info.name}: {', '.join(added)} added at {clock}")
        print_table(_HEAD, [_row(symbol, receipt) for symbol, receipt in added.items()])
    _print_errors({symbol: of for symbol, of in results.items() if symbol not in added})


def print_removals(results: Mapping[str, Mapping[str, Any]], info: SessionInfo) -> None:
    """A line with what was removed, an error for each symbol that was not."""
    removed = {symbol: of for symbol, of in sorted(results.items()) if of.get("status") == REMOVED}
    if removed:
        clock = dated_text(next(iter(removed.values())).get("clock_ms"), info)
        print_line(f"session {info.name}: {', '.join(removed)} removed at {clock}")
    _print_errors({symbol: of for symbol, of in results.items() if symbol not in removed})


def _print_errors(refused: Mapping[str, Mapping[str, Any]]) -> None:
    for symbol, of in sorted(refused.items()):
        reason = str(of.get("error"))
        print_error(reason if symbol in reason.split() else f"{symbol}: {reason}")


def _row(symbol: str, receipt: Mapping[str, Any]) -> tuple[str, ...]:
    counts = (str(receipt.get(name, "?")) for name in ("loaded", "written", "queued"))
    dropped = [
        f"{count} {reason.removesuffix(_OF_MARKET)}"
        for reason, count in (receipt.get("dropped") or {}).items()
        if count
    ]
    held = receipt.get("held_ms")
    held_text = "?" if held is None else f"{held:.0f} ms"
    return (symbol, *counts, " + ".join(dropped) or "0", str(receipt.get("missing", "?")), held_text)
