"""A window is read from a source that fails, hangs, or comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from playhead.errors import SourceError, UnknownSymbolInSource
from producer import reading
from producer.reading import CannotBeRead, Reading
from shared.stretch import Entry
from tests.support.waiting import wait_until

ENTRIES = [Entry(60_000, 1, {"type": "tick"})]


class Source:
    """Does with each attempt what it was told to, and then gives the ticks."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        """`None` hangs until the test ends."""
        self.attempts = 0
        self.released = threading.Event()
        self._outcomes = list(outcomes)

    def read(self) -> list[Entry]:
        self.attempts += 1
        if not self._outcomes:
            return ENTRIES
        outcome = self._outcomes.pop(0)
        if outcome is None:
            self.released.wait()
            return ENTRIES
        raise outcome


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Reading]]:
    """Makes a reading of a source, in which time is a hundred times as fast."""
    for name in ("FIRST_PAUSE_S", "SILENT_S", "PATIENCE_S", "LONGEST_PAUSE_S"):
        monkeypatch.setattr(reading, name, getattr(reading, name) / 100)
    sources: list[Source] = []

    def make(source: Source, *, first: bool = False) -> Reading:
        sources.append(source)
        return Reading(source.read, "test", "csv:/data", first)

    yield make
    for source in sources:
        source.released.set()


def troubles_of(read: Reading) -> list[str]:
    """What it says until the ticks are there, each once."""
    said: list[str] = []

    def there() -> bool:
        found = read.entries()
        if read.trouble and read.trouble not in said:
            said.append(read.trouble)
        assert found in (None, ENTRIES)
        return found is not None

    wait_until(there, what="the ticks")
    assert read.trouble == ""
    return said


def test_a_source_that_answers_is_asked_once_and_nothing_is_said(read: Callable[..., Reading]) -> None:
    source = Source()
    assert troubles_of(read(source)) == []
    assert source.attempts == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("the disk is gone"), "OSError: the disk is gone"),
        (SourceError("there is no directory /data"), "there is no directory /data"),
        (UnknownSymbolInSource("csv:/data has nothing under RIVN"), "csv:/data has nothing under RIVN"),
        (RuntimeError("on fire"), "RuntimeError: on fire"),
    ],
)
def test_whatever_fails_in_mid_session_is_said_and_asked_again_until_it_is_there(
    read: Callable[..., Reading], error: Exception, said: str
) -> None:
    source = Source(error, error, error)
    assert troubles_of(read(source)) == [said]
    assert source.attempts == 4


def test_the_pauses_between_attempts_grow(read: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST_PAUSE_S", 0.02)
    one = read(Source(*[OSError("gone")] * 5))
    pauses = []
    while one.entries() is None:
        pauses.append(one._pause_s)
    assert pauses == sorted(pauses)
    assert {0.01, 0.02} <= set(pauses) <= {0.005, 0.01, 0.02}


@pytest.mark.parametrize("error", [SourceError("there is no directory"), RuntimeError("a mistake in its program")])
def test_a_session_does_not_begin_with_a_source_that_has_nothing_for_it(
    read: Callable[..., Reading], error: Exception
) -> None:
    one = read(Source(error), first=True)
    with pytest.raises(CannotBeRead, match=str(error)):
        wait_until(lambda: one.entries() is not None)


def test_a_disk_that_fails_at_the_beginning_is_waited_for(read: Callable[..., Reading]) -> None:
    assert troubles_of(read(Source(TimeoutError("no answer")), first=True)) == ["TimeoutError: no answer"]


def test_a_source_that_hangs_is_said_and_asked_anew_beside_that(read: Callable[..., Reading]) -> None:
    source = Source(None, None)
    (said,) = troubles_of(read(source))
    assert said.startswith("csv:/data has not answered for more than")
    assert source.attempts == 3


def test_of_a_source_that_hangs_only_so_many_threads_are_left(read: Callable[..., Reading]) -> None:
    source = Source(*[None] * 10)
    one = read(source)
    wait_until(lambda: one.entries() is not None or source.attempts == reading.MOST_AT_ONCE, 30)
    assert [one.entries() for _ in range(200)] == [None] * 200
    assert source.attempts == reading.MOST_AT_ONCE
    source.released.set()
    wait_until(lambda: one.entries() == ENTRIES, what="the answer that was late")
