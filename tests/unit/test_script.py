"""Scripts: a time and a command a line, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.commands import AddSymbol, Command, Pause, RemoveSymbol, Resume, Speed, Stop, decode, encode
from playhead.config import ScriptedCommand
from playhead.errors import InvalidInput
from playhead.script import VERBS, command_line, parse_script, read_script

SCRIPT = """\
# what is done on the first day
12:06             add-symbol AAPL MSFT,zm --source csv:/bars?pattern=a#b --calendar=XNYS   # all three
2022-05-20 10:00  remove-symbol MSFT

2022-05-20T15:00:00Z pause
13:00:30 resume
13:01 speed 60
14:00 add-symbol RIVN --source "csv:/my bars?format=%Y%m%d %H"
15:00 stop
"""


def commands(text: str) -> list[tuple[str, Command]]:
    found = parse_script(text.split("\n"), "plan.txt")
    return [(each.at, decode({name.encode(): value.encode() for name, value in each.fields.items()})) for each in found]


def test_lines_have_the_words_of_the_command_line() -> None:
    assert commands(SCRIPT) == [
        ("12:06", AddSymbol(("AAPL", "MSFT", "ZM"), "csv:/bars?pattern=a#b", "XNYS")),
        ("2022-05-20 10:00", RemoveSymbol(("MSFT",))),
        ("2022-05-20T15:00:00Z", Pause()),
        ("13:00:30", Resume()),
        ("13:01", Speed(60.0)),
        ("14:00", AddSymbol(("RIVN",), "csv:/my bars?format=%Y%m%d %H")),
        ("15:00", Stop()),
    ]


def test_each_command_knows_where_it_stands() -> None:
    found = parse_script(["", "12:06   pause  # for lunch"], "plan.txt")
    assert [str(each) for each in found] == ["script plan.txt, line 2: 12:06 pause # for lunch"]


def test_the_path_of_a_source_is_that_of_who_typed_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert commands("12:06 add-symbol AAPL --source csv:bars") == [
        ("12:06", AddSymbol(("AAPL",), f"csv:{tmp_path}/bars"))
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("12:06", "there is no command after the time 12:06"),
        ("2022-05-20 10:00", "there is no command after the time 2022-05-20 10:00"),
        ("2022-05-20", "there is no time after the date 2022-05-20"),
        ("2022-13-20 10:00 pause", "is not a date"),
        ("2022-05-20T10:00 pause", "has no time zone"),
        ("25:00 pause", "neither a time of day"),
        ("pause", "neither a time of day"),
        ("12:06 delete", "unknown command 'delete'; the commands are add-symbol, remove-symbol, pause"),
        ("12:06 add-symbol", "add-symbol names no symbol"),
        ("12:06 add-symbol --source sample:", "add-symbol names no symbol"),
        ("12:06 add-symbol AA/PL", "symbol 'AA/PL' is not"),
        ("12:06 add-symbol AAPL,", "a symbol is empty"),
        ("12:06 add-symbol AAPL aapl", "AAPL was given twice"),
        ("12:06 add-symbol AAPL --source sample: --source=sample:", "option --source was given twice"),
        ("12:06 add-symbol AAPL --source", "option --source has no value"),
        ("12:06 add-symbol AAPL --source=", "option --source has no value"),
        ("12:06 add-symbol AAPL --source nothing", "is no URI"),
        ("12:06 add-symbol AAPL --wait", "add-symbol has no option '--wait'; it takes --source, --calendar"),
        ("12:06 remove-symbol AAPL --source sample:", "remove-symbol has no option '--source'; it takes none"),
        ("12:06 pause now", "pause takes no arguments, and 'now' was given"),
        ("12:06 speed", "speed takes one argument"),
        ("12:06 speed 1 2", "speed takes one argument"),
        ("12:06 speed fast", "speed 'fast' is neither max nor a number"),
        ("12:06 add-symbol AAPL --source 'csv:/my bars", "a quote is not closed"),
    ],
)
def test_a_line_that_cannot_be_is_named_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_script(["# first", line], "plan.txt")
    assert str(caught.value).startswith("script plan.txt, line 2: ")
    assert reason in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"script .*/none.txt: No such file"):
        read_script(tmp_path / "none.txt")
    (tmp_path / "odd.txt").write_bytes(b"12:06 add-symbol \xff")
    with pytest.raises(InvalidInput, match=r"script .*/odd.txt: it is not UTF-8"):
        read_script(tmp_path / "odd.txt")


def test_a_file_of_another_system_is_read(tmp_path: Path) -> None:
    (tmp_path / "plan.txt").write_bytes(b"\xef\xbb\xbf12:06 pause\r\n12:07 resume\r\n")
    assert [(each.at, each.fields["op"]) for each in read_script(tmp_path / "plan.txt")] == [
        ("12:06", "pause"),
        ("12:07", "resume"),
    ]


words = (
    st.sampled_from([*VERBS, "12:06", "2022-05-20", "AAPL", "MSFT,ZM", "--source", "--calendar=XNYS", "sample:", "60"])
    | st.text(max_size=12)
    | st.sampled_from(["'", '"', "#", "csv:~nobody", "=", "--", ",", "\\", "\x00", "9" * 40])
)


@given(lines=st.lists(st.lists(words, max_size=6).map(" ".join) | st.text(max_size=40), max_size=5))
def test_whatever_the_lines_are_each_is_a_command_or_the_error_names_one(lines: list[str]) -> None:
    found: tuple[ScriptedCommand, ...] = ()
    error = ""
    try:
        found = parse_script(lines, "plan.txt")
    except InvalidInput as raised:
        error = str(raised)
    assert not error or [error.startswith(f"script plan.txt, line {at}: ") for at in range(1, 6)].count(True) == 1
    for each in found:
        assert decode({name.encode(): value.encode() for name, value in each.fields.items()}).op in VERBS


symbols = st.lists(st.sampled_from(["AAPL", "^VIX", "ES=F", "AZN.L"]), min_size=1, max_size=4, unique=True).map(tuple)
sources = st.none() | st.sampled_from(["sample:", "csv:/my bars?format=%Y %H", "csv:/it's here", "parquet:/a#b"])


@given(
    command=st.builds(AddSymbol, symbols, sources, st.none() | st.sampled_from(["XNYS", "24/7"]))
    | st.builds(RemoveSymbol, symbols)
    | st.sampled_from([Pause(), Resume(), Stop(), Speed(None), Speed(0.5)])
)
def test_a_command_that_is_shown_can_be_typed(command: Command) -> None:
    assert commands(f"12:06 {command_line(encode(command))}") == [("12:06", command)]
