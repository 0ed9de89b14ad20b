"""How far the clock may go ahead of its consumers: the counting, without Redis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coordinator.lockstep import Lockstep


def lockstep(lead: int, emitted: int, **cursors: str) -> Lockstep:
    """Ticks at 1, 2, 3, … went out, and these consumers have acknowledged that."""
    found = Lockstep(lead, range(1, emitted + 1))
    found.follow(cursors)
    return found


def test_with_a_lead_of_one_the_next_tick_waits_until_all_have_acknowledged_the_last() -> None:
    step = lockstep(1, 3, a="3-0", b="2-0")
    assert (step.room, step.behind) == (0, ("b",))
    assert step.acknowledge("b", "3-0")
    assert (step.room, step.behind) == (1, ())
    step.emit(4)
    assert (step.room, step.behind) == (0, ("a", "b"))


def test_with_a_greater_lead_so_many_ticks_may_be_unacknowledged() -> None:
    step = lockstep(5, 10, fast="10-0", slow="7-0")
    assert step.room == 2
    step.emit(11)
    step.emit(12)
    assert (step.room, step.behind) == (0, ("slow",))
    assert step.acknowledge("slow", "8-0")
    assert step.room == 1


def test_where_nobody_is_registered_there_is_no_limit() -> None:
    assert lockstep(1, 3).room is None
    assert lockstep(1, 3).behind == ()


def test_before_the_first_tick_the_whole_lead_is_free() -> None:
    assert lockstep(3, 0, a="0-0").room == 3


def test_an_event_after_a_tick_need_not_be_acknowledged_and_one_that_is_covers_its_tick() -> None:
    step = lockstep(1, 3, a="3-0", b="3-7")
    assert step.room == 1


def test_somebody_who_is_far_behind_is_waited_for_until_the_distance_is_the_lead() -> None:
    step = lockstep(2, 100, a="100-0", late="3-0")
    for at in range(4, 99):
        assert step.acknowledge("late", f"{at}-0")
        assert (step.room, step.behind) == (0, ("late",))
    assert step.acknowledge("late", "99-0")
    assert step.room == 1


def test_an_acknowledgement_never_goes_back_and_one_of_a_stranger_counts_for_nothing() -> None:
    step = lockstep(2, 5, a="5-0")
    assert not step.acknowledge("a", "3-0")
    assert not step.acknowledge("a", "5-0")
    assert not step.acknowledge("stranger", "1-0")
    assert (step.room, step.behind) == (2, ())


def test_who_is_not_followed_any_more_is_not_waited_for() -> None:
    step = lockstep(1, 5, a="5-0", b="2-0")
    assert step.room == 0
    step.follow({"a": "5-0"})
    assert step.room == 1


@given(
    lead=st.integers(1, 7),
    begun=st.integers(0, 12),
    actions=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=60),
)
def test_no_one_is_ever_more_ticks_behind_than_the_lead_and_the_clock_gets_all_that_is_free(
    lead: int, begun: int, actions: list[tuple[str, int]]
) -> None:
    done = dict.fromkeys("abc", begun)
    step = lockstep(lead, begun, **{name: f"{at}-0" for name, at in done.items()})
    clock = begun
    for name, ticks in actions:
        room = step.room
        assert room == lead - (clock - min(done.values()))
        for _ in range(room):
            clock += 1
            step.emit(clock)
        assert max(clock - at for at in done.values()) == lead
        assert step.behind == tuple(sorted(each for each, at in done.items() if clock - at == lead))
        done[name] = min(clock, done[name] + ticks)
        step.acknowledge(name, f"{done[name]}-0")
