"""Trading days: which one is current, when it opened, when its bars close; and their JSON."""

from __future__ import annotations

import json
from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead import days as trading_days
from playhead.bars import Bars
from playhead.closing import closes_of, ranges_of
from playhead.days import NEVER_MS, TradingDay, TradingDays
from playhead.errors import Malformed
from playhead.view import closed_bars
from shared.hours import Hours

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def ms(text: str) -> int:
    return round(datetime.fromisoformat(f"{text}Z").timestamp() * 1000)


def days(name: str, first: str, last: str | None = None, history: int = 0, *, extended: bool = False) -> TradingDays:
    dates = date.fromisoformat(first), date.fromisoformat(last or first)
    return Hours.of(name, *dates, history, extended=extended).days


# Replayed are the 2nd, the 3rd, which closes early, and the 7th, after a holiday and a weekend.
NEW_YORK = days("XNYS", "2025-07-02", "2025-07-07", history=2)
HONG_KONG = days("XHKG", "2022-05-19")
CHICAGO = days("CMES", "2025-07-02", "2025-07-07")
# Clock, the current day, since when it is that, the next open, and which day opens just then.
AT = [
    ("2025-06-30T15:00", "2025-07-02", None, "2025-07-02T13:30", None),
    ("2025-07-01T13:30", "2025-07-02", None, "2025-07-02T13:30", None),  # history opens for nobody
    ("2025-07-02T13:29:59.999", "2025-07-02", None, "2025-07-02T13:30", None),
    ("2025-07-02T13:30", "2025-07-02", None, "2025-07-03T13:30", "2025-07-02"),
    ("2025-07-02T13:30:00.001", "2025-07-02", None, "2025-07-03T13:30", None),
    ("2025-07-02T20:00", "2025-07-02", None, "2025-07-03T13:30", None),
    ("2025-07-03T13:29:59.999", "2025-07-02", None, "2025-07-03T13:30", None),
    ("2025-07-03T13:30", "2025-07-03", "2025-07-03T13:30", "2025-07-07T13:30", "2025-07-03"),
    ("2025-07-05T12:00", "2025-07-03", "2025-07-03T13:30", "2025-07-07T13:30", None),
    ("2025-07-07T13:30", "2025-07-07", "2025-07-07T13:30", None, "2025-07-07"),
    ("2025-08-01T00:00", "2025-07-07", "2025-07-07T13:30", None, None),
]


@pytest.mark.parametrize(("clock", "label", "since", "following", "opening"), AT)
def test_the_current_day_is_the_latest_replayed_one_that_has_opened_else_the_first(
    clock: str, label: str, since: str | None, following: str | None, opening: str | None
) -> None:
    clock_ms = ms(clock)
    assert NEW_YORK.day(clock_ms).label == NEW_YORK.days[NEW_YORK.current(clock_ms)].label == label
    assert NEW_YORK.opened_ms(clock_ms) == (ms(since) if since else 0)
    assert NEW_YORK.next_open_ms(clock_ms) == (ms(following) if following else NEVER_MS)
    assert NEW_YORK.opened(clock_ms) == opening


@given(st.integers(ms("2025-06-25T00:00"), ms("2025-07-10T00:00")))
def test_between_since_and_the_next_open_the_day_does_not_change(clock_ms: int) -> None:
    since_ms, until_ms = NEW_YORK.opened_ms(clock_ms), NEW_YORK.next_open_ms(clock_ms)
    assert since_ms <= clock_ms < until_ms
    around = (since_ms, (since_ms + clock_ms) // 2, clock_ms, (clock_ms + until_ms) // 2, until_ms - 1)
    assert {NEW_YORK.current(at) for at in around} == {NEW_YORK.current(clock_ms)}
    # Before its open the first day is the current one already, so there it goes on beyond the next open.
    opens = {day.open_ms for day in NEW_YORK.days[NEW_YORK.warm_up :]}
    assert until_ms in opens | {NEVER_MS}
    assert since_ms in opens | {0}


def test_the_days_before_the_current_one_are_the_last_ones_and_those_of_history_among_them() -> None:
    def before(clock: str, most: int) -> list[str]:
        return [day.label for day in NEW_YORK.before(ms(clock), most)]

    assert before("2025-07-02T15:00", 0) == []
    assert before("2025-07-02T15:00", 1) == ["2025-07-01"]
    assert before("2025-07-02T15:00", 9) == ["2025-06-30", "2025-07-01"]
    assert before("2025-07-07T15:00", 2) == ["2025-07-02", "2025-07-03"]
    assert (len(NEW_YORK), NEW_YORK.warm_up) == (5, 2)
    assert [day.label for day in NEW_YORK][2:] == ["2025-07-02", "2025-07-03", "2025-07-07"]


def test_a_day_opens_with_its_first_hours_and_closes_with_its_last() -> None:
    (day,) = HONG_KONG
    assert (day.open_ms, day.close_ms) == (ms("2022-05-19T01:30"), ms("2022-05-19T08:00"))
    assert len(day.ranges) == 2


# A bar closes after its length, or where its hours end: start, minutes, close; `None`: after its full length.
CLOSES = [
    (NEW_YORK, "2025-07-02T13:30", 1, None),
    (NEW_YORK, "2025-07-02T13:30", 60, None),
    (NEW_YORK, "2025-07-02T19:30", 60, "2025-07-02T20:00"),
    (NEW_YORK, "2025-07-02T19:30", 30, None),
    (NEW_YORK, "2025-07-02T13:30", 1440, "2025-07-02T20:00"),
    (NEW_YORK, "2025-07-03T16:30", 60, "2025-07-03T17:00"),  # the early close
    (NEW_YORK, "2025-07-01T19:30", 60, "2025-07-01T20:00"),  # history
    (NEW_YORK, "2025-07-02T20:00", 60, None),  # after the close, and on other days: in no hours
    (NEW_YORK, "2025-07-02T13:29", 5, None),
    (NEW_YORK, "2025-06-20T15:00", 60, None),
    (NEW_YORK, "2025-07-08T19:30", 60, None),
    (HONG_KONG, "2022-05-19T03:30", 60, "2022-05-19T04:00"),  # the break
    (HONG_KONG, "2022-05-19T03:59", 1, None),
    (HONG_KONG, "2022-05-19T04:00", 90, None),  # in the break
    (HONG_KONG, "2022-05-19T05:00", 60, None),
    (HONG_KONG, "2022-05-19T07:00", 90, "2022-05-19T08:00"),
    (days("XNYS", "2025-07-02", extended=True), "2025-07-02T13:00", 60, None),  # over the open: trade goes on
    (days("XNYS", "2025-07-02", extended=True), "2025-07-03T03:30", 60, "2025-07-03T04:00"),  # local midnight
    (days("24/7", "2025-07-05", "2025-07-06"), "2025-07-05T20:00", 480, "2025-07-06T00:00"),  # days touch
]


@pytest.mark.parametrize(("of", "start", "minutes", "close"), CLOSES)
def test_a_bar_closes_after_its_length_or_with_its_hours(
    of: TradingDays, start: str, minutes: int, close: str | None
) -> None:
    start_ms, step_ms = ms(start), minutes * MINUTE_MS
    expected = ms(close) if close else start_ms + step_ms
    assert of.close_of(start_ms, step_ms) == expected
    assert closes_of(of, np.array([start_ms]), step_ms).tolist() == [expected]


starts = st.lists(st.integers(ms("2022-05-18T20:00"), ms("2022-05-19T10:00")), max_size=30)


@given(starts, st.sampled_from([1_000, MINUTE_MS, 7 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS]))
def test_a_whole_column_closes_as_its_bars_do(start_ms: list[int], step_ms: int) -> None:
    column = np.array(start_ms, np.int64)
    assert closes_of(HONG_KONG, column, step_ms).tolist() == [HONG_KONG.close_of(at, step_ms) for at in start_ms]
    inside = [any(first <= at < last for first, last in HONG_KONG.days[0].ranges) for at in start_ms]
    found = ranges_of(HONG_KONG, column).tolist()
    assert [at >= 0 for at in found] == inside
    assert all(
        HONG_KONG.range_starts[at] <= start < HONG_KONG.range_ends[at]
        for at, start in zip(found, start_ms, strict=True)
        if at >= 0
    )


@given(st.sets(st.integers(0, 2_000), max_size=60).map(sorted), st.integers(-1, 2_002))
def test_history_has_the_bars_that_had_closed_by_the_clock(minutes: list[int], clock: int) -> None:
    """A market that never rests may be in its last day of history when the session begins."""
    restless = TradingDays("UTC", 1, tuple(TradingDay(str(at), ((at * 1_000, at * 1_000 + 1_000),)) for at in range(3)))
    column = MINUTE_MS * np.array(minutes, np.int64)
    bars = Bars("BTC-USD", "1m", column, np.repeat(column, 5).reshape(-1, 5).astype(np.float64))
    parts = [bars.between(0, 500 * MINUTE_MS), bars.between(500 * MINUTE_MS, 3_000 * MINUTE_MS)]
    found = closed_bars(Bars.joined("BTC-USD", "1m", parts), restless, clock * MINUTE_MS)
    assert found == bars.where(column + MINUTE_MS <= clock * MINUTE_MS)
    assert closed_bars(Bars.joined("BTC-USD", "1m", []), restless, clock * MINUTE_MS) == Bars.empty("BTC-USD", "1m")


def test_history_has_a_bar_that_was_cut_from_its_own_close_on() -> None:
    start_ms, close_ms = ms("2022-05-19T03:30"), ms("2022-05-19T04:00")
    bars = Bars("9988.HK", "1h", np.array([start_ms]), np.ones((1, 5)))
    assert len(closed_bars(Bars.joined("9988.HK", "1h", [bars]), HONG_KONG, close_ms - 1)) == 0
    assert closed_bars(Bars.joined("9988.HK", "1h", [bars]), HONG_KONG, close_ms) == bars


@given(st.sampled_from([NEW_YORK, HONG_KONG, CHICAGO]), st.data())
def test_hours_are_open_between_two_times_if_a_bar_of_theirs_closes_there(of: TradingDays, data: st.DataObject) -> None:
    edges = [edge for day in of for each in day.ranges for edge in each]
    after_ms = data.draw(st.sampled_from(edges)) + MINUTE_MS * data.draw(st.integers(-1500, 1500))
    by_ms = after_ms + MINUTE_MS * data.draw(st.sampled_from([1, 2, 60, 1440]))
    closes = (start + MINUTE_MS for day in of for each in day.ranges for start in range(*each, MINUTE_MS))
    assert of.are_open(after_ms, by_ms) == any(after_ms < close <= by_ms for close in closes)


@pytest.mark.parametrize("given_days", [NEW_YORK, HONG_KONG, days("24/7", "2025-07-05", "2025-07-07", history=3)])
def test_days_that_were_encoded_come_back(given_days: TradingDays) -> None:
    text = trading_days.encode(given_days)
    assert trading_days.decode(text) == trading_days.decode(text.encode()) == given_days


def test_the_json_is_as_the_protocol_has_it() -> None:
    assert json.loads(trading_days.encode(HONG_KONG)) == {
        "zone": "Asia/Hong_Kong",
        "warm_up": 0,
        "days": [
            [
                "2022-05-19",
                ms("2022-05-19T01:30"),
                ms("2022-05-19T04:00"),
                ms("2022-05-19T05:00"),
                ms("2022-05-19T08:00"),
            ]
        ],
    }


MALFORMED = {
    "no JSON": "days",
    "no UTF-8": b"\xff",
    "a list": "[]",
    "null": "null",
    "nothing in it": "{}",
    "no zone": '{"warm_up":0,"days":[["d",1,2]]}',
    "no days": '{"zone":"UTC","warm_up":0,"days":[]}',
    "days that are none": '{"zone":"UTC","warm_up":0,"days":[1]}',
    "a day without a label": '{"zone":"UTC","warm_up":0,"days":[[]]}',
    "a day without hours": '{"zone":"UTC","warm_up":0,"days":[["d"]]}',
    "hours without an end": '{"zone":"UTC","warm_up":0,"days":[["d",1,2,3]]}',
    "hours that are text": '{"zone":"UTC","warm_up":0,"days":[["d","1","2"]]}',
    "hours that end before they begin": '{"zone":"UTC","warm_up":0,"days":[["d",2,1]]}',
    "days out of order": '{"zone":"UTC","warm_up":0,"days":[["b",3,4],["a",1,2]]}',
    "history alone": '{"zone":"UTC","warm_up":1,"days":[["d",1,2]]}',
    "less than no history": '{"zone":"UTC","warm_up":-1,"days":[["d",1,2]]}',
    "history that is no number": '{"zone":"UTC","warm_up":"1","days":[["d",1,2]]}',
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_trading_days_is_malformed(text: str | bytes) -> None:
    with pytest.raises(Malformed, match="trading days of a calendar"):
        trading_days.decode(text)


@given(after=st.integers(0, 8 * 24 * 60), minutes=st.integers(0, 3 * 24 * 60), step=st.sampled_from([1, 5, 60]))
def test_the_ticks_between_two_times_are_the_closes_that_the_hours_have_there(
    after: int, minutes: int, step: int
) -> None:
    after_ms = NEW_YORK.days[0].open_ms + (after - 60) * MINUTE_MS
    until_ms, step_ms = after_ms + minutes * MINUTE_MS, step * MINUTE_MS
    closes = {
        min(start_ms + step_ms, end_ms)
        for day in NEW_YORK
        for begin_ms, end_ms in day.ranges
        for start_ms in range(begin_ms, end_ms, step_ms)
    }
    expected = sum(after_ms < close_ms <= until_ms for close_ms in closes)
    assert trading_days.ticks_between([NEW_YORK], after_ms, until_ms, step_ms) == expected
    assert trading_days.ticks_between([NEW_YORK, NEW_YORK], after_ms, until_ms, step_ms) == expected


def test_exchanges_that_trade_at_the_same_time_have_their_ticks_once() -> None:
    london, york = days("XLON", "2025-07-02"), days("XNYS", "2025-07-02")
    whole = trading_days.ticks_between([london, york], ms("2025-07-02T00:00"), ms("2025-07-03T00:00"), MINUTE_MS)
    assert whole == 13 * 60  # 08:00 in London to 16:00 in New York
