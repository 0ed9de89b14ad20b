"""The session as a consumer sees it at its position: nothing later, however far the coordinator has run."""

from __future__ import annotations

from typing import Final

import redis

from playhead import symbols as records
from playhead.bars import Bars
from playhead.codec import bars_of
from playhead.columns import Columns
from playhead.connection import text
from playhead.entries import BEGINNING, order, time_ms
from playhead.errors import HistoryLost, SessionNotFound, UnknownSymbol
from playhead.keys import Keys
from playhead.messages import Group, Message, SymbolAdded, Tick
from playhead.names import parse_symbol
from playhead.patience import Patience

MAX_WAITING_BARS: Final = 1 << 16
"""Bars of delivered ticks that may wait for the columns: 46 bytes each, and 40 more once one is taken."""


class View:
    """Reads as of a position.

    The first read of a symbol takes its session data in one step. That may hold bars later than the position;
    they are kept back until the position reaches them. Bars that came after that step are in the ticks which
    are delivered later, so these are taken from there: a later read costs the new bars, not the day. Ticks
    are only put aside when they are delivered; a symbol takes its bars when it is read, or when too many
    wait.
    """

    def __init__(self, client: redis.Redis, keys: Keys, history: str, position: str, patience: Patience) -> None:
        self.position = position
        self.clock_ms = time_ms(position)
        self._client = client
        self._keys = keys
        self._history = history
        self._patience = patience
        self._columns: dict[tuple[str, str], Columns] = {}
        self._taken: dict[tuple[str, str], int] = {}
        self._waiting: list[Group] = []
        self._waiting_bars = 0
        self._visible: tuple[str, ...] | None = None

    def deliver(self, message: Message) -> None:
        """Moves the position to a message that is handed to the consumer."""
        if self.position == BEGINNING or isinstance(message, SymbolAdded):
            self._visible = None
        self.position = message.entry
        self.clock_ms = message.clock_ms
        if self._columns and isinstance(message, Tick):
            for group in message.groups:
                self._waiting.append(group)
                self._waiting_bars += len(group.symbols)
            if self._waiting_bars > MAX_WAITING_BARS:
                self._take_all()

    def forget(self) -> None:
        """Drops what was read. For when a message could not be understood: its bars or symbols may be missing here."""
        self._columns.clear()
        self._taken.clear()
        self._waiting.clear()
        self._waiting_bars = 0
        self._visible = None

    def symbols(self) -> tuple[str, ...]:
        """The symbols that are there at the position, sorted."""
        if self._visible is None:
            found = self._patience.get(lambda: self._client.hgetall(self._keys.symbols))
            here = order(self.position)
            self._visible = tuple(
                sorted(
                    text(symbol)
                    for symbol, record in found.items()
                    if (added := records.decode(record).added_entry) is None or order(added) <= here
                )
            )
        return self._visible

    def bars(self, symbol: str, interval: str) -> Bars:
        """The bars that had closed by the position's clock, as read-only views.

        Raises `UnknownSymbol`, `HistoryLost` and `SessionNotFound`.
        """
        key = symbol, interval
        columns = self._columns.get(key)
        if columns is None:
            key = parse_symbol(symbol), interval
            columns = self._columns.get(key) or self._first_read(*key)
        self._take(key, columns)
        return columns.closed_by(self.clock_ms)

    def _first_read(self, symbol: str, interval: str) -> Columns:
        if symbol not in self.symbols():
            raise UnknownSymbol(
                f"{symbol} is not in session {self._keys.session} at {self.position}; "
                f"there are {', '.join(self.symbols()) or 'no symbols yet'}"
            )
        history, noted, runs = self._patience.get(lambda: self._session_data(symbol, interval))
        if history is None:
            raise SessionNotFound(f"session {self._keys.session} was deleted while it was followed")
        if history.decode() != self._history or order(noted.decode()) < order(self.position):
            raise HistoryLost(
                f"session {self._keys.session} has less than was seen of it at {self.position}: the server "
                "lost writes, or the session is a new one; start the consumer again from the beginning"
            )
        columns = self._columns[symbol, interval] = Columns(bars_of(symbol, interval, runs))
        self._taken[symbol, interval] = len(self._waiting)
        return columns

    def _session_data(self, symbol: str, interval: str) -> tuple[bytes | None, bytes, dict[bytes, bytes]]:
        pipe = self._client.pipeline()
        pipe.hmget(self._keys.state, ["history", "noted"])
        pipe.hgetall(self._keys.bars(symbol, interval))
        (history, noted), runs = pipe.execute()
        return history, noted or BEGINNING.encode(), runs

    def _take(self, key: tuple[str, str], columns: Columns) -> None:
        symbol, interval = key
        for group in self._waiting[self._taken[key] :]:
            if group.interval == interval:
                at = group.index.get(symbol)
                if at is not None:
                    columns.append(group.start_ms, group.values[at])
        self._taken[key] = len(self._waiting)

    def _take_all(self) -> None:
        for key, columns in self._columns.items():
            self._take(key, columns)
            self._taken[key] = 0
        self._waiting.clear()
        self._waiting_bars = 0
