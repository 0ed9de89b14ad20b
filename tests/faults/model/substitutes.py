"""What the services and the library get in place of a server, of threads, of the time and of the queue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import coordinator.digests
import coordinator.replay
import playhead.connection
import playhead.heartbeat
import producer.publisher
import producer.reading
import shared.background
import shared.service
import workers.life
import workers.stage
import workers.staging
from shared.settings import Settings
from shared.sources import registry
from tests.faults.model.client import Client
from tests.faults.model.scheduler import Event, Scheduler, ThreadLike
from tests.faults.model.server import Server
from tests.faults.model.service import ServiceLog
from tests.faults.model.tape import Tape
from tests.support.memory_source import MemorySource

PUBLISHED_AT_ONCE = 3
"""Ticks of one call of the producer: so few that it can be lost in the middle of a day."""


@contextmanager
def substituted(server: Server, tape: Tape, settings: Settings, queue: object, **staging: object) -> Iterator[None]:
    """In the block whoever asks for one of these gets those of a run. `staging` are names in `workers.stage` or
    `workers.staging` that have another value."""
    scheduler = server.scheduler
    threading = SimpleNamespace(
        Thread=lambda target, name="", args=(), daemon=True: ThreadLike(scheduler, target, args, name),
        Event=lambda: Event(scheduler),
    )
    places: list[tuple[Any, str, object]] = [
        (playhead.connection, "Client", SimpleNamespace(from_url=lambda _, **options: Client(server, **options))),
        (coordinator.replay, "Dispatcher", lambda *_: queue),
        (producer.publisher, "MOST_TICKS", PUBLISHED_AT_ONCE),
        (producer.publisher, "CALL_TICKS", PUBLISHED_AT_ONCE),
        (coordinator.digests, "wait", _wait(scheduler)),
        (producer.reading, "wait", _wait(scheduler)),
        (shared.service, "SessionLog", ServiceLog),
        (workers.stage, "Settings", SimpleNamespace(from_environment=lambda: settings)),
        *((module, "threading", threading) for module in (playhead.heartbeat, shared.background, shared.service)),
        (workers.life, "threading", threading),
    ]
    places += [
        (workers.stage if hasattr(workers.stage, name) else workers.staging, name, each)
        for name, each in staging.items()
    ]
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    MemorySource.hold(tape.starts, tape.config.interval)
    with ExitStack() as patches:
        for module, name, thing in places:
            patches.enter_context(mock.patch.object(module, name, thing))
        patches.enter_context(mock.patch.dict(registry._BUILT_IN, memory="tests.support.memory_source:MemorySource"))
        patches.enter_context(scheduler.patched())
        try:
            yield
        finally:
            MemorySource.held = {}
            logging.disable(disabled)


def _wait(scheduler: Scheduler) -> Callable[..., Any]:
    """`concurrent.futures.wait` among simulated threads."""

    def wait(futures: set[Future[Any]], timeout: float, return_when: str) -> Any:
        if not any(each.done() for each in futures):
            scheduler.sleep(timeout)
        return SimpleNamespace(done=[each for each in futures if each.done()])

    return wait
