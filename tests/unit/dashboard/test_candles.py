"""What a browser is sent of bars: everything once, then what has come since."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.candles import MOST, Shown, update_of
from dashboard.scene import Series
from playhead.bars import Bars
from tests.support.tape import MINUTE_MS, OPEN_MS

ZONE = "America/New_York"


def series(count: int, symbol: str = "AAPL", since: str = "0-0", added_ms: int | None = None, first: int = 0) -> Series:
    at = np.arange(first, first + count, dtype=np.int64)
    values = np.stack([at + of for of in (1.0, 3.0, 0.5, 2.0, 100.0)], axis=1) if count else np.empty((0, 5))
    return Series(Bars(symbol, "1m", OPEN_MS + at * MINUTE_MS, values.astype(np.float64)), since, added_ms)


class Screen:
    """A browser that does what it is sent."""

    def __init__(self) -> None:
        self.shown: Shown | None = None
        self.rows: list[Any] = []
        self.sent = 0

    def show(self, of: Series) -> dict[str, Any] | None:
        self.shown, update = update_of(self.shown, of, ZONE)
        if update is not None:
            self.rows = update["bars"] if update["all"] else self.rows + update["bars"]
            self.sent += len(update["bars"])
        return update


def test_at_first_everything_is_sent_and_then_each_bar_once() -> None:
    screen = Screen()
    first = screen.show(series(3))
    assert first is not None
    assert (first["all"], first["symbol"], first["zone"]) == (True, "AAPL", ZONE)
    assert first["bars"][0] == [OPEN_MS, 1.0, 3.0, 0.5, 2.0, 100.0]
    assert screen.show(series(3)) is None
    assert screen.show(series(5)) == {"all": False, "bars": screen.rows[3:]}
    assert (len(screen.rows), screen.sent) == (5, 5)


@given(st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=12))
def test_however_it_grows_the_screen_has_all_bars_and_no_bar_was_sent_twice(counts: list[int]) -> None:
    screen = Screen()
    for count in sorted(counts):
        screen.show(series(count))
        assert [row[0] for row in screen.rows] == series(count).bars.start_ms.tolist()
    assert screen.sent == max(counts)


def test_another_symbol_another_day_and_one_that_was_added_again_are_sent_anew() -> None:
    for other in (series(5, "MSFT"), series(5, since="1-1"), series(5, first=400), series(2)):
        screen = Screen()
        screen.show(series(4))
        update = screen.show(other)
        assert update is not None
        assert update["all"]
        assert len(screen.rows) == len(other.bars)


def test_history_that_goes_as_days_pass_leaves_what_is_there() -> None:
    screen = Screen()
    screen.show(series(10))
    update = screen.show(series(8, first=4))
    assert update is not None
    assert [row[0] for row in screen.rows] == series(8, first=4).bars.start_ms.tolist()


def test_of_very_many_bars_the_latest_are_sent_and_the_screen_does_not_grow_for_ever() -> None:
    screen = Screen()
    screen.show(series(MOST + 10))
    assert len(screen.rows) == MOST
    screen.show(series(2 * MOST + 10))
    assert len(screen.rows) == 2 * MOST
    update = screen.show(series(2 * MOST + 11))
    assert update is not None
    assert len(screen.rows) == MOST


def test_the_bars_that_had_closed_when_the_symbol_was_added_are_told_apart() -> None:
    at_noon = OPEN_MS + 156 * MINUTE_MS
    for count, caught in ((156, 156), (160, 156), (100, 100)):
        update = update_of(None, series(count, added_ms=at_noon), ZONE)[1]
        assert update is not None
        assert update["caught"] == caught
    update = update_of(None, series(156), ZONE)[1]
    assert update is not None
    assert (update["caught"], update["added_ms"]) == (0, None)


def test_no_bars_are_a_chart_too() -> None:
    screen = Screen()
    update = screen.show(series(0))
    assert update is not None
    assert (update["all"], update["bars"]) == (True, [])
    screen.show(series(1))
    assert len(screen.rows) == 1
