"""Every write by which a session is begun, given a command, and taken away, and what comes of it if the client dies
right before it, or right after it, and is begun again.
"""

from __future__ import annotations

import pytest

from playhead.keys import SESSIONS, Keys
from tests.support import crash_client
from tests.support.cell import KILLED, Cell
from tests.support.crash_client import COMMAND
from tests.support.crash_story import NAME
from tests.support.crash_visits import BY_CLIENTS, SERVICES, Place, points_of, side_by_side, what_is_left
from tests.support.outcome import Outcome, differences, outcome_of
from tests.support.warm import Warm

pytestmark = pytest.mark.timeout(600)  # however busy the machine is
STARTING = [write for write, function in BY_CLIENTS.items() if function is crash_client.command]
DELETING = [write for write, function in BY_CLIENTS.items() if function is crash_client.take_away]


def run(cell: Cell, function: str, point: str | None = None) -> Warm:
    return cell.run(f"{crash_client.__name__}:{function}", NAME, cell.url, point=point)


def test_a_session_is_begun_once_and_takes_a_command_once_whenever_its_client_dies(place: Place) -> None:
    def begin(number: int, point: str | None) -> Outcome:
        with place.cell(number) as cell:
            cell.serve(*SERVICES)
            if point is not None:
                assert run(cell, "command", point).ended() == KILLED
            assert run(cell, "command").ended() == 0, cell.log_text()
            outcome = outcome_of(cell.client, Keys(NAME))
            # A command that was sent twice is carried out once and answered each time.
            assert {reply["id"] for reply in outcome["replies"]} == {COMMAND}
            outcome["replies"] = outcome["replies"][:1]
            assert not what_is_left(cell)
        return outcome

    points = [point for write in STARTING for point in points_of(write)]
    expected, *found = side_by_side(begin, [None, *points])
    for point, outcome in zip(points, found, strict=True):
        assert not differences(expected, outcome), point


def test_nothing_is_left_of_a_session_whenever_the_client_that_deletes_it_dies(place: Place) -> None:
    def take_away(number: int, point: str) -> None:
        with place.cell(number) as cell:
            cell.serve(*SERVICES)
            assert run(cell, "command").ended() == 0, cell.log_text()
            assert run(cell, "take_away", point).ended() == KILLED
            assert run(cell, "take_away").ended() == 0, cell.log_text()
            assert not cell.client.sismember(SESSIONS, NAME)
            left = [key for key in cell.client.scan_iter("playhead:*") if cell.client.pttl(key) == -1]
            assert left == [], point
            assert not what_is_left(cell)

    side_by_side(take_away, [point for write in DELETING for point in points_of(write)])
