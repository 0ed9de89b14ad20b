"""A queue whose server is away is said once, whatever number of jobs cannot be sent."""

from __future__ import annotations

import pytest

from coordinator import dispatch
from coordinator.dispatch import Dispatcher
from shared.free_port import free_port
from shared.redis_server import LOOPBACK


def test_that_no_job_can_be_sent_is_said_once(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "AWAY_S", 0.0)
    away = Dispatcher(f"redis://{LOOPBACK}:{free_port(LOOPBACK)}/0", 1_000, 1_000)
    there = Dispatcher(redis_url, 1_000, 1_000)
    for number in range(3):
        away.send("s", {number: f"op-{number}-1"})
    assert caplog.text.count("no job can be sent: the queue's Redis at redis://127.0.0.1") == 1
    away._queue = there._queue
    with caplog.at_level("INFO"):
        away.send("s", {number: f"op-{number}-1" for number in (3, 4, 5)})
    assert caplog.text.count("the queue's Redis takes jobs again") == 1
    assert there._queue.job_ids == ["s-op-3-1", "s-op-4-1", "s-op-5-1"]
    assert [there.waits("s", f"op-{number}-1") for number in (2, 5)] == [False, True]
    there._queue.delete(delete_jobs=True)
    away.close()
    there.close()
