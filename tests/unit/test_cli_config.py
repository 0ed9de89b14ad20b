"""What is typed behind `session start` and `up`, as a configuration."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from playhead.cli.config import listed_symbols, read_symbols, session_config
from playhead.config import SessionConfig, SymbolConfig
from playhead.errors import InvalidInput
from playhead.uris import absolute_source


def configured(**given: Any) -> SessionConfig:
    typed = {
        "symbols": ["RIVN"],
        "symbols_file": None,
        "date": "2025-07-02",
        "end": None,
        "source": [],
        "calendar": [],
        "interval": "1m",
        "speed": "max",
        "run_until": None,
    }
    return session_config(**(typed | given))


def test_symbols_are_joined_by_commas_or_repeated_and_upper_cased() -> None:
    config = configured(symbols=["rivn, aapl", "AZN.L"])
    assert [each.symbol for each in config.symbols] == ["RIVN", "AAPL", "AZN.L"]


def test_a_symbols_file_has_one_a_line_with_comments(tmp_path: Path) -> None:
    file = tmp_path / "symbols.txt"
    file.write_text("# mine\nrivn  # electric\n\nAAPL\n")
    assert read_symbols(file) == ["rivn", "AAPL"]
    config = configured(symbols=["MSFT"], symbols_file=file)
    assert [each.symbol for each in config.symbols] == ["MSFT", "RIVN", "AAPL"]


@pytest.mark.parametrize(("content", "reason"), [(b"# none\n", "names no symbol"), (b"\xff\xfe", "not UTF-8")])
def test_a_symbols_file_that_is_no_list_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "symbols.txt"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=reason):
        read_symbols(file)


def test_a_symbols_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"absent\.txt: No such file"):
        read_symbols(tmp_path / "absent.txt")


def test_a_plain_source_is_the_sessions_and_one_with_a_symbol_is_its_own() -> None:
    config = configured(
        symbols=["RIVN,AZN.L,ES=F"],
        source=["sample:", "azn.l=csv:/data?columns=a=b:c", "ES=F=parquet:/set"],
        calendar=["AZN.L=XLON", "XNAS", "ES=F=24/7"],
    )
    assert (config.source, config.calendar) == ("sample:", "XNAS")
    assert config.symbols == (
        SymbolConfig("RIVN"),
        SymbolConfig("AZN.L", "csv:/data?columns=a=b:c", "XLON"),
        SymbolConfig("ES=F", "parquet:/set", "24/7"),
    )


def test_a_relative_path_of_a_file_source_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert absolute_source("csv:bars?delimiter=;") == f"csv:{tmp_path}/bars?delimiter=;"
    assert absolute_source("parquet:~/set") == "parquet:/home/ada/set"
    assert absolute_source("csv:/bars?pattern=a/b") == "csv:/bars?pattern=a/b"
    assert absolute_source("sample:seed=1") == "sample:seed=1"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"symbols": []}, "no symbol was given"),
        ({"symbols": [""]}, "a symbol is empty"),
        ({"symbols": ["RIVN,,AAPL"]}, "a symbol is empty"),
        ({"symbols": ["RIVN,rivn"]}, "given twice"),
        ({"symbols": ["../etc"]}, "is not 1 to 32"),
        ({"symbols": ["A B"]}, "is not 1 to 32"),
        ({"symbols": ["A" * 300]}, "is not 1 to 32"),
        ({"date": "2025-13-01"}, "2025-13-01"),
        ({"end": "2025-07-01"}, "before the date"),
        ({"speed": "fast"}, "neither max nor a number"),
        ({"speed": "0"}, "neither max nor a number"),
        ({"run_until": "noon"}, "neither a time of day"),
        ({"interval": "7m"}, "does not divide a day"),
        ({"source": ["bars.csv"]}, "is no URI"),
        ({"source": ["sample:", "csv:/a"]}, "two sources were given for the session"),
        ({"source": ["RIVN=csv:/a", "rivn=csv:/b"]}, "two sources were given for RIVN"),
        ({"source": ["AAPL=csv:/a"]}, "AAPL, which is not among the symbols"),
        ({"calendar": ["RIVN="]}, "names no exchange"),
    ],
)
def test_what_cannot_be_started_is_refused_with_the_reason(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        configured(**given)


def test_one_date_is_the_whole_session_unless_an_end_is_given() -> None:
    assert configured().end == dt.date(2025, 7, 2)
    assert configured(end="2025-07-03").end == dt.date(2025, 7, 3)


def test_spaces_around_commas_are_not_part_of_a_symbol() -> None:
    assert listed_symbols(["AAPL , MSFT", "X Y"]) == ["AAPL", "MSFT", "X Y"]
