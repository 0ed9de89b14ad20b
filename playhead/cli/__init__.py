"""The command line `playhead`. One module a noun, imported when its command is given; what a command needs beyond
Typer is imported inside it."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from playhead.cli.loading import Commands
from playhead.cli.output import print_error, print_line
from playhead.errors import PlayheadError

__all__ = ["app", "main"]

BROKEN_PIPE_CODE = 1
_MODULES: Final = {
    "up": "up",
    "session": "session",
    "data": "data",
    "watch": "watch",
    "doctor": "doctor",
    "verify": "verify",
    "producer": "services",
    "coordinator": "services",
    "worker": "services",
    "recorder": "services",
    "dashboard": "services",
}
"""Each command and its module, in the order in which help shows them."""


class _Commands(TyperGroup):
    """The errors of this package end here: one line on stderr, exit code 1."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = Commands(_MODULES)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PlayheadError as error:
            print_error(str(error))
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Replays recorded market bars over Redis on one clock, and adds symbols in mid-session.",
    epilog="Example: playhead up --id demo --symbols RIVN --date 2025-07-02 --speed 60",
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print_line(f"playhead {version('playhead')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """The entry point. Ends with 0 only if all that was asked was done, else with 1 for an error, 2 for wrong
    usage, 130 for Ctrl-C.
    """
    try:
        try:
            app(prog_name="playhead")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough; what is left to flush goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE_CODE)
    except KeyboardInterrupt:
        sys.exit(130)
