"""The addition in progress as everybody may read it, also where another hand has been in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from playhead.operations import read_operation
from tests.support.bench import Bench
from tests.support.calls import begun


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    yield bench
    bench.tape.close()


def test_without_an_addition_there_is_none(bench: Bench) -> None:
    assert read_operation(bench.client, bench.keys) is None


def test_an_addition_is_told_with_its_symbols_and_what_its_jobs_have_reported(bench: Bench) -> None:
    begun(bench)
    found = read_operation(bench.client, bench.keys)
    assert found is not None
    assert (found.symbols, found.jobs, found.begun, found.loaded, found.failed) == (("RIVN",), 1, 0, 0, 0)
    assert not found.is_warm_up
    assert found.held_ms >= 0
    operation = bench.client.hget(bench.keys.operation, "operation")
    attempt = bench.client.hget(bench.keys.operation, "attempt:0")
    assert isinstance(operation, bytes)
    assert isinstance(attempt, bytes)
    reports = bench.keys.reports(operation.decode())
    for of, report in ((b"another", "staged"), (attempt, "alive"), (attempt, "failed")):
        bench.client.xadd(reports, {"job": "0", "attempt": of, "report": report})
    bench.client.pexpire(reports, 60_000)
    found = read_operation(bench.client, bench.keys)
    assert found is not None
    assert (found.begun, found.loaded, found.failed) == (1, 0, 1)
    bench.client.xadd(reports, {"job": "0", "attempt": attempt, "report": "staged"})
    found = read_operation(bench.client, bench.keys)
    assert found is not None
    assert found.loaded == 1


@pytest.mark.parametrize("field", ["request", "begun_ms", "operation"])
def test_what_another_hand_has_made_of_it_is_none(bench: Bench, field: str) -> None:
    begun(bench)
    if field == "operation":
        bench.client.hdel(bench.keys.operation, field)
    else:
        bench.client.hset(bench.keys.operation, field, "garbage")
    assert read_operation(bench.client, bench.keys) is None
