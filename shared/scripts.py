"""The Lua scripts of the services, each with the common prelude before it."""

from __future__ import annotations

from playhead.scripts import Script


def script(name: str) -> Script:
    """The script in `shared/lua/<name>.lua`."""
    return Script("shared", name, prelude="common")
