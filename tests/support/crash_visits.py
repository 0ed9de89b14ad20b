"""Which writes there are, whose they are, and how each of their points is visited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from playhead.crash_points import AFTER, BEFORE
from playhead.sessions import delete
from tests.support import crash_client
from tests.support.cell import CONSUMER, Cell
from tests.support.crash_story import CONFIG, NAME, Played
from tests.support.outcome import differences, still_kept

SERVICES: Final = ("coordinator", "producer", "worker")
AT_ONCE: Final = 4
"""Sessions that are played side by side: most of their time they wait."""
FEW_TICKS: Final = 8
"""So few are kept that session data and notifications are forgotten all the time."""

IN_THE_STORY: Final[Mapping[str, Mapping[str, Sequence[int]]]] = {
    "coordinator": {
        "acquire": [1],
        "open_session": [1],
        "meet": [1],
        "begin": [1, 2, 3, 4],  # history, a symbol, one that the source does not know, one that was there before
        "queue": [1, 2, 3],
        "commit": [1, 2, 3, 4],
        "advance": [1, 2, 9],
        "answer": [1, 2, 4, 6],  # a step, a speed, a command to be scheduled, one that was scheduled
        "remove": [1],
        "trim": [1, 5],
        "digest": [1, 3],
        "finish": [1],
        "renew": [1],
        "release": [1],
    },
    "producer": {
        "acquire": [1],
        "open_window": [1],  # later ones come with the end of the window before
        "publish": [1],  # the end of the feed
        "publish-and-open": [1, 2],
        "renew": [1],
        "release": [1],
    },
    "worker": {"report": [1, 2], "stage": [1, 2, 3, 4]},
    "recorder": {
        "acquire": [1],
        "register": [1],
        "save": [1, 3],
        "beat": [1],
        "leave": [1],
        "write-file": [1, 2, 4],
        "name-file": [1, 2, 4],
        "renew": [1],
        "release": [1],
    },
}
"""By role the writes of the story, and which of them: the first, the second, …"""

BY_CONSUMERS: Final[Mapping[str, tuple[Callable[..., None], int]]] = {
    "register": (crash_client.follow, 1),
    "beat": (crash_client.follow, 1),
    "save-and-read": (crash_client.follow_behind, 1),
    "save": (crash_client.acknowledge, 5),
    "leave": (crash_client.acknowledge, 1),
    "commit-output": (crash_client.transact, 5),
    "settle": (crash_client.transact_unanswered, 1),
}
"""By write the consumer that does it, and which one of that consumer."""

BY_CLIENTS: Final[Mapping[str, Callable[..., None]]] = {
    "list-session": crash_client.command,
    "create": crash_client.command,
    "send": crash_client.command,
    "delete-state": crash_client.take_away,
    "sweep": crash_client.take_away,
    "unlist-session": crash_client.take_away,
}

ELSEWHERE: Final[Mapping[str, Sequence[str]]] = {
    "coordinator": ["attempt", "fail", "waiting", "drop", "take_out", "unschedule", "trouble"],
    "producer": ["fail", "trouble"],
    "worker": ["queue"],
    "recorder": ["report_recording", "trouble"],
    CONSUMER: ["save-and-await"],
}
"""What needs a story of its own."""

VISITED: Final = {
    (role, write)
    for table in (IN_THE_STORY, {CONSUMER: [*BY_CONSUMERS, *BY_CLIENTS]}, ELSEWHERE)
    for role, writes in table.items()
    for write in writes
}
T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True)
class Place:
    """A server, and a directory."""

    url: str
    directory: Path

    def cell(self, number: int = 0, **limits: int) -> Cell:
        """A cell in a database and a directory of its own, of which there are 16."""
        directory = self.directory / str(number)
        directory.mkdir()
        return Cell(self.url, number, directory, **limits)


def points_of(write: str, numbers: Iterable[int] = (1,)) -> list[str]:
    """The points of some writes of one name, as `PLAYHEAD_CRASH_AT` has them."""
    return [f"{write}:{side}:{number}" for number in numbers for side in (BEFORE, AFTER)]


def side_by_side(play: Callable[[int, A], T], stories: Sequence[A]) -> list[T]:
    """What comes of some stories. Each is told its number."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(play, range(len(stories)), stories))


def check(cell: Cell, expected: Played, played: Played, deaths: Sequence[tuple[str, int]]) -> None:
    """Raises `AssertionError` where a story came to something else than one that has forgotten nothing, where others
    died in it than were to, where somebody passed a point that nobody visits, or where something is left behind.
    """
    outcome = still_kept(expected.outcome, played.outcome["trimmed"], CONFIG.history)
    found = differences(outcome, played.outcome)
    if played.transcript != expected.transcript:
        found.append("the transcripts differ")
    if played.recording != expected.recording:
        found.append("the recordings differ")
    cell.wait_for_death(len(deaths))
    if sorted(cell.deaths) != sorted(deaths):
        found.append(f"{list(deaths)} were to die, {cell.deaths} died")
    found += what_is_left(cell)
    assert not found, "\n".join([*found, cell.log_text()])


def what_is_left(cell: Cell) -> list[str]:
    """Deletes the session, and names the keys that are still there and do not go away by themselves; and whoever has
    passed a point that nobody visits."""
    delete(cell.client, NAME)
    keys = cell.client.scan_iter("playhead:*", count=1_000)
    left = [f"{key!r} is left behind" for key in keys if cell.client.pttl(key) == -1]
    return left + [f"nobody visits {write} of a {role}" for role, write in cell.passed() - VISITED]
