"""Opens data sources by the scheme of their URI."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from playhead.errors import PlayheadError, SourceError
from shared.sources.source import DataSource
from shared.sources.uri import split_scheme

GROUP: Final = "playhead.sources"
_KEPT = 16  # sources that stay open

# These work in a plain checkout too, where no distribution says them.
_BUILT_IN = {
    "sample": "shared.sources.sample:SampleSource",
    "csv": "shared.sources.csv:CsvSource",
    "parquet": "shared.sources.parquet:ParquetSource",
}

_opened: OrderedDict[tuple[str, str], DataSource] = OrderedDict()
_lock = threading.Lock()


def open_source(uri: str) -> DataSource:
    """The source of a URI, the same object while it is among the last that were opened.

    A source notices by itself that its files have changed. Raises `SourceError` for a URI without a scheme or
    with an unknown one, and for options that the source does not take; whether there is something to read,
    its `check` says.
    """
    key = uri, str(Path.cwd())  # a path in the URI may be relative
    with _lock:
        source = _opened.get(key)
        if source is None:
            source = _opened[key] = _make(uri)
        _opened.move_to_end(key)
        while len(_opened) > _KEPT:
            _opened.popitem(last=False)
    return source


def schemes() -> tuple[str, ...]:
    """The schemes that can be opened, sorted."""
    return tuple(sorted({*_BUILT_IN, *_added()}))


def _make(uri: str) -> DataSource:
    scheme, _ = split_scheme(uri)
    if scheme not in schemes():
        fault = f"has the unknown scheme {scheme!r}" if scheme else "does not begin with a scheme"
        known = ", ".join(f"{name}:" for name in schemes())
        raise SourceError(f"data source {uri!r} {fault}; the schemes are {known}")
    make: Callable[[str], DataSource] = _class(scheme)
    return make(uri)


def _class(scheme: str) -> Callable[[str], DataSource]:
    built_in = _BUILT_IN.get(scheme)
    try:
        if built_in is not None:
            module, _, name = built_in.partition(":")
            loaded: Callable[[str], DataSource] = getattr(import_module(module), name)
        else:
            loaded = _added()[scheme].load()
    except PlayheadError:
        raise
    except (ImportError, AttributeError) as error:
        raise SourceError(f"the data source {scheme}: cannot be loaded ({error}); install what it needs") from error
    return loaded


@lru_cache(maxsize=1)
def _added() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}
