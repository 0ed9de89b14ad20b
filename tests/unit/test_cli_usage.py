"""The command line without any service: help, usage, and what is refused before anything is sent."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from playhead import connection, sessions
from playhead.cli import app, options
from playhead.cli.output import printable

NOWHERE = "redis://127.0.0.1:1/0"
COMMANDS = [
    "up",
    "session start",
    "session list",
    "session show",
    "session pause",
    "session resume",
    "session step",
    "session speed",
    "session run-until",
    "session stop",
    "session delete",
    "data add-symbol",
    "data remove-symbol",
    "data list-dynamic",
    "data session",
    "data bars",
    "data import",
    "watch",
    "doctor",
    "verify",
    "producer",
    "coordinator",
    "worker",
    "dashboard",
]


def run(line: str, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner(env={"PLAYHEAD_REDIS_URL": NOWHERE, "PLAYHEAD_SESSION": None}).invoke(
        app, [*line.split(), *arguments]
    )
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_shows_an_example(command: str) -> None:
    code, out, _ = run(f"{command} --help")
    assert code == 0
    assert f"Example: playhead {command}" in " ".join(out.split())


def test_the_bare_command_shows_help() -> None:
    _, out, err = run("")
    assert "Usage: playhead" in (out + err).replace("root", "playhead")


def test_the_version_is_printed() -> None:
    assert run("--version")[1].startswith("playhead 0.")


@pytest.mark.parametrize(
    "line",
    ["session step 0", "session step x", "session start --symbols RIVN", "data add-symbol", "data nonsense"],
)
def test_wrong_usage_ends_with_2(line: str) -> None:
    assert run(line)[0] == 2


@pytest.mark.parametrize(
    ("line", "argument", "reason"),
    [
        ("data add-symbol", "", "a symbol is empty"),
        ("data add-symbol", "a/b", "is not 1 to 32"),
        ("data add-symbol", "..", "is not 1 to 32"),
        ("data add-symbol", "A B", "is not 1 to 32"),
        ("data add-symbol", "A" * 300, "is not 1 to 32"),
        ("data add-symbol AAPL", "aapl", "given twice"),
        ("data add-symbol AAPL", "MS/FT", "is not 1 to 32"),
        ("data add-symbol AAPL --source", "bars.csv", "is no URI"),
        ("data remove-symbol", "a/b", "is not 1 to 32"),
        ("data remove-symbol AAPL", "aapl", "given twice"),
        ("data bars", "a/b", "is not 1 to 32"),
        ("data bars AAPL --interval", "1x", "interval '1x'"),
        ("data bars AAPL --csv", "--json", "exclude each other"),
        ("session speed", "fast", "neither max nor a number"),
        ("session start --symbols RIVN --date", "2025-13-01", "2025-13-01"),
        ("session start --symbols RIVN --date 2025-07-02 --end", "2025-07-01", "before the date"),
        ("session show --session", "", "session name ''"),
        ("session show --session", "a/b", "session name 'a/b'"),
        ("up --symbols RIVN --redis-port 6390 --date", "2025-07-02", "--redis-port and --data-dir"),
    ],
)
def test_what_can_be_judged_here_is_refused_in_one_line_and_nothing_is_sent(
    line: str, argument: str, reason: str
) -> None:
    code, out, err = run(line, argument)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert reason in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("line", ["session list", "session pause -s demo", "data session", "watch"])
def test_a_redis_that_is_down_is_named_in_one_line(line: str) -> None:
    code, _, err = run(line)
    assert code == 1
    assert err.startswith("error: Redis at redis://127.0.0.1:1/0 does not answer")
    assert err.count("\n") == 1


def test_a_url_that_is_none_is_refused() -> None:
    code, _, err = run("session list --url http://example.org")
    assert code == 1
    assert err.startswith("error: Redis URL")


def test_the_environment_variables_are_those_of_the_library() -> None:
    assert options.URL_VARIABLE == connection.URL_VARIABLE
    assert options.SESSION_VARIABLE == sessions.SESSION_VARIABLE


def test_the_command_line_starts_without_what_it_does_not_need() -> None:
    heavy = "numpy", "pandas", "pyarrow", "redis", "rq", "exchange_calendars"
    program = f"import sys, playhead.cli; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[31mb\nc·…") == "a\\x1b[31mb\nc·…"
