"""Which notifications may go: never fewer left than promised, in portions, by number and by size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coordinator.retention import BLOCKS, Retention

HUGE = 1 << 40


def noted(most_entries: int, most_bytes: int, sizes: list[int]) -> Retention:
    """Entries `1-0`, `2-0`, … of these sizes, one by one."""
    retention = Retention(most_entries, most_bytes)
    for number, size in enumerate(sizes, 1):
        retention.note(f"{number}-0", 1, size)
    return retention


def number_of(entry: str | None) -> int:
    return int(entry.split("-")[0]) if entry else 0


def test_nothing_goes_before_there_is_more_than_is_kept() -> None:
    assert noted(160, HUGE, [100] * 160).excess() is None
    assert noted(160, HUGE, []).excess() is None


def test_a_whole_portion_goes_once_there_is_a_portion_too_many() -> None:
    assert noted(160, HUGE, [100] * 169).excess() is None  # 159 would stay
    assert noted(160, HUGE, [100] * 170).excess() == "10-0"
    assert noted(160, HUGE, [100] * 250).excess() == "90-0"


def test_what_takes_too_many_bytes_goes_as_well() -> None:
    assert noted(HUGE, 1_600, [10] * 169).excess() is None
    assert noted(HUGE, 1_600, [10] * 170).excess() == "10-0"


def test_the_smaller_of_the_two_bounds_counts() -> None:
    assert noted(160, 800, [10] * 170).excess() == "90-0"  # 80 entries take 800 bytes
    assert noted(80, 1_600, [10] * 170).excess() == "90-0"


def test_what_is_forgotten_does_not_count_any_more() -> None:
    retention = noted(160, HUGE, [100] * 250)
    retention.forget("90-0")
    assert retention.excess() is None
    for number in range(251, 261):
        retention.note(f"{number}-0", 1, 100)
    assert retention.excess() == "100-0"


def test_a_call_that_emitted_many_entries_counts_them_all() -> None:
    retention = Retention(160, HUGE)
    for number in range(32, 353, 32):
        retention.note(f"{number}-0", 32, 3_200)
    assert retention.excess() == "192-0"


def test_what_was_there_when_the_coordinator_took_over_goes_as_one_portion() -> None:
    retention = Retention(160, HUGE)
    retention.note("500-0", 160, 16_000)
    for number in range(501, 660):
        retention.note(f"{number}-0", 1, 100)
    assert retention.excess() is None
    retention.note("660-0", 1, 100)
    assert retention.excess() == "500-0"


@given(st.integers(1, 200), st.integers(1, 5_000), st.lists(st.integers(0, 200), max_size=400), st.data())
def test_no_fewer_entries_are_left_than_are_promised(
    most_entries: int, most_bytes: int, sizes: list[int], data: st.DataObject
) -> None:
    retention = Retention(most_entries, most_bytes)
    gone = 0
    for number, size in enumerate(sizes, 1):
        retention.note(f"{number}-0", 1, size)
        through = number_of(retention.excess())
        assert through == 0 or gone < through < number
        if not through:
            continue
        left = sizes[through:number]
        assert len(left) >= most_entries or sum(left) >= most_bytes
        if data.draw(st.booleans()):  # else a consumer is waited for
            retention.forget(f"{through}-0")
            gone = through


@given(st.integers(BLOCKS, 200), st.integers(1, 400))
def test_no_more_than_two_portions_beyond_the_bound_stay(most_entries: int, count: int) -> None:
    retention = Retention(most_entries, HUGE)
    kept = 0
    for number in range(1, count + 1):
        retention.note(f"{number}-0", 1, 1)
        if through := retention.excess():
            retention.forget(through)
            kept = number_of(through)
        assert number - kept <= most_entries + 2 * (most_entries // BLOCKS + 1)
