"""Times as they are typed: of a zone, of a date in a zone, or with an offset; nothing else is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.errors import InvalidInput
from playhead.times import full_text, parse_moment, typed

ZONE = "America/New_York"
TODAY = date(2022, 5, 20)


def moment(text: str, zone: str = ZONE) -> str:
    return datetime.fromtimestamp(parse_moment(text, zone, TODAY) / 1000, UTC).isoformat()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12:06", "2022-05-20T16:06:00+00:00"),
        ("2022-05-19 12:06", "2022-05-19T16:06:00+00:00"),
        ("2022-01-19 12:06:30", "2022-01-19T17:06:30+00:00"),
        ("2022-05-19T12:06:00-04:00", "2022-05-19T16:06:00+00:00"),
        ("2022-05-19 12:06:00+09:00", "2022-05-19T03:06:00+00:00"),
        ("2022-11-06 01:30", "2022-11-06T05:30:00+00:00"),  # twice on that night: the first is meant
    ],
)
def test_a_time_with_a_date_is_that_of_the_zone_as_one_without_is(text: str, expected: str) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2022-05-19T12:06", "has no time zone"),
        ("2022-05-19", "has no time zone"),
        ("2022-02-30 12:06", "date '2022-02-30' is not a date"),
        ("2022-03-13 02:30", "there is no 02:30:00 on 2022-03-13 in America/New_York"),
        ("2022-05-19 24:00", "neither a time of day"),
        ("12.06", "neither a time of day"),
    ],
)
def test_a_time_that_is_none_or_could_be_several_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_moment(text, ZONE, TODAY)


@given(st.integers(0, 4_000_000_000).map(lambda second: second * 1000))
def test_a_time_that_is_shown_with_its_date_can_be_typed(moment_ms: int) -> None:
    assert parse_moment(full_text(moment_ms, "Asia/Tokyo"), "Asia/Tokyo", TODAY) == moment_ms
    assert parse_moment(typed(moment_ms), ZONE, TODAY) == moment_ms
    assert typed("12:06") == "12:06"
    assert typed(datetime.fromtimestamp(moment_ms / 1000, UTC)) == typed(moment_ms)
