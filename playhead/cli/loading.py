"""The commands by name, each imported when it is asked for: who gives one does not wait for all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING

import typer
from typer.main import get_group

if TYPE_CHECKING:
    from typer._click import Command  # as in the types of Typer, which has no public name for it


class Commands(MutableMapping[str, "Command"]):
    """What Typer takes for a dictionary of commands. Only help looks at all of them."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        """`modules` has for each command the module of this package whose `register` adds it to an application."""
        self._modules = modules
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            part = typer.Typer()
            import_module(f"playhead.cli.{self._modules[name]}").register(part)
            self._loaded |= get_group(part).commands
        return self._loaded[name]

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)
