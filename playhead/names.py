"""Names that people type: sessions, symbols, consumers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from playhead.errors import InvalidInput, Malformed

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.=^_-]{0,31}")
_SHOWN = 40  # characters of a bad name that an error repeats


def check_session(name: str) -> str:
    """The name itself, if a session may be called so. Raises `InvalidInput`."""
    if not _SESSION.fullmatch(name):
        raise InvalidInput(f"session name {_shown(name)} is not 1 to 64 of the characters A-Z a-z 0-9 _ -")
    return name


def check_consumer(name: str) -> str:
    """The name itself, if a consumer may be called so. Raises `InvalidInput`."""
    if not _SESSION.fullmatch(name):
        raise InvalidInput(f"consumer name {_shown(name)} is not 1 to 64 of the characters A-Z a-z 0-9 _ -")
    return name


def is_consumer(name: str) -> bool:
    """Whether a consumer may be called so."""
    return _SESSION.fullmatch(name) is not None


def check_symbol(name: str) -> str:
    """The name itself, if it is that of a symbol as it stands in Redis. Raises `Malformed`."""
    if not _SYMBOL.fullmatch(name):
        raise Malformed(f"{_shown(name)} is no symbol")
    return name


def parse_symbol(text: str) -> str:
    """The symbol in upper case. Raises `InvalidInput` with what is wrong about it."""
    symbol = text.upper() if text.isascii() else text  # "ß" would become "SS"
    if not symbol:
        raise InvalidInput("a symbol is empty; give a name such as AAPL")
    if not _SYMBOL.fullmatch(symbol) or ".." in symbol:
        raise InvalidInput(
            f"symbol {_shown(text)} is not 1 to 32 of the characters A-Z 0-9 . = ^ _ -, "
            "beginning with a letter, a digit or ^, without '..'"
        )
    return symbol


def parse_symbols(texts: Iterable[str]) -> tuple[str, ...]:
    """The symbols in the order given. Raises `InvalidInput` for none, a bad one, or one given twice."""
    symbols = tuple(parse_symbol(text) for text in texts)
    if not symbols:
        raise InvalidInput("no symbol was given; name at least one, such as AAPL")
    if len(set(symbols)) < len(symbols):
        twice = min(symbol for symbol, times in Counter(symbols).items() if times > 1)
        raise InvalidInput(f"symbol {twice} was given twice; name each symbol once")
    return symbols


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
