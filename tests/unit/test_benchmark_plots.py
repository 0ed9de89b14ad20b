"""The plots of the benchmarks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.plots import draw

FIGURES = {
    "throughput.many-pipeline": Figure("500 symbols x 20 days", "bars/s", (9e5, 8e5, 1e6)),
    "throughput.many-spike": Figure("500 symbols x 20 days", "bars/s", (1.1e6,)),
    "addition.p50": Figure("one symbol", "ms", (8.0,), {"all": [7, 8, 9, 30]}),
}


def test_what_was_measured_is_drawn_and_nothing_else(tmp_path: Path) -> None:
    drawn = draw(FIGURES, tmp_path)
    assert drawn == {
        "Bars a second": "performance-throughput.svg",
        "The pause of an addition": "performance-addition.svg",
    }
    assert {path.name for path in tmp_path.iterdir()} == set(drawn.values())
    text = (tmp_path / "performance-throughput.svg").read_text("utf-8")
    assert "three bare processes" in text
    assert "900,000" in text


def test_the_same_figures_are_the_same_files(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    for folder in (first, second):
        folder.mkdir()
        draw(FIGURES, folder)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
