"""The URI of a data source as it is typed. What it means is for the services."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playhead.errors import InvalidInput

_FILE_SCHEMES: Final = ("csv", "parquet")
MAX_SOURCE: Final = 4_096
"""Characters of a URI: more than a path may have."""


def absolute_source(uri: str) -> str:
    """The URI with the path of a file source made absolute: whoever reads it runs in another folder.

    Raises `InvalidInput` for what is no URI.
    """
    if len(uri) > MAX_SOURCE:
        raise InvalidInput(f"source {uri[:80]!r} has more than {MAX_SOURCE} characters")
    scheme, colon, rest = uri.partition(":")
    if not colon or not scheme:
        raise InvalidInput(f"source {uri[:80]!r} is no URI such as sample:, csv:/dir or parquet:/dir")
    if scheme not in _FILE_SCHEMES or not rest:
        return uri
    path, mark, query = rest.partition("?")
    if path.startswith("/"):
        return uri
    try:
        return f"{scheme}:{Path(path).expanduser().absolute()}{mark}{query}"
    except (RuntimeError, ValueError) as error:  # no such user, or none that could be
        raise InvalidInput(f"source {uri[:80]!r}: there is no such home directory") from error
