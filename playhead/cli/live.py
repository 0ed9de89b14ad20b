"""`playhead watch` on a terminal: a thread reads the session, and the screen shows what it has read."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any, Final, NoReturn

from redis.exceptions import ResponseError
from rich.console import Console
from rich.live import Live
from rich.screen import Screen

from playhead.cli.board import Board, render, summary_line
from playhead.cli.options import info_of
from playhead.cli.output import print_line
from playhead.connection import connect, text
from playhead.errors import Malformed, RedisUnavailable, SessionFailed, UnknownSymbol
from playhead.info import OVER, SessionInfo
from playhead.keys import Keys
from playhead.messages import Tick, decode
from playhead.session import Session

READ_S: Final = 0.25
"""Between two looks at the session; a look that takes long makes the next one later."""
REST: Final = 10
"""A look may take this part of the time: a large session on a slow server is asked less often."""
LONGEST_S: Final = 2.0
"""The longest pause between two looks: a server that is back is soon seen."""
DRAW_S: Final = 0.1
"""Between two drawings of the screen at least."""
PACE_S: Final = 3.0
"""The pace is that of so many last seconds."""
SOUGHT: Final = 8
"""Symbols of which the last bar is looked up in one look, where no tick has told it."""
ENDED_BY: Final = 128
"""Exit codes of a process that was ended by a signal begin after this."""


class Look(threading.Thread):
    """Reads a session again and again, on a connection of its own. `board` is what it has read last."""

    def __init__(self, session: Session) -> None:
        super().__init__(name="look", daemon=True)
        self.board: Board | None = None
        self.error: Exception | None = None
        """Why there is nothing more to read: it was deleted, say."""
        self.news = threading.Event()
        self._session = session
        self._keys = Keys(session.name)
        self._client = connect(session.url)
        self._active: SessionInfo | None = None
        self._closes: dict[str, float] = {}
        self._counts: deque[tuple[float, int]] = deque()
        self._since_s = time.monotonic()

    def run(self) -> None:
        """Until the session is over, or cannot be read any more."""
        while self.error is None:
            begun_s = time.monotonic()
            try:
                self.board = self._read()
                self._since_s = time.monotonic()
            except (RedisUnavailable, Malformed, ResponseError) as error:  # goes on once that is mended
                if self.board is None:
                    self.error = error
                else:
                    away = f"no news for {time.monotonic() - self._since_s:.0f} s: {error}"
                    self.board = replace(self.board, away=away, pace=None)
                self._counts.clear()
            except Exception as error:  # noqa: BLE001 - raised where the screen is
                self.error = error
            self.news.set()
            if self.board is not None and not self.board.away and self.board.info.status in OVER:
                return
            time.sleep(min(LONGEST_S, max(READ_S, REST * (time.monotonic() - begun_s))))

    def _read(self) -> Board:
        info = info_of(self._session)
        if info.active or self._active is None:
            self._active = info
        else:  # of what is being added nothing is shown before all of it is there
            info = replace(info, symbols=self._active.symbols)
        self._follow_stream()
        if info.active:
            self._seek_closes(info)
        operation = None if info.active else self._session.operation()
        return Board(info, self._session.consumers(), operation, dict(self._closes), self._pace())

    def _follow_stream(self) -> None:
        """Takes the last tick, and how many entries there ever were, without reading what is in between."""
        if not self._client.exists(self._keys.notifications):
            return  # nothing was emitted yet
        found: Mapping[Any, Any] = self._client.xinfo_stream(self._keys.notifications)
        said = {text(name): value for name, value in found.items()}
        now_s = time.monotonic()
        self._counts.append((now_s, int(said.get("entries-added", 0))))
        while len(self._counts) > 2 and now_s - self._counts[1][0] >= PACE_S:
            self._counts.popleft()
        last = said.get("last-entry")
        if last:
            with suppress(Malformed):  # of another hand
                message = decode(last[0], last[1])
                if isinstance(message, Tick):
                    self._closes |= {symbol: bar.close for symbol, _, bar in message.bars()}

    def _seek_closes(self, info: SessionInfo) -> None:
        """Looks up some closes that no tick has told yet: of what was added, and of what seldom trades."""
        self._closes = {symbol: close for symbol, close in self._closes.items() if symbol in info.symbols}
        unknown = [
            symbol
            for symbol, of in info.symbols.items()
            if symbol not in self._closes and any(bars.bars for bars in of.intervals.values())
        ]
        for symbol in unknown[:SOUGHT]:
            with suppress(UnknownSymbol):
                bars = self._session.bars(symbol)
                if bars is not None and len(bars):
                    self._closes[symbol] = float(bars.close[-1])

    def _pace(self) -> float | None:
        if len(self._counts) < 2:
            return None
        (from_s, from_count), (to_s, to_count) = self._counts[0], self._counts[-1]
        return (to_count - from_count) / (to_s - from_s)


def watch_live(session: Session, console: Console) -> None:
    """Shows the session until it is over. Raises `SessionFailed` where it failed, and what ends the reading."""
    look = Look(session)
    look.start()
    screen = Live(console=console, screen=True, auto_refresh=False, transient=True)
    with screen as live, _minding_signals(live):
        _show(look, live, console)
    board = look.board
    if board is not None:
        print_line(summary_line(board.info))
    if look.error is not None:
        raise look.error
    if board is not None and board.info.status == "failed":
        raise SessionFailed(f"session {session.name} failed: {board.info.error or 'it gave no reason'}")


def _show(look: Look, live: Live, console: Console) -> None:
    size = None
    while True:
        fresh = look.news.wait(DRAW_S)
        look.news.clear()
        if look.board is not None and (fresh or console.size != size):
            size = console.size
            live.update(Screen(render(look.board, size.width, size.height)), refresh=True)
        if not look.is_alive():
            return
        if fresh:
            time.sleep(DRAW_S)


@contextmanager
def _minding_signals(live: Live) -> Iterator[None]:
    """A signal to end leaves the block as an error, so that the terminal is as it was; so does Ctrl-C by itself. With
    Ctrl-Z the terminal is the shell's until the process goes on.
    """

    def end(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(ENDED_BY + number)

    def pause(number: int, frame: FrameType | None) -> None:
        live.stop()
        os.kill(os.getpid(), signal.SIGSTOP)
        live.start(refresh=True)

    handlers = {signal.SIGTERM: end, signal.SIGHUP: end, signal.SIGTSTP: pause}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
