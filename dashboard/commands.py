"""Giving a session commands from a page: each on a connection of its own, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dashboard.threads import in_thread
from playhead.commands import Reply
from playhead.config import SessionConfig
from playhead.errors import CommandRejected, PlayheadError
from playhead.session import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command that names symbols: those with which it was done, and why not of each other one."""

    done: tuple[str, ...]
    refused: Mapping[str, str]

    @property
    def error(self) -> str | None:
        """What is said where the symbols were typed."""
        said = (why if symbol in why.split() else f"{symbol}: {why}" for symbol, why in self.refused.items())
        return "; ".join(said) or None


async def with_session(name: str, url: str, act: Callable[[Session], T]) -> T:
    """What `act` returns. Raises what it raises, and what opening the session does."""

    def run() -> T:
        with Session(name, url) as session:
            return act(session)

    return await in_thread(run, f"command-{name}")


async def start(name: str, config: SessionConfig, url: str) -> None:
    """Starts a session and waits until it runs. Raises what `Session.start` raises."""

    def run() -> None:
        Session.start(name, config, url).close()

    await in_thread(run, f"start-{name}")


def add(session: Session, symbols: tuple[str, ...], source: str | None, calendar: str | None) -> Outcome:
    """Adds symbols, and waits for what became of each."""
    return _outcome(symbols, lambda: session.add_symbol(*symbols, source=source, calendar=calendar))


def remove(session: Session, symbol: str) -> Outcome:
    """Removes a symbol."""
    return _outcome((symbol,), lambda: session.remove_symbol(symbol))


def _outcome(symbols: tuple[str, ...], send: Callable[[], Reply]) -> Outcome:
    try:
        reply = send()
    except CommandRejected as error:
        if error.reply is None or not error.reply.result:
            return Outcome((), {symbols[0]: str(error)})
        reply = error.reply
    refused = {symbol: str(of["error"]) for symbol, of in reply.result.items() if of.get("error")}
    return Outcome(tuple(symbol for symbol in reply.result if symbol not in refused), refused)


def listed(text: str) -> tuple[str, ...]:
    """Symbols as typed, joined by commas or blanks."""
    return tuple(part for part in text.replace(",", " ").split() if part)


def said(error: PlayheadError) -> str:
    """An error as one line."""
    return " ".join(str(error).split())
