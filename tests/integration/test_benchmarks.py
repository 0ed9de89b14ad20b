"""Each measurement works from end to end: on tiny sizes, and whatever its figures are."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import addition, cli, delivery, footprint, reads, throughput
from benchmarks.scale import Scale


@pytest.fixture
def tiny(tmp_path: Path) -> Scale:
    return Scale(tmp_path, many=(6, 2), few=(2, 3), big=(12, 3), session_symbols=2, read_days=2, kept=(4, 5), starts=2)


def test_the_pipeline_and_the_floor_deliver_every_close(tiny: Scale) -> None:
    data = tiny.data(tiny.many)
    contenders = {name: throughput.contender(name, data, tiny) for name in ("pipeline", "spike")}
    figures = throughput.compare(contenders, data, 1)
    assert set(figures) == {"pipeline", "spike", "pipeline-with-read", "spike-with-read"}
    for name in contenders:
        assert figures[name].median > figures[f"{name}-with-read"].median > 0


def test_a_consumer_that_has_not_seen_everything_does_not_count(tiny: Scale) -> None:
    data = tiny.data(tiny.many)
    seen = {"ticks": data.ticks, "bars": data.bars - 1, "closes": data.close_sum(), "first_s": 1, "last_s": 2}
    with pytest.raises(RuntimeError, match="the consumer has seen"):
        throughput.one_consumer(seen | {"begun_s": 0}, data)


def test_many_symbols_are_added_in_one_pause_at_each_clock(tiny: Scale) -> None:
    found = addition.additions(tiny, workers=2, symbols=9, times=2)
    assert len(found) == 2
    for held_ms, seen_ms in found:
        assert 0 < held_ms <= seen_ms + 1


def test_the_way_of_each_tick_to_a_consumer_is_measured(tiny: Scale) -> None:
    late_ms = delivery.latencies_ms(tiny, tiny.many, speed=6_000, sessions=2, lasts_s=0.5)
    assert len(late_ms) > 10
    assert late_ms[0] > 0


def test_reads_of_a_whole_day_are_measured(tiny: Scale) -> None:
    assert min(reads.run(tiny)) > 0


def test_the_start_of_the_command_line_is_measured_beside_that_of_a_program_that_does_nothing(tiny: Scale) -> None:
    figures = cli.measure(tiny)
    assert {key: len(figure.values) for key, figure in figures.items()} == dict.fromkeys(
        ("session", "nothing", "help", "nothing-help"), 2
    )
    assert all(figure.median > 0 for figure in figures.values())


def test_the_memory_of_redis_and_of_each_process_is_measured_at_each_open(tiny: Scale) -> None:
    redis_mib, processes_mib = footprint.by_day(tiny)
    assert len(redis_mib) == len(processes_mib) == 5
    assert min(redis_mib) > 0
    assert set(processes_mib[0]) == {"producer", "coordinator", "worker", "consumer"}
    assert min(processes_mib[-1].values()) > 10
