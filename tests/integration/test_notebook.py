"""The notebook of the examples, run on real services: it works, and what it shows was really printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.services import REPOSITORY
from tests.support.system import System

NOTEBOOK = REPOSITORY / "examples" / "session.ipynb"
CELL_TIMEOUT_S = 60


def shown(notebook: Any) -> list[tuple[str, list[str]]]:
    """Each cell of code with the texts under it."""
    return [
        (cell.source, [output["text"] if "text" in output else output["data"]["text/plain"] for output in cell.outputs])
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The notebook as it is kept. Its kernel leaves its files in a folder of this test."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # in nbformat


def test_the_notebook_shows_what_it_prints_on_a_running_session(
    system: System, notebook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.start("RIVN", run_until="12:06")
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", system.url)
    monkeypatch.setenv("PLAYHEAD_SESSION", system.name)
    kept = shown(notebook)
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT_S, resources={"metadata": {"path": str(REPOSITORY)}})
    assert shown(client.execute()) == kept
    assert sum(len(texts) for _, texts in kept) > 4
