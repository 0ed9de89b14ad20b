"""A thread of one's own for calls that wait, and how an event loop waits for them."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Caller:
    """A thread that does one call after the other, in their order. It ends with `end`, or with the object.

    It is not one of `concurrent.futures`: the interpreter waits for those, and one may wait for Redis for ever.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=_work, args=(self._calls,), name=name, daemon=True).start()
        weakref.finalize(self, self._calls.put, None)

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Has the thread call a function."""
        future: Future[T] = Future()
        self._calls.put(partial(_settle, future, function))
        return future

    def end(self) -> None:
        """Ends the thread after the calls that it has."""
        self._calls.put(None)


def _work(calls: SimpleQueue[Callable[[], None] | None]) -> None:
    while (call := calls.get()) is not None:
        call()
        del call  # a thread that waits keeps nobody alive


def _settle(future: Future[T], function: Callable[[], T]) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001  # whoever awaits the call is told
        future.set_exception(error)
    else:
        future.set_result(result)


async def ended(call: Future[Any]) -> None:
    """Waits until a call of the thread has ended. Where that is cancelled the call goes on.

    An asyncio future in its place could not hold every error, and would complain of those that nobody asks for.
    """
    if call.done():
        return
    loop = asyncio.get_running_loop()
    over = asyncio.Event()

    def tell(_: Future[Any]) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(over.set)

    call.add_done_callback(tell)
    await over.wait()
