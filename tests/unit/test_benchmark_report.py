"""The tables of the benchmarks, what is recorded, and the sizes on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import MEASUREMENTS, main
from benchmarks.comparison import ALL
from benchmarks.figures import Figure
from benchmarks.record import RECORDED, Measured, Record
from benchmarks.scale import Scale
from playhead.errors import InvalidInput

MACHINE = {"processor": "2 x Some", "python": "CPython 3.11.7"}


def measured(commit: str = "abc1234", **values: tuple[float, ...]) -> Measured:
    figures = {name: Figure(f"{name} of it", "ms", each, {"all": list(each)}) for name, each in values.items()}
    return Measured(figures, "2026-01-02", commit, MACHINE, 0.1, 12.0)


def test_what_is_recorded_comes_back_as_it_was(tmp_path: Path) -> None:
    record = Record({"addition": measured(p50=(9.5,), p99=(31.0, 30.0))})
    record.save(tmp_path / "recorded.json")
    assert Record.load(tmp_path / "recorded.json") == record


def test_a_measurement_replaces_what_was_recorded_of_it_and_nothing_else() -> None:
    before = Record({"addition": measured(p50=(9.5,), p99=(31.0,)), "reads": measured(last=(3.0,))})
    after = before.with_one("addition", measured("def5678", p50=(8.0,)))
    assert after.measured["reads"] == before.measured["reads"]
    assert set(after.figures) == {"addition.p50", "reads.last"}
    assert after.figures["addition.p50"].median == 8


def test_there_may_be_no_record_yet_and_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "recorded.json"
    assert Record.load(path).measured == {}
    path.write_text("[1]")
    with pytest.raises(InvalidInput, match=r"recorded\.json is no record of measurements .* take it away"):
        Record.load(path)


def test_the_tables_have_a_row_for_each_comparison_that_was_measured() -> None:
    record = Record({"addition": measured(p50=(9.5,)), "reads": measured(tenth=(2.0, 4.0, 3.0), last=(6.0,))})
    text = report.report(record, {"The pause of an addition": "pause.svg"})
    assert "Measured on: processor: 2 x Some; python: CPython 3.11.7." in text
    assert "| addition | 2026-01-02 | abc1234 | 0.1 | 12 |" in text
    assert "![The pause of an addition](pause.svg)" in text
    assert "| p50 of it | 9.5 ms |  |  | at most 10: reached |" in text
    assert "| last of it | 6 ms | the tenth tick: 3 (2 to 4) ms | 2.00 | at most 1.5: **not reached** |" in text
    assert "Memory" not in text


def test_measurements_of_two_machines_are_told_apart() -> None:
    other = measured(last=(1.0,))
    other = Measured(other.figures, other.date, other.commit, {"processor": "8 x Other"}, 0.0, 1.0)
    text = report.report(Record({"addition": measured(p50=(9.5,)), "reads": other}), {})
    assert "Measured on (addition): processor: 2 x Some" in text
    assert "Measured on (reads): processor: 8 x Other" in text


def test_a_comparison_says_what_it_is_now_of_what_was_recorded() -> None:
    now = measured(p50=(12.0,), p99=(40.0,)).figures
    text = report.compared(measured(p50=(8.0,)).figures, now)
    assert "| p50: p50 of it | 8 ms | 12 ms | 1.50 |" in text
    assert "| p99: p99 of it |  | 40 ms |  |" in text


def test_aims_that_are_missed_are_named() -> None:
    figures = Record({"addition": measured(p50=(12.0,), p99=(40.0,))}).figures
    assert list(report.aims(figures)) == ["p50 of it: 12 ms, aim: at most 10"]


def test_the_tables_stand_between_the_marks_and_all_else_stays(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    for _ in range(2):
        report.write(Record({"addition": measured(p50=(9.5,))}), {}, document)
    text = document.read_text()
    assert text.startswith(f"before\n{report.BEGIN}\n\nMeasured on")
    assert text.endswith(f"|\n\n{report.END}\nafter\n")
    assert "old" not in text


def test_a_document_without_marks_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("nothing")
    with pytest.raises(InvalidInput, match="has no place for the tables"):
        report.write(Record({}), {}, document)
    assert document.read_text() == "nothing"


def test_the_document_of_the_repository_has_a_place_for_them() -> None:
    text = report.DOCUMENT.read_text("utf-8")
    assert text.count(report.BEGIN) == text.count(report.END) == 1


def test_every_comparison_is_of_a_measurement_that_there_is() -> None:
    for comparisons in ALL.values():
        for each in comparisons:
            for key in (each.of, each.against or each.of):
                assert key.partition(".")[0] in MEASUREMENTS


def test_what_the_repository_has_recorded_can_be_read() -> None:
    assert set(Record.load(RECORDED).measured) <= set(MEASUREMENTS)


def test_sizes_can_be_set(tmp_path: Path) -> None:
    changed = Scale(tmp_path).changed(["runs=2", "many=30x4", "paced_s=1.5"])
    assert (changed.runs, changed.many, changed.paced_s) == (2, (30, 4), 1.5)
    assert changed.data(changed.many).bars == 30 * 4 * 390


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("speed=1", "'speed=1' sets nothing that there is; write name=value, of runs, many"),
        ("cache=x", "sets nothing that there is"),
        ("runs", "'' is not a number above 0"),
        ("runs=0", "'0' is not a number above 0"),
        ("many=30", "'30' is not a size such as 500x20"),
        ("many=30xx", "'30xx' is not a size such as 500x20"),
    ],
)
def test_a_size_that_cannot_be_is_refused_with_what_it_should_be(tmp_path: Path, setting: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Scale(tmp_path).changed([setting])


def test_a_measurement_that_there_is_not_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["speed"])
    assert "there is no measurement 'speed'; choose from throughput, scaling" in capsys.readouterr().err
