"""A worker that is told to stop at an unlucky moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from shared.settings import Settings
from workers import supervisor
from workers.supervisor import Supervisor
from workers.worker import WarmWorker


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """What this process does at a signal is as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_between_two_rounds_of_the_worker_ends_it_well(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = WarmWorker._install_signal_handlers

    def install_and_stop(worker: WarmWorker) -> None:
        install(worker)  # type: ignore[no-untyped-call]  # in rq
        # From here to the first round it does not expect a signal.
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(WarmWorker, "_install_signal_handlers", install_and_stop)
    monkeypatch.setattr(supervisor, "warm_calendars", lambda: None)
    assert Supervisor(Settings(redis_url, redis_url)).run() == 0
