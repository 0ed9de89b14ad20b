"""Following a session from an event loop: the same subscription, with a thread that waits in the loop's place.

The thread is not a makeshift. The blocking client of redis-py reads about three times as fast as its asyncio one, a
batch of up to 256 items is one visit to the thread, and there is one implementation of places, names, cursors and
patience: that of `Subscription`.

    the thread      asks the server, waits for it, saves; hands nothing out
    the event loop  takes the next item from what the thread has read; waits for nothing

So the position moves only in the loop, in one step with the item that the loop is handed. An `await` that is cancelled
loses no item and sees none too early, whatever the thread was doing.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from redis.client import Pipeline

from playhead.caller import Caller, ended
from playhead.errors import InvalidInput, PlayheadError, RedisUnavailable
from playhead.halves import Halves, Stopped
from playhead.keys import Keys
from playhead.messages import Message
from playhead.subscription import Subscription

P = ParamSpec("P")
T = TypeVar("T")


class AsyncSubscription(AsyncIterator[Message]):
    """The notifications of a session, in order, for an event loop; `Session.subscribe_async` makes it.

        async with session.subscribe_async("my-analysis") as messages:
            async for message in messages:
                print(message.clock_ms, len(session.bars("AAPL")))

    What `Subscription` says of items that are done, of resuming, of a Redis that is away and of errors holds here.
    One task asks for items, and gives way to other tasks before each. Where its `await` is cancelled, the next one
    is handed the item.

    In the loop body reads of the session are as of the item in hand. The first read of a symbol asks the server,
    later ones do not; `call` does a read, a command or a long computation without holding up the event loop.
    """

    def __init__(
        self,
        url: str,
        keys: Keys,
        name: str | None,
        from_start: bool,
        patience_s: float | None,
        attach: Callable[[Subscription], None],
    ) -> None:
        """`attach` is told of the subscription once it is open, and raises where it cannot be taken."""
        self.name = name
        """The registered consumer's name; `None` for an anonymous reader."""
        self._open_halves = partial(Halves.open, url, keys, name, from_start, patience_s)
        self._attach = attach
        self._stop = threading.Event()
        self._thread_name = f"playhead-subscription-{name or keys.session}"
        self._caller: Caller | None = None
        self._opening: Future[Halves] | None = None
        self._halves: Halves | None = None
        self._looking: Future[bool] | None = None
        self._last: Future[Any] | None = None
        self._closing: Future[None] | None = None
        self._asking = False
        self._over = False

    @property
    def position(self) -> str:
        """The id of the last item that was handed out, or of where the subscription began."""
        return self._opened.position

    @property
    def clock_ms(self) -> int:
        """The market time of the position, UTC milliseconds; 0 before the first tick of the session."""
        return self._opened.clock_ms

    @property
    def skipped(self) -> int:
        """How many notifications could not be understood."""
        return self._opened.skipped

    @property
    def closed(self) -> bool:
        """Whether it hands out nothing more: closed, or ended with the session or by an error."""
        return self._over

    async def __aenter__(self) -> Self:
        """Begins to follow. Raises what `Session.subscribe` raises."""
        try:
            await self._open()
        except asyncio.CancelledError:
            self._begin_to_close()  # nobody has it, so nobody else would
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._asking:
            raise InvalidInput("another task waits for the next item already; one task follows a subscription")
        self._asking = True
        try:
            return await self._next()
        finally:
            self._asking = False

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function returns that may block: it runs in the thread, and the event loop goes on.

            bars = await messages.call(session.bars, "AAPL")

        The next item is not taken before it has ended, even where this `await` was cancelled, so reads in it are as
        of the item in hand.
        """
        await self._open()
        context = contextvars.copy_context()
        return await self._run(partial(context.run, function, *args, **kwargs))

    async def acknowledge(self) -> None:
        """Says that the item in hand is done, and saves that at once for a registered consumer."""
        await self._run((await self._open()).acknowledge)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Pipeline]:
        """A pipeline whose commands are applied in one MULTI with the position: exactly once for each item.

        Its commands are only collected, so they are given without `await`; see `Subscription.transaction`. Where
        the end of the block is cancelled the MULTI may have been applied, with the position or not at all.
        """
        transaction = (await self._open()).transaction()
        output = transaction.__enter__()
        try:
            yield output
        except BaseException as error:
            transaction.__exit__(type(error), error, error.__traceback__)
            raise
        await self._run(partial(transaction.__exit__, None, None, None))

    async def aclose(self) -> None:
        """Saves what is done, ends the signs of life, frees the name, ends the thread.

        It waits for what the thread is doing just then: for news, a second at most; for a Redis that is away, as long
        as one try takes.
        """
        self._begin_to_close()
        if self._closing is not None:
            await ended(self._closing)
            self._closing.result()

    async def _next(self) -> Message:
        await asyncio.sleep(0)  # a loop that has items at hand would otherwise stop all other tasks
        if self._over:
            raise StopAsyncIteration
        halves = await self._open()
        while True:
            while self._last is not None and not self._last.done():  # perhaps one whose `await` was cancelled
                await ended(self._last)
            if self._over:
                raise StopAsyncIteration
            looking, self._looking = self._looking, None
            if looking is not None and not self._outcome(halves, looking):
                raise StopAsyncIteration
            try:
                message = halves.take()
            except RedisUnavailable:
                raise
            except PlayheadError:
                await self.aclose()
                raise
            if message is not None:
                return message  # between taking and handing over there is no `await`
            self._looking = self._submit(halves.look)

    def _outcome(self, halves: Halves, looking: Future[bool]) -> bool:
        """Whether there may be an item after a look. Raises its error."""
        try:
            return looking.result()
        except Stopped:
            return False
        finally:
            if halves.closed:
                self._begin_to_close()

    async def _open(self) -> Halves:
        if self._over:
            raise _closed()
        if self._halves is None:
            if self._opening is None:
                self._caller = Caller(self._thread_name)
                self._opening = self._submit(partial(self._open_halves, self._stop))
            opening = self._opening
            await ended(opening)
            if self._halves is None:
                if self._over:
                    raise _closed()
                try:
                    halves = opening.result()
                    self._attach(halves)
                except BaseException:
                    await self.aclose()
                    raise
                self._halves = halves
        return self._halves

    @property
    def _opened(self) -> Halves:
        if self._halves is None:
            raise InvalidInput("the subscription is not open yet; open it with `async with`")
        return self._halves

    async def _run(self, function: Callable[[], T]) -> T:
        """What a function returns in the thread. Being cancelled does not end it."""
        call = self._submit(function)
        await ended(call)
        try:
            return call.result()
        except Stopped:
            raise _closed() from None

    def _submit(self, function: Callable[[], T]) -> Future[T]:
        if self._over or self._caller is None:
            raise _closed()
        call = self._caller.submit(function)
        self._last = call
        return call

    def _begin_to_close(self) -> None:
        """Has the thread close everything as soon as it can, and then end."""
        if self._over:
            return
        self._over = True
        if self._caller is not None and self._opening is not None:
            self._stop.set()
            self._closing = self._caller.submit(partial(_close, self._opening, self._stop))
            self._caller.end()


def _close(opening: Future[Halves], stop: threading.Event) -> None:
    """Closes what was opened, if it was. It is the thread's last call."""
    if opening.exception() is None and not opening.result().closed:
        stop.clear()
        opening.result().close()


def _closed() -> InvalidInput:
    return InvalidInput("the subscription is closed; subscribe again")
