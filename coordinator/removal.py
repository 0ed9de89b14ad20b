"""The removal of symbols in Redis, and what is kept of them for readers that have not come so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from coordinator.state import State
from coordinator.store import Store, flat
from playhead.commands import Reply, encode_reply
from playhead.entries import time_ms
from playhead.errors import Fenced
from playhead.symbols import MAIN_FEED
from playhead.symbols import encode as encode_record
from shared.run_hash import after_event
from shared.scripts import script

_REMOVE: Final = script("remove")


class Removals:
    """Removes symbols of one session."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def remove(self, state: State, symbols: Sequence[str], reply: Reply, done: Mapping[str, str]) -> str:
        """Takes symbols that are there out, and answers the command.

        Returns `ok`, `repeated`, `position`, `clock` or `ended`, as the script does.
        """
        keys = self._store.keys
        names = sorted(symbols)
        feeds, bars = self._feeds(state, names), self._bars(state, names)
        joined, reply_items = ",".join(names), flat(encode_reply(reply))
        args: list[Any] = [self._store.token, state.commands_at, reply.entry, reply.id, state.clock_ms, joined]
        args += [after_event(state.run_hash, state.clock_ms, "symbol-removed", joined)]
        args += [len(names), len(feeds), len(bars) // 2, len(reply_items), 2 * len(done)]
        for symbol in names:
            record = state.records[symbol]
            args += [symbol, f"{symbol} {record.since}", encode_record(record, removal_to_come=True)]
        args += reply_items + flat(done)
        used = [keys.state, keys.symbols, keys.removed, keys.notifications, keys.replies, keys.answered, keys.journal]
        used += [keys.schedule, keys.scheduled, *feeds, *bars]
        outcome: str = _REMOVE(self._store.client, used, args).decode()
        if outcome == "fenced":
            raise Fenced(f"session {keys.session} has another coordinator now")
        return outcome

    def _feeds(self, state: State, names: Sequence[str]) -> list[str]:
        """The feeds that carry nobody else."""
        gone = {state.records[symbol].feed for symbol in names} - {MAIN_FEED}
        stay = {record.feed for symbol, record in state.records.items() if symbol not in names}
        return [self._store.keys.feed(name) for name in sorted(gone - stay)]

    def _bars(self, state: State, names: Sequence[str]) -> list[str]:
        """Pairs of keys: session data that some position may read, and where it is put aside."""
        keys = self._store.keys
        pairs: list[str] = []
        for symbol in names:
            record = state.records[symbol]
            days = state.hours(record.calendar).days
            first = state.first_day(days, time_ms(state.trimmed))
            for day in days.days[first : days.current(state.clock_ms) + 1]:
                for interval in state.config.intervals:
                    pairs.append(keys.bars(symbol, interval, day.label))
                    pairs.append(keys.removed_bars(record.since, symbol, interval, day.label))
        return pairs
