"""`docs/protocol.md` says what the code does: keys, fields, scripts, commands and events are looked for in it."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from playhead import messages
from playhead.commands import Command, Reply
from playhead.config import SessionConfig, SymbolConfig
from playhead.keys import SESSIONS, Keys
from playhead.symbols import SymbolRecord
from shared.request import AdditionRequest, Manifest, StagedSymbol, SymbolRequest
from tests.conftest import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "protocol.md").read_text("utf-8")
SPANS = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", DOCUMENT, flags=re.DOTALL | re.MULTILINE))
NAMED = {
    word for span in [*SPANS, *re.findall(r"^    .*$", DOCUMENT, re.MULTILINE)] for word in re.findall(r"\w+", span)
}
"""Every word that stands in code: within a line, or indented."""
CLIENT_SCRIPTS = sorted((REPOSITORY / "playhead" / "lua").glob("*.lua"))
SERVICE_SCRIPTS = sorted((REPOSITORY / "shared" / "lua").glob("*.lua"))
KINDS = [*Command.__args__]
EVENTS = [*messages.Event.__args__]
HASH_CALL = re.compile(r"redis\.call\('H(?:SET|SETNX|INCRBY|DEL|EXISTS|GET|MGET)',")
WORD = re.compile(r"'([a-z_]+)[':]")
FIELDS = ("holder", "cursor", "status", "clock_ms", "active", "ready", "attempt", "complete", "final")


def is_named(word: str) -> bool:
    """Whether the document has the word in code, by itself or with others."""
    return word in NAMED


def pattern_of(name: str) -> str:
    """A key of the session S, with the names of the arguments in angle brackets where these would stand."""
    member = inspect.getattr_static(Keys, name)
    if isinstance(member, property):
        return str(getattr(Keys("S"), name))
    arguments = list(inspect.signature(member).parameters)[1:]
    key: str = getattr(Keys("S"), name)(*(f"X{argument}X" for argument in arguments))
    return re.sub(r"X([a-z]+)X", r"<\1>", key)


def words_of(script: Path) -> set[str]:
    """What stands in quotes in the calls of a script that read or write the fields of a hash."""
    text = script.read_text("utf-8")
    return {
        word for call in HASH_CALL.finditer(text) for word in WORD.findall(text, call.end(), end_of(text, call.end()))
    }


def end_of(text: str, at: int) -> int:
    """Where the parenthesis is closed that was opened before a place."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return at


def row_of(script: Path) -> list[str]:
    """The cells of a script's line in the table of scripts."""
    line = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{script.stem}` |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("name", [name for name in vars(Keys) if not name.startswith("_") and name != "session"])
def test_every_key_is_in_the_document(name: str) -> None:
    assert f"`{pattern_of(name)}`" in DOCUMENT


def test_the_set_of_sessions_is_in_the_document() -> None:
    assert f"`{SESSIONS}`" in DOCUMENT


@pytest.mark.parametrize("script", [*CLIENT_SCRIPTS, *SERVICE_SCRIPTS], ids=lambda script: script.stem)
def test_every_field_that_a_script_reads_or_writes_is_in_the_document(script: Path) -> None:
    missing = {word for word in words_of(script) if not word.startswith("_") and not is_named(word)}
    assert not missing


def test_the_fields_of_scripts_are_found() -> None:
    found = set().union(*map(words_of, [*CLIENT_SCRIPTS, *SERVICE_SCRIPTS]))
    assert found.issuperset(FIELDS)


@pytest.mark.parametrize(
    "field", ["coordinator_token", "producer_token", "coordinator_version", "stop_ms", "stop_ticks", "speed"]
)
def test_a_field_whose_name_is_put_together_is_in_the_document(field: str) -> None:
    assert is_named(field)


@pytest.mark.parametrize("script", CLIENT_SCRIPTS, ids=lambda script: script.stem)
def test_the_keys_of_a_shared_script_are_those_at_its_head(script: Path) -> None:
    head = re.search(r"^-- KEYS:(.*)$", script.read_text("utf-8"), re.MULTILINE)
    assert head is not None
    keys = [name.strip() for name in re.split(r"\d(?:\.\.\.)?", head[1]) if name.strip()]
    assert row_of(script)[1].replace("…", "").split(", ") == [re.sub(r" keys .*", "", name) for name in keys]


@pytest.mark.parametrize("script", CLIENT_SCRIPTS, ids=lambda script: script.stem)
def test_a_shared_script_answers_nothing_that_the_document_does_not_say(script: Path) -> None:
    answers = re.findall(r"return \{'([a-z]+)'", script.read_text("utf-8"))
    assert [answer for answer in answers if f"`{answer}`" not in row_of(script)[3]] == []


@pytest.mark.parametrize("script", SERVICE_SCRIPTS, ids=lambda script: script.stem)
def test_a_script_of_the_services_is_no_file_that_clients_are_told_to_run(script: Path) -> None:
    assert f"| `{script.stem}` | state" not in DOCUMENT


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.op)
def test_every_command_is_in_the_table_of_commands(kind: Any) -> None:
    assert f"| `{kind.op}` |" in DOCUMENT


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.type)
def test_every_event_is_in_the_table_with_its_fields(kind: Any) -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{kind.type}` |"))
    named = {each.name for each in fields(kind)} - {"entry", "clock_ms"}
    assert {name for name in named if f"`{name}`" not in row} == set()


@pytest.mark.parametrize(
    "kind",
    [Reply, SessionConfig, SymbolConfig, SymbolRecord, StagedSymbol, Manifest, AdditionRequest, SymbolRequest],
    ids=lambda kind: kind.__name__,
)
def test_every_field_of_what_is_written_as_text_or_json_is_in_the_document(kind: Any) -> None:
    assert {each.name for each in fields(kind) if not is_named(each.name)} == set()
