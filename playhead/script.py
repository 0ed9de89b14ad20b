"""A script: commands with their market times, one a line, with the words of the command line.

# the first hour
12:06             add-symbol AAPL MSFT --source csv:/data/bars
2022-05-20 10:00  remove-symbol MSFT
2022-05-20 10:30  speed 60
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from playhead.commands import (
    AddSymbol,
    Command,
    Pause,
    RemoveSymbol,
    Resume,
    RunUntil,
    Speed,
    Step,
    Stop,
    decode,
    encode,
)
from playhead.config import ScriptedCommand
from playhead.errors import InvalidInput
from playhead.names import parse_symbols
from playhead.speed import parse_speed
from playhead.times import parse_moment
from playhead.uris import absolute_source

VERBS: Final = ("add-symbol", "remove-symbol", "pause", "resume", "speed", "stop")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORD: Final = re.compile(r"""(?:[^\s"']++|"[^"]*+"|'[^']*+')++""")
_QUOTED: Final = re.compile(r""""([^"]*)"|'([^']*)'""")
_SHOWN: Final = 60  # characters of a word that an error repeats
_ANY_DATE: Final = date(2000, 1, 1)


def read_script(file: Path) -> tuple[ScriptedCommand, ...]:
    """The commands of a file. Raises `InvalidInput` naming file and line."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"script {file}: {reason}") from error
    return parse_script(text.split("\n"), str(file))


def parse_script(lines: Iterable[str], name: str) -> tuple[ScriptedCommand, ...]:
    """The commands of some lines, in their order; `#` at the beginning of a word begins a comment, and quotes hold
    together what has spaces. Raises `InvalidInput` naming the line.
    """
    found = []
    for number, line in enumerate(lines, 1):
        where = f"script {name}, line {number}"
        try:
            words = _words(line)
            if words:
                at, verb, *rest = _with_time(words)
                fields = encode(_command(verb, rest))
                found.append(ScriptedCommand(at, fields, line=f"{where}: {' '.join(line.split())}"))
        except InvalidInput as error:
            raise InvalidInput(f"{where}: {error}") from error
    return tuple(found)


def command_line(fields: Mapping[str, str]) -> str:
    """A command as it stands in a script, of its fields in the commands stream. Raises `InvalidInput` for none."""
    command = decode({name.encode(): text.encode() for name, text in fields.items()})
    match command:
        case AddSymbol(symbols, source, calendar):
            options = {"--source": source, "--calendar": calendar}
            words = [*symbols, *(part for name, text in options.items() if text for part in (name, _quoted(text)))]
        case RemoveSymbol(symbols):
            words = [*symbols]
        case Step() | RunUntil() | Speed() | Pause() | Resume() | Stop():
            words = [text for name, text in encode(command).items() if name != "op"]
    return " ".join([command.op, *words])


def _words(line: str) -> list[str]:
    words: list[str] = []
    at = 0
    while True:
        at += len(line[at:]) - len(line[at:].lstrip())
        if at >= len(line) or line[at] == "#":
            return words
        match = _WORD.match(line, at)
        at = match.end() if match else at
        if match is None or (at < len(line) and line[at] in "\"'"):
            raise InvalidInput(f"a quote is not closed: {line[at : at + _SHOWN]}")
        words.append(_QUOTED.sub(lambda quoted: quoted[1] or quoted[2] or "", match[0]))


def _with_time(words: Sequence[str]) -> list[str]:
    """The words of a line with the time as the first of them, a date before it included."""
    of_time = 2 if _DATE.fullmatch(words[0]) else 1
    if len(words) < of_time:
        raise InvalidInput(f"there is no time after the date {words[0]}")
    at = " ".join(words[:of_time])
    parse_moment(at, "UTC", _ANY_DATE)
    if len(words) == of_time:
        raise InvalidInput(f"there is no command after the time {at}; the commands are {', '.join(VERBS)}")
    return [at, *words[of_time:]]


def _command(verb: str, words: Sequence[str]) -> Command:
    match verb:
        case AddSymbol.op:
            options, symbols = _options(verb, words, ("--source", "--calendar"))
            source = options.get("--source")
            own = None if source is None else absolute_source(source)
            return AddSymbol(_symbols(verb, symbols), own, options.get("--calendar"))
        case RemoveSymbol.op:
            return RemoveSymbol(_symbols(verb, _options(verb, words, ())[1]))
        case Speed.op:
            if len(words) != 1:
                raise InvalidInput("speed takes one argument: market seconds a wall second, such as 60, or max")
            return Speed(parse_speed(words[0]))
        case Pause.op | Resume.op | Stop.op:
            if words:
                raise InvalidInput(f"{verb} takes no arguments, and {words[0][:_SHOWN]!r} was given")
            plain: dict[str, Callable[[], Command]] = {each.op: each for each in (Pause, Resume, Stop)}
            return plain[verb]()
        case _:
            raise InvalidInput(f"unknown command {verb[:_SHOWN]!r}; the commands are {', '.join(VERBS)}")


def _symbols(verb: str, words: Iterable[str]) -> tuple[str, ...]:
    names = [part for word in words for part in word.split(",")]
    if not names:
        raise InvalidInput(f"{verb} names no symbol; give at least one, such as {verb} AAPL")
    return parse_symbols(names)


def _options(verb: str, words: Sequence[str], known: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The options, as `--name value` or `--name=value`, and the other words."""
    options: dict[str, str] = {}
    others: list[str] = []
    left = iter(words)
    for word in left:
        if not word.startswith("--"):
            others.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise InvalidInput(f"{verb} has no option {name[:_SHOWN]!r}; {takes}")
        if name in options:
            raise InvalidInput(f"option {name} was given twice; give it once")
        options[name] = value if equals else next(left, "")
        if not options[name]:
            raise InvalidInput(f"option {name} has no value; write {name} VALUE")
    return options, others


def _quoted(text: str) -> str:
    if not re.search(r"""[\s"']|^#""", text):
        return text
    return f"'{text}'" if "'" not in text else f'"{text}"'
