"""A worker that is told to stop at an unlucky moment."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from shared.redis_server import RedisServer
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
    monkeypatch.setattr(supervisor, "warm_rest", lambda: None)
    assert Supervisor(Settings(redis_url, redis_url)).run() == 0


def test_a_signal_while_redis_is_away_ends_it_well(own_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def away_and_stop(worker: WarmWorker, *args: object, **options: object) -> None:
        install(worker)  # type: ignore[no-untyped-call]  # in rq
        own_server.stop()
        threading.Timer(supervisor.AGAIN_S / 5, os.kill, (os.getpid(), signal.SIGTERM)).start()
        worker.connection.ping()

    install = WarmWorker._install_signal_handlers
    monkeypatch.setattr(WarmWorker, "work", away_and_stop)
    monkeypatch.setattr(supervisor, "warm_rest", lambda: None)
    assert Supervisor(Settings(own_server.url, own_server.url)).run() == 0
