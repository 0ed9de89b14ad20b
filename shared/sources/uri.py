"""The URI of a data source, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from playhead.errors import SourceError

_SCHEME = re.compile(r"[a-z][a-z0-9+-]*")
_YES = frozenset({"yes", "true", "1", "on"})
_NO = frozenset({"no", "false", "0", "off"})


@dataclass(frozen=True, slots=True)
class SourceUri:
    """`scheme:path?name=value&…`. Path and values may be percent-encoded or plain (`format=%Y%m%d %H`)."""

    text: str
    scheme: str
    path: str
    options: Mapping[str, str]

    def flag(self, name: str, default: bool = False) -> bool:
        """The yes or no of an option. Raises `SourceError` for anything else."""
        value = self.options.get(name)
        if value is None:
            return default
        if value.lower() in _YES | _NO:
            return value.lower() in _YES
        raise SourceError(f"{self.text}: {name}={value} is neither yes nor no")


def split_scheme(text: str) -> tuple[str, str]:
    """The scheme of a URI, empty when it has none, and the rest."""
    scheme, colon, rest = text.partition(":")
    return (scheme, rest) if colon and _SCHEME.fullmatch(scheme) else ("", text)


def parse_uri(text: str, known: Iterable[str]) -> SourceUri:
    """Takes a URI apart.

    Raises `SourceError` for an option that is not `known`, has no value, or comes twice.
    """
    scheme, rest = split_scheme(text)
    path, _, query = rest.partition("?")
    if path.startswith("//") and not path.startswith("///"):
        raise SourceError(f"{text}: a source has no host; write {scheme}:/dir, or {scheme}:dir for a relative one")
    names = sorted(known)
    options: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if name not in names:
            takes = f"it takes {', '.join(names)}" if names else "it takes none"
            raise SourceError(f"{text}: {scheme} has no option {name!r}; {takes}")
        if not equals or name in options:
            fault = "was given twice" if name in options else "has no value"
            raise SourceError(f"{text}: option {name} {fault}; write {name}=… once")
        options[name] = unquote(value)
    return SourceUri(text, scheme, unquote(path), options)
