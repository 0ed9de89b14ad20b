"""The invented bars of the benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.dataset import DataSet, values_of
from benchmarks.spike import pack
from playhead.codec import pack as pack_bars
from playhead.errors import InvalidInput
from shared.sources.checks import first_fault
from shared.sources.registry import open_source


def test_the_bars_of_a_shorter_data_set_are_the_first_ones_of_a_longer_one() -> None:
    assert np.array_equal(values_of(3, 2_500)[:390], values_of(3, 390))
    assert not np.array_equal(values_of(3, 390), values_of(4, 390))


def test_parquet_and_array_have_the_same_bars_and_each_is_one(tmp_path: Path) -> None:
    data = DataSet(7, 2, tmp_path)
    values = np.load(data.array())
    assert values.shape == (2 * 390, 7, 5)
    source = open_source(data.parquet())
    assert source.symbols() == list(data.names)
    for at, symbol in enumerate(data.names):
        bars = source.get_bars(symbol, "1m", int(data.starts[0]), int(data.starts[-1]) + 1)
        assert np.array_equal(bars.values, values[:, at])
        assert np.array_equal(bars.start_ms, data.starts)
        assert first_fault(bars.start_ms, bars.values) is None
    assert data.close_sum() == pytest.approx(values[:, :, 3].sum())


def test_days_are_trading_days_with_their_own_hours(tmp_path: Path) -> None:
    year = DataSet(1, 250, tmp_path)
    assert year.ticks == 247 * 390 + 3 * 210
    assert str(year.config(days=2).end) == "2024-01-03"


@pytest.mark.parametrize(("symbols", "days"), [(0, 1), (10_001, 1), (1, 0), (1, 9_999)])
def test_a_data_set_that_cannot_be_is_refused(tmp_path: Path, symbols: int, days: int) -> None:
    with pytest.raises(InvalidInput, match="are not between 1 and"):
        DataSet(symbols, days, tmp_path)


def test_the_floor_packs_bars_as_the_pipeline_does() -> None:
    values = values_of(0, 12).reshape(4, 3, 5)
    assert np.array_equal(pack(values).reshape(12, -1), pack_bars(values.reshape(12, 5)))
