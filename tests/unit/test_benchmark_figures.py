"""The figures of the benchmarks: medians, ratios, percentiles, aims."""

from __future__ import annotations

import pytest

from benchmarks.comparison import ALL, Comparison
from benchmarks.figures import Figure, interleaved, percentile, rounded, shown

FIGURES = {"a.ours": Figure("ours", "bars/s", (90.0, 70.0, 80.0)), "a.floor": Figure("floor", "bars/s", (100.0,))}


def test_a_figure_is_the_median_of_its_runs_with_the_lowest_and_the_highest() -> None:
    assert FIGURES["a.ours"].median == 80
    assert FIGURES["a.ours"].spread == (70, 90)


def test_a_ratio_is_that_of_the_medians() -> None:
    assert FIGURES["a.ours"].ratio(FIGURES["a.floor"]) == pytest.approx(0.8)


def test_figures_of_different_units_have_no_ratio() -> None:
    with pytest.raises(ValueError, match=r"pause is in ms and floor in bars/s"):
        Figure("pause", "ms", (1.0,)).ratio(FIGURES["a.floor"])


def test_a_figure_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="pause has no value"):
        Figure("pause", "ms", ())


def test_contenders_take_turns() -> None:
    order = []

    def run(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = interleaved({"a": lambda: run("a"), "b": lambda: run("b")}, 3)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert found == {"a": (1, 3, 5), "b": (2, 4, 6)}


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2.5), (99, 3.97), (100, 4)])
def test_a_percentile_lies_between_its_neighbours(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == pytest.approx(value)


def test_a_percentile_of_one_value_is_that_value_and_of_none_an_error() -> None:
    assert percentile([7.0], 99) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "text"), [(1_234_567.0, "1,230,000"), (999.4, "999"), (12.345, "12.3"), (0.01234, "0.0123"), (10.0, "10")]
)
def test_a_value_is_shown_with_three_digits(value: float, text: str) -> None:
    assert shown(value) == text


def test_a_value_is_kept_with_four_digits() -> None:
    assert rounded(123_456.0) == 123_500


def test_a_multiple_is_judged_by_its_aim_and_a_figure_alone_by_its_value() -> None:
    assert Comparison("a.ours", "a.floor", "the floor", at_least=0.7).reached(FIGURES) is True
    assert Comparison("a.ours", "a.floor", "the floor", at_least=0.9).reached(FIGURES) is False
    assert Comparison("a.ours", at_most=79).reached(FIGURES) is False
    assert Comparison("a.ours", at_most=80).reached(FIGURES) is True


def test_nothing_is_judged_without_an_aim_or_a_figure() -> None:
    assert Comparison("a.ours", "a.floor", "the floor").reached(FIGURES) is None
    assert Comparison("a.ours", "b.floor", "the floor", at_least=0.7).reached(FIGURES) is None
    assert Comparison("b.ours", at_most=1).value(FIGURES) is None


def test_each_figure_beside_another_says_what_that_is() -> None:
    for comparisons in ALL.values():
        for each in comparisons:
            assert bool(each.against) == bool(each.beside), each
