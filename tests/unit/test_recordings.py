"""The bars of a recording: what a symbol had when it was added stands for all that it had before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

from playhead.bars import Bars
from playhead.recordings import Recording, added_name, part_name
from recorder.part import table_of_bars
from tests.support.memory_source import made_bars

MINUTE_MS = 60_000
OPEN_MS = 1_751_463_000_000
DAY_MS = 24 * 60 * MINUTE_MS


def bars_of(symbol: str, first: int, last: int, times: float = 1, open_ms: int = OPEN_MS) -> Bars:
    bars = made_bars(symbol, "1m", [open_ms + at * MINUTE_MS for at in range(first, last)])
    return Bars(symbol, "1m", bars.start_ms, bars.values * times)


def write(directory: Path, name: str, *bars: Bars) -> None:
    directory.mkdir(exist_ok=True)
    parquet.write_table(table_of_bars([(each, each.start_ms + MINUTE_MS) for each in bars]), directory / name)


def read(directory: Path, symbol: str, open_ms: int = OPEN_MS) -> Bars:
    return Recording(directory, "s").bars(symbol, "1m", open_ms, open_ms + 390 * MINUTE_MS)


def test_a_symbol_that_was_removed_and_added_again_has_each_bar_once_and_the_last_ones(tmp_path: Path) -> None:
    here = tmp_path / "s"
    # Ticks of both, AAPL up to the 50th minute and again from the 100th on; its second source has no bar of the tenth.
    write(here, part_name(f"{OPEN_MS + MINUTE_MS}-0"), bars_of("MSFT", 0, 200), bars_of("AAPL", 0, 50))
    write(here, part_name(f"{OPEN_MS + 101 * MINUTE_MS}-0"), bars_of("AAPL", 100, 200, 2))
    again = bars_of("AAPL", 0, 100, 2)
    write(here, added_name(f"{OPEN_MS + 100 * MINUTE_MS}-1"), again.where(np.arange(100) != 10))
    expected = bars_of("AAPL", 0, 200, 2).where(np.arange(200) != 10)
    found = read(tmp_path, "AAPL")
    assert found.start_ms.tolist() == expected.start_ms.tolist()
    assert found.values.tolist() == expected.values.tolist()
    assert len(read(tmp_path, "MSFT")) == 200


def test_of_several_additions_the_last_one_counts(tmp_path: Path) -> None:
    here = tmp_path / "s"
    write(here, part_name(f"{OPEN_MS + MINUTE_MS}-0"), bars_of("MSFT", 0, 200))
    for minute, times in ((9, 3), (90, 4), (120, 5)):  # as names these would come in another order
        at_ms = OPEN_MS + minute * MINUTE_MS
        write(here, added_name(f"{at_ms}-{minute}"), bars_of("AAPL", 0, minute, times))
    assert read(tmp_path, "AAPL").values.tolist() == bars_of("AAPL", 0, 120, 5).values.tolist()


def test_an_addition_on_a_later_day_leaves_the_days_of_which_it_has_nothing(tmp_path: Path) -> None:
    here = tmp_path / "s"
    write(here, part_name(f"{OPEN_MS + MINUTE_MS}-0"), bars_of("AAPL", 0, 390))
    next_ms = OPEN_MS + DAY_MS
    write(here, added_name(f"{next_ms + 30 * MINUTE_MS}-1"), bars_of("AAPL", 0, 30, 2, next_ms))
    assert len(read(tmp_path, "AAPL")) == 390
    assert len(read(tmp_path, "AAPL", next_ms)) == 30
