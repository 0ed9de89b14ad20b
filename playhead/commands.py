"""Commands to the coordinator and its replies, as dataclasses and as the plain text fields of the streams."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from playhead.errors import InvalidInput, Malformed, sendable
from playhead.names import parse_symbol
from playhead.plain import load_object, typed
from playhead.speed import parse_speed, speed_text
from playhead.uris import MAX_SOURCE

MAX_STEPS = 1_000_000
MAX_SYMBOLS = 10_000
"""Symbols in one command."""
SCHEDULED = "scheduled"
"""Status of the first reply to a command that waits for its market time."""
COMMON_FIELDS = ("id", "at")
"""Fields that any command may have: its id, and the market time for which it is meant."""
_MAX_FIELD_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AddSymbol:
    """Add symbols as if they had been there from the open. `symbols` are as typed; the coordinator judges each.

    Those in `rejected` are refused with that reason and nothing is asked: an addition that failed is so repeated.
    """

    op: ClassVar[str] = "add-symbol"
    symbols: tuple[str, ...]
    source: str | None = None
    calendar: str | None = None
    rejected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoveSymbol:
    """Take symbols out. `symbols` are as typed; the coordinator judges each."""

    op: ClassVar[str] = "remove-symbol"
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Place the hold `user`."""

    op: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True)
class Resume:
    """Remove the hold `user`, and nothing else."""

    op: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True)
class Step:
    """Release the next `ticks` ticks, then pause."""

    op: ClassVar[str] = "step"
    ticks: int = 1


@dataclass(frozen=True, slots=True)
class RunUntil:
    """Run until the clock reads a time as typed (`12:06`, or ISO with an offset), then pause."""

    op: ClassVar[str] = "run-until"
    time: str


@dataclass(frozen=True, slots=True)
class Speed:
    """Market seconds a wall second; `None` is as fast as it goes."""

    op: ClassVar[str] = "speed"
    factor: float | None


@dataclass(frozen=True, slots=True)
class Stop:
    """End the session where it is."""

    op: ClassVar[str] = "stop"


Command = AddSymbol | RemoveSymbol | Pause | Resume | Step | RunUntil | Speed | Stop


@dataclass(frozen=True, slots=True)
class Reply:
    """The coordinator's answer to the command at `entry`. `status` is `ok`, `partial` or `rejected`."""

    id: str
    entry: str
    status: str
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


def encode(command: Command) -> dict[str, str]:
    """The fields of a command, without its id."""
    match command:
        case AddSymbol(symbols, source, calendar, rejected):
            given = {"symbol": ",".join(symbols), "source": source, "calendar": calendar}
            given |= {"rejected": json.dumps(dict(rejected), separators=(",", ":"))} if rejected else {}
            return {"op": command.op, **{name: text for name, text in given.items() if text is not None}}
        case RemoveSymbol(symbols):
            return {"op": command.op, "symbol": ",".join(symbols)}
        case Step(ticks):
            return {"op": command.op, "ticks": str(ticks)}
        case RunUntil(time):
            return {"op": command.op, "time": time}
        case Speed(factor):
            return {"op": command.op, "speed": speed_text(factor)}
        case Pause() | Resume() | Stop():
            return {"op": command.op}


def decode(fields: Mapping[bytes, bytes]) -> Command:
    """The command in the fields of an entry. Raises `InvalidInput` with what is wrong; other fields than its own are
    refused too, so that a mistyped one is not silently ignored."""
    given = _Fields(fields)
    match given.required("op"):
        case AddSymbol.op:
            command: Command = AddSymbol(
                _listed(given.required("symbol")),
                _source(given.optional("source")),
                given.optional("calendar"),
                _reasons(given.optional("rejected") or "{}"),
            )
        case RemoveSymbol.op:
            command = RemoveSymbol(_listed(given.required("symbol")))
        case Pause.op:
            command = Pause()
        case Resume.op:
            command = Resume()
        case Step.op:
            command = Step(_ticks(given.optional("ticks") or "1"))
        case RunUntil.op:
            command = RunUntil(given.required("time"))
        case Speed.op:
            command = Speed(parse_speed(given.required("speed")))
        case Stop.op:
            command = Stop()
        case unknown:
            known = ", ".join(kind.op for kind in Command.__args__)
            raise InvalidInput(f"unknown op {unknown[:40]!r}; the ops are {known}")
    given.refuse_others(command.op)
    return command


def encode_reply(reply: Reply) -> dict[str, str]:
    """The fields of a reply."""
    result = json.dumps(reply.result, separators=(",", ":"))
    return {
        "id": reply.id,
        "entry": reply.entry,
        "status": reply.status,
        "error": sendable(reply.error or ""),
        "result": result,
    }


def decode_reply(fields: Mapping[bytes, bytes]) -> Reply:
    """The reply in the fields of an entry. Raises `Malformed`."""
    try:
        text = {name.decode(): value.decode() for name, value in fields.items()}
        result = load_object(text.get("result") or "{}")
        return Reply(text["id"], text["entry"], text["status"], text.get("error") or None, result)
    except (KeyError, ValueError) as error:
        raise Malformed(f"a reply lacks or garbles {error}") from error


class _Fields:
    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        try:
            if sum(len(name) + len(value) for name, value in fields.items()) > _MAX_FIELD_BYTES:
                raise InvalidInput(f"a command may have {_MAX_FIELD_BYTES} bytes")
            self._left = {name.decode(): value.decode() for name, value in fields.items()}
        except UnicodeDecodeError:
            raise InvalidInput("a field of the command is not UTF-8 text") from None
        for common in COMMON_FIELDS:
            self._left.pop(common, None)

    def optional(self, name: str) -> str | None:
        return self._left.pop(name, None) or None

    def required(self, name: str) -> str:
        text = self.optional(name)
        if text is None:
            raise InvalidInput(f"field {name!r} is missing or empty")
        return text

    def refuse_others(self, op: str) -> None:
        if self._left:
            raise InvalidInput(f"{op} has no field {min(self._left)[:40]!r}")


def _listed(text: str) -> tuple[str, ...]:
    symbols = tuple(text.split(","))
    if len(symbols) > MAX_SYMBOLS:
        raise InvalidInput(f"{len(symbols)} symbols in one command are more than {MAX_SYMBOLS}")
    seen: set[str] = set()
    for symbol in symbols:
        if not symbol:
            raise InvalidInput("a symbol is empty; give names such as AAPL,MSFT")
        if symbol.upper() in seen:
            raise InvalidInput(f"symbol {parse_symbol(symbol)} was given twice; name each symbol once")
        seen.add(symbol.upper())
    return symbols


def _source(text: str | None) -> str | None:
    if text is not None and len(text) > MAX_SOURCE:
        raise InvalidInput(f"source {text[:40]!r} has more than {MAX_SOURCE} characters")
    return text


def _reasons(text: str) -> Mapping[str, str]:
    try:
        found = load_object(text)
        return {symbol: typed(reason, str, what="a reason") for symbol, reason in found.items()}
    except (ValueError, TypeError):
        raise InvalidInput(f"rejected {text[:40]!r} is not a JSON object of symbols and reasons") from None


def _ticks(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_STEPS)) and 1 <= int(text) <= MAX_STEPS):
        raise InvalidInput(f"ticks {text[:40]!r} is not a whole number from 1 to {MAX_STEPS}")
    return int(text)
