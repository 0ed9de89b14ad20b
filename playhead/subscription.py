"""Following a session: its ticks and events, one after the other."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from types import TracebackType
from typing import Any, Final, NoReturn, Self

import redis
from redis.client import Pipeline

from playhead import messages
from playhead.connection import text
from playhead.consumer import Consumer
from playhead.crash_points import Write
from playhead.entries import BEGINNING, order, time_ms
from playhead.errors import (
    InvalidInput,
    Malformed,
    PlayheadError,
    RedisUnavailable,
    SessionFailed,
)
from playhead.keys import Keys
from playhead.messages import Message, SessionFailure
from playhead.patience import Patience
from playhead.place import FIELDS, Place, State, state_of, until_noted
from playhead.scripts import Script
from playhead.view import View

BLOCK_MS: Final = 1_000
"""How long one call waits for news. Far below the reply timeout of the connection."""
FIRST_BATCH: Final = 8
MAX_BATCH: Final = 512
"""Entries of one read."""
BATCH_BYTES: Final = 4 << 20
"""What one read should bring at most, judged by the size of the entries before."""
AWAITED: Final = 16
"""Entries that come with the end of a wait: by a script, which is slow with many."""
DECODED_BYTES: Final = 128 << 10
"""About the size of notifications whose bars share a table: whoever keeps a tick keeps no more than those with it."""
LOOKED_AT: Final = 16
"""Entries of one read by which the size of all of them is judged: to look at each takes longer than to copy it."""
FOREIGN_PAUSE_S: Final = 0.1
"""Between two looks while another hand's entry stands at the end of the notifications."""
SAVES_A_LEAD: Final = 8
"""In a session with a lead: no more than this part of it is done and not saved while something is at hand."""
OVER: Final = (b"finished", b"stopped", b"failed")
"""A session's status when nothing follows the last notification."""

_read: Final = Script("playhead", "read", reads_only=True)
_SAVE_AND_READ: Final = Write("save-and-read")
_SAVE_AND_AWAIT: Final = Write("save-and-await")

logger = logging.getLogger(__name__)


class Subscription(Iterator[Message]):
    """The notifications of a session, in order, from a position on; `Session.subscribe` makes it.

    An item is done when the next one is asked for, or when `acknowledge` or a `transaction` says so. The item
    whose loop body was left by `break` or an error is not done: a registered consumer is handed it again when
    it resumes. After a crash it may be handed some items again: those since the last read of a batch.

    While Redis is away it waits and does not lose its place. The session's end ends the iteration and closes
    it. `skipped` counts notifications that could not be understood.
    """

    def __init__(
        self,
        client: redis.Redis,
        url: str,
        keys: Keys,
        name: str | None,
        from_start: bool,
        patience_s: float | None,
    ) -> None:
        """Begins to follow. Raises what `Consumer` and `SessionNotFound` say."""
        self.skipped = 0
        self.closed = False
        self._client = client
        self._keys = keys
        self._patience = Patience(patience_s)
        self._place = place = Place(client, keys, self._patience, registered=name is not None)
        start = place.trimmed if from_start else place.noted
        self._consumer: Consumer | None = None
        if name is not None:
            self._consumer = Consumer(client, url, keys, name, place, self._patience, from_start)
            start = self._consumer.cursor
        place.read = start
        self._done = start
        self._in_hand: Message | None = None
        self._entries: deque[tuple[bytes, Message | Malformed]] = deque()
        self._foreign = BEGINNING
        self._batch = FIRST_BATCH
        self._unsaved = 0
        self._is_abreast = False
        self.view = View(client, keys, place, start, self._patience)
        self._handed = self._consumer is not None and start != BEGINNING

    @property
    def name(self) -> str | None:
        """The registered consumer's name; `None` for an anonymous reader."""
        return self._consumer.name if self._consumer else None

    @property
    def position(self) -> str:
        """The id of the last item that was handed out, or of where the subscription began."""
        return self.view.position

    @property
    def clock_ms(self) -> int:
        """The market time of the position, UTC milliseconds; 0 before the first tick of the session."""
        return time_ms(self.position)

    @property
    def bounds_reads(self) -> bool:
        """Whether reads are as of the position: once this consumer has been handed anything, now or before."""
        return self._handed and not self.closed

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        if self.closed:
            raise StopIteration
        try:
            return self._next()
        except RedisUnavailable:
            raise  # patience is at its end; the place is kept, and the next one may be asked for again
        except PlayheadError:
            self.close()
            raise

    def acknowledge(self) -> None:
        """Says that the item in hand is done, and saves that at once for a registered consumer."""
        if self._in_hand is not None:
            self._done = self._in_hand.entry
        if self._consumer and self._done != self._consumer.cursor:
            self._consumer.save(self._done)

    @contextmanager
    def transaction(self) -> Iterator[Pipeline]:
        """A pipeline whose commands are applied in one MULTI with the position: exactly once for each item.

        It collects commands; they go out when the block is left, and not at all when it is left by an error.
        Keys of the output must be in the same Redis. Raises `ConsumerNameTaken` where another process has the
        name by then, and `InvalidInput` without a registered name, without an item in hand, or for a second
        transaction on one item.
        """
        if self._consumer is None:
            raise InvalidInput("only a registered consumer has a position to save; give subscribe() a name")
        if self.closed or self._in_hand is None:
            raise InvalidInput("there is no item in hand; open the transaction inside the loop over the subscription")
        with self._client.pipeline() as output:
            output.execute = _refuse_execute  # type: ignore[method-assign]
            yield output
            self._consumer.commit(output, self._in_hand.entry)
            self._done = self._in_hand.entry

    def close(self) -> None:
        """Saves what is done, ends the signs of life and frees the name. Does not wait for a Redis that is away."""
        if self.closed:
            return
        self.closed = True
        self._entries.clear()
        if self._consumer is None:
            return
        try:
            self._consumer.leave(self._done)
        except RedisUnavailable as error:
            logger.warning("the position %s of consumer %s was not saved: %s", self._done, self._consumer.name, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self) -> Message:
        if self._in_hand is not None:
            self._done = self._in_hand.entry
            self._unsaved += 1
            if isinstance(self._in_hand, messages.LAST):
                self._end(self._in_hand.error if isinstance(self._in_hand, SessionFailure) else None)
            self._in_hand = None
        while True:
            if self._consumer:
                self._consumer.check()
            if not self._entries or self._is_waited_for:
                self._fetch()
            if self._entries:
                entry, message = self._entries.popleft()
                if isinstance(message, Malformed):
                    self._skip(entry.decode(), message)
                    continue
                self._in_hand = message
                self._handed = True
                self.view.deliver(message)
                return message

    def _skip(self, entry: str, error: Malformed) -> None:
        self.skipped += 1
        self._done = entry
        self._unsaved += 1
        self.view.forget()
        logger.warning("skipped notification %s of session %s: %s", entry, self._keys.session, error)

    @property
    def _is_waited_for(self) -> bool:
        """Whether the clock may wait until what is done is saved, so that this comes before the next item."""
        if self._consumer is None or self._consumer.lead is None:
            return False
        in_hand = self._in_hand is not None
        done = self._in_hand.entry if self._in_hand is not None else self._done
        unsaved = self._unsaved + in_hand
        return done != self._consumer.cursor and unsaved * SAVES_A_LEAD >= self._consumer.lead

    def _end(self, failure: str | None) -> NoReturn:
        self.acknowledge()
        self.close()
        if failure is not None:
            raise SessionFailed(failure)
        raise StopIteration

    def _fetch(self) -> None:
        """Reads the next entries, or waits a little for some. Raises at the end, or if the place is lost."""
        # Once all that was there has been read, the next entries come later; in lockstep when what is done is saved.
        awaits = self._is_abreast and not self._entries
        while True:
            asked = min(self._batch, AWAITED) if awaits else self._batch
            saved, state, found = self._patience.get(self._save_and_await if awaits else self._exchange)
            self._place.check(state)
            if self._consumer and saved is not None and self._consumer.was_saved(saved):
                self._consumer.cursor = self._done
            self._unsaved = 0
            found = self._without_foreign(found, state)
            # Without a lead nothing is fetched while there are entries at hand: what was found is all that was there.
            in_lockstep = self._consumer is not None and self._consumer.lead is not None
            self._is_abreast = bool(found or self._entries) and (in_lockstep or len(found) < asked)
            if found:
                self._decode(found)
            if self._entries or awaits:
                return  # there was only something to save, or nothing has come in a while
            if state["status"] in OVER:
                self._end((state["error"] or b"").decode() if state["status"] == b"failed" else None)
            awaits = True

    def _decode(self, found: list[Any]) -> None:
        self._place.read = found[-1][0].decode()
        size = _size_of(found[:: len(found) // LOOKED_AT + 1])
        at_once = max(1, DECODED_BYTES // max(size, 1))
        for at in range(0, len(found), at_once):
            portion = found[at : at + at_once]
            decoded = messages.decode_all(portion)
            self._entries.extend(zip((entry for entry, _ in portion), decoded, strict=True))
        self._batch = max(1, min(MAX_BATCH, BATCH_BYTES // max(size, 1), 4 * self._batch))

    def _without_foreign(self, found: list[Any], state: Mapping[str, bytes | None]) -> list[Any]:
        """Leaves out what another hand has written, and waits a little where there is nothing else: the server would
        not wait while that stands there.
        """
        ours = until_noted(found, state)
        if len(ours) < len(found):
            foreign = [text(entry) for entry, _ in found[len(ours) :] if order(text(entry)) > order(self._foreign)]
            if foreign:
                self._foreign = foreign[-1]
                self.skipped += len(foreign)
                logger.warning("skipped %s of session %s: another hand's", ", ".join(foreign), self._keys.session)
            if not ours:
                time.sleep(FOREIGN_PAUSE_S)
        return ours

    @property
    def _from_here(self) -> dict[Any, Any]:
        return {self._keys.notifications: self._place.read}

    def _exchange(self) -> tuple[int | None, State, list[Any]]:
        """In one step: saves what is done, reads the state, and reads entries where none is at hand. Bears being done
        twice."""
        pipe = self._client.pipeline()
        saves = self._consumer is not None and self._done != self._consumer.cursor
        if self._consumer is not None and saves:
            self._consumer.queue_save(pipe, self._done)
        pipe.hmget(self._keys.state, FIELDS)
        if not self._entries:
            pipe.xread(self._from_here, count=self._batch)
        with _SAVE_AND_READ if saves else nullcontext():
            answers = pipe.execute()
        saved = answers.pop(0) if saves else None
        state, *found = answers
        return saved, state_of(state), next(iter(found[0].values()), []) if found else []

    def _save_and_await(self) -> tuple[int | None, State, list[Any]]:
        """The same in one way to the server and back, in which it waits for the next entries. What it waits for is read
        again together with the state: another hand's entry may have ended the wait.
        """
        pipe = self._client.pipeline(transaction=False)
        saves = self._consumer is not None and self._done != self._consumer.cursor
        if self._consumer is not None and saves:
            self._consumer.queue_save(pipe, self._done)
        pipe.xread(self._from_here, count=1, block=BLOCK_MS)
        keys = [self._keys.state, self._keys.notifications]
        _read.queue(pipe, keys, [self._place.read, min(self._batch, AWAITED), *FIELDS])
        with _SAVE_AND_AWAIT if saves else nullcontext():
            *saved, _, (state, found) = pipe.execute()
        entries = [(entry, dict(zip(items[::2], items[1::2], strict=True))) for entry, items in found]
        return saved[0] if saved else None, state_of(state), entries


def _size_of(entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> int:
    """How many bytes of values an entry has, on the average."""
    return sum(len(value) for _, fields in entries for value in fields.values()) // len(entries)


def _refuse_execute(*_: Any, **__: Any) -> NoReturn:
    raise InvalidInput("a transaction is applied when its block is left; do not call execute() in it")
