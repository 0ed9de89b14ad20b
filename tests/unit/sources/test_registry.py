"""Opening sources by URI."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from playhead.errors import SourceError
from shared.sources import registry
from shared.sources.csv import CsvSource
from shared.sources.parquet import ParquetSource
from shared.sources.registry import open_source
from shared.sources.sample import SampleSource


def test_the_scheme_picks_the_source(tmp_path: Path) -> None:
    assert isinstance(open_source("sample:"), SampleSource)
    assert isinstance(open_source(f"csv:{tmp_path}"), CsvSource)
    assert isinstance(open_source(f"parquet:{tmp_path}"), ParquetSource)


def test_a_source_stays_open() -> None:
    assert open_source("sample:") is open_source("sample:")
    assert open_source("sample:") is not open_source("sample:?calendar=XLON")


def test_only_so_many_sources_stay_open(tmp_path: Path) -> None:
    first = open_source(f"csv:{tmp_path}/first")
    for number in range(100):
        open_source(f"csv:{tmp_path}/{number}")
    assert open_source(f"csv:{tmp_path}/first") is not first


def test_a_relative_path_is_that_of_the_directory_it_was_opened_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "bars").mkdir(parents=True)
        (tmp_path / name / "bars" / f"{name}.csv").touch()
    found = []
    for name in ("one", "two"):
        monkeypatch.chdir(tmp_path / name)
        found.append(open_source("csv:bars").symbols())
    assert found == [["ONE"], ["TWO"]]


@pytest.mark.parametrize("uri", ["", "AAPL.csv", "/data/bars", "ftp:/data", "CSV:/data", "http://host/bars"])
def test_an_unknown_scheme_is_refused_with_those_that_are_known(uri: str) -> None:
    with pytest.raises(SourceError, match=r"csv:, parquet:, sample:"):
        open_source(uri)


def test_a_host_is_refused() -> None:
    with pytest.raises(SourceError, match="no host"):
        open_source("csv://data/bars")


def test_a_package_can_add_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("mine", "shared.sources.sample:SampleSource", registry.GROUP)
    broken = EntryPoint("broken", "no_such_package:Source", registry.GROUP)
    monkeypatch.setattr(registry, "_added", lambda: {"mine": point, "broken": broken})
    assert "mine" in registry.schemes()
    assert isinstance(open_source("mine:"), SampleSource)
    with pytest.raises(SourceError, match="no_such_package"):
        open_source("broken:")


def test_importing_the_package_imports_no_reader() -> None:
    program = (
        "import sys, shared.sources, shared.sources.registry, shared.sources.source\n"
        "print(sorted({'pandas', 'pyarrow', 'exchange_calendars'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
