"""A registered consumer: a name that one living process holds, with a cursor in Redis."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from playhead.connection import text
from playhead.crash_points import Write
from playhead.entries import order
from playhead.errors import ConsumerNameTaken, HistoryLost, InvalidInput, Malformed, PlayheadError, SessionNotFound
from playhead.heartbeat import LEAVING, MAKING_WAY, Heartbeat, beat
from playhead.keys import Keys
from playhead.names import check_consumer
from playhead.patience import Patience
from playhead.place import FIELDS, Place, state_of
from playhead.scripts import Script

CONSUMER_DEAD_MS: Final = 3_000
"""Without a heartbeat for so long a consumer is dead, and another process may take its name."""
ACKS_KEPT: Final = 1_000
"""Entries of the acknowledgements, roughly."""
_LOOK_S: Final = 0.05

_register = Script("playhead", "register")
_save = Script("playhead", "save")
_settle = Script("playhead", "settle")
_OUTPUT: Final = Write("commit-output")
_LEAVE: Final = Write("leave")


class Consumer:
    """The holder of a consumer's name. `cursor` is the last entry that is known to be saved as done.

    `lead` is how many ticks the clock may be ahead of it, `None` for as many as are kept.
    """

    def __init__(
        self,
        client: redis.Redis,
        url: str,
        keys: Keys,
        name: str,
        place: Place,
        patience: Patience,
        from_start: bool = False,
    ) -> None:
        """Takes the name. If it is held, waits until its holder is seen alive or known dead. Where it is registered for
        the first time, `from_start` begins at the oldest notification that is kept in any session.

        Raises `ConsumerNameTaken`, `HistoryLost` and `SessionNotFound`.
        """
        self.name = check_consumer(name)
        self.holder = uuid.uuid4().hex
        self._client = client
        self._keys = keys
        self._key = keys.consumer(name)
        self._place = place
        self._patience = patience
        self.lead: int | None = None
        self.cursor = self._take_name(from_start)
        while not place.is_settled():  # what is kept may begin later than all that was known
            self.cursor = self._take_name(from_start)
        self._heartbeat = Heartbeat(url, keys, name, self.holder)

    def check(self) -> None:
        """Raises `ConsumerNameTaken`, `HistoryLost` or `SessionNotFound` once the heartbeat was refused."""
        if self._heartbeat.refused:
            self._refuse()

    def taken(self) -> ConsumerNameTaken:
        """The error for a name that has gone to another process."""
        return ConsumerNameTaken(
            f"consumer {self.name} of session {self._keys.session} was taken from this process: it showed "
            f"no life for {CONSUMER_DEAD_MS / 1000:g} s, and another one goes on from the saved position"
        )

    def queue_save(self, pipe: Pipeline, cursor: str) -> None:
        """Puts into a MULTI that all up to `cursor` is done. `was_saved` says what the answer means."""
        _save.queue(pipe, *self._saving(cursor))

    def was_saved(self, answer: int) -> bool:
        """Whether a cursor was saved; if not, the place is to be looked at, and it is to be saved again.

        Raises `ConsumerNameTaken` and `HistoryLost` where the name is not this process's any more.
        """
        if answer == 0:
            self._refuse()
        return answer == 1

    def save(self, cursor: str) -> None:
        """Saves that everything up to `cursor` is done. Raises `ConsumerNameTaken` and `HistoryLost`."""
        while not self.was_saved(self._patience.get(lambda: _save(self._client, *self._saving(cursor)))):
            self._place.look()
        self.cursor = cursor

    def commit(self, output: Pipeline, cursor: str) -> None:
        """Applies the commands of a pipeline and saves the cursor, all in one MULTI, exactly once.

        Raises `ConsumerNameTaken`, `HistoryLost` and `SessionNotFound`, `InvalidInput` where the cursor has been saved
        before; nothing is written then. If the reply is lost, the cursor tells whether the MULTI was applied;
        if not, it is sent again.
        """
        sent = False

        def attempt() -> bool:
            nonlocal sent
            if sent and self._was_applied(cursor):
                return True
            with self._client.pipeline() as pipe:
                try:
                    self._watch(pipe, cursor)
                    pipe.multi()
                    pipe.command_stack.extend(output.command_stack)
                    pipe.scripts |= output.scripts
                    pipe.hset(self._key, "cursor", cursor)
                    if self.lead is not None:
                        pipe.xadd(self._keys.acks, {"consumer": self.name, "cursor": cursor}, maxlen=ACKS_KEPT)
                    sent = True
                    with _OUTPUT:
                        answers = pipe.execute(raise_on_error=self.lead is None)
                    if self.lead is not None:  # that it wakes the clock may fail: its stream is open to every hand
                        _raise_first(answers[:-1])
                except WatchError:  # the record was changed, or the connection broke: redis-py says the same
                    return False
            return True

        while not self._patience.get(attempt):
            pass
        self.cursor = cursor

    def leave(self, cursor: str) -> None:
        """Ends the heartbeat, saves the cursor and frees the name, if it is still ours.

        Raises `RedisUnavailable`; the name is then free a little later, as that of a dead process.
        """
        self._free_name(cursor, LEAVING)

    def make_way(self, cursor: str) -> None:
        """Does the same, and is still waited for like one that died just now: another process is about to go on."""
        self._free_name(cursor, MAKING_WAY)

    def _free_name(self, cursor: str, life: str) -> None:
        self._heartbeat.stop()
        pipe = self._client.pipeline()
        self.queue_save(pipe, cursor)
        beat.queue(pipe, [self._keys.state, self._keys.consumers, self._key], [self.name, self.holder, life])
        with _LEAVE:
            pipe.execute()

    def _take_name(self, from_start: bool) -> str:
        keys = [self._keys.state, self._keys.consumers, self._key]
        args = [self.name, self.holder, CONSUMER_DEAD_MS, "1" if from_start else ""]
        silent_ms = -1
        while True:
            answer = self._patience.get(lambda: _register(self._client, keys, args))
            match answer:
                case [b"ok", cursor, lead]:
                    self.lead = int(lead) if lead else None
                    return str(cursor.decode())
                case [b"missing"]:
                    raise SessionNotFound(f"there is no session {self._keys.session} any more")
                case [b"history"]:
                    raise HistoryLost(
                        f"consumer {self.name} belongs to an earlier session that was called "
                        f"{self._keys.session} too; follow under another name"
                    )
                case [b"garbled", cursor]:
                    raise Malformed(
                        f"consumer {self.name} of session {self._keys.session} has the cursor {text(cursor)[:40]!r}, "
                        f"which is no position: set it to one, or delete {keys[2]} to begin anew"
                    )
                case [b"taken", now_silent_ms]:
                    # A silence that became shorter was ended by a heartbeat.
                    if now_silent_ms < silent_ms:
                        raise ConsumerNameTaken(
                            f"consumer {self.name} of session {self._keys.session} is held by a living "
                            "process; end it, or follow under another name"
                        )
                    silent_ms = now_silent_ms
                    time.sleep(_LOOK_S)

    def _watch(self, pipe: Pipeline, cursor: str) -> None:
        """Watches the consumer's record. Raises where the cursor cannot be saved in it."""
        pipe.watch(self._key)  # type: ignore[no-untyped-call]  # redis-py has no types here
        holder, saved = _now(pipe.hmget(self._key, ["holder", "cursor"]))
        # Read from the very server that is to carry out the MULTI: it never reaches one that takes its place meanwhile.
        self._place.check(state_of(_now(pipe.hmget(self._keys.state, FIELDS))))
        if holder != self.holder.encode():
            raise self._not_held(holder)
        if order(saved.decode()) < order(self.cursor):
            raise HistoryLost(
                f"session {self._keys.session}: the server has lost its last writes; consumer {self.name} had saved "
                f"its output up to {self.cursor}, and there it is saved up to {saved.decode()}; subscribe again to go "
                "on after that",
                saved.decode(),
            )
        if order(saved.decode()) >= order(cursor):
            raise InvalidInput(
                f"consumer {self.name} has saved its output of {cursor} already: an item has one transaction"
            )

    def _was_applied(self, cursor: str) -> bool:
        match _settle(self._client, [self._keys.state, self._key], [self.holder]):
            case [b"ok", saved]:
                applied: bool = order(saved.decode()) >= order(cursor)
                return applied
            case _:
                return self._refuse()

    def _saving(self, cursor: str) -> tuple[list[str], list[str]]:
        """Keys and arguments of `save`."""
        keys = [self._keys.state, self._key, self._keys.acks]
        return keys, [self.holder, cursor, self.name, self._place.epoch]

    def _refuse(self) -> NoReturn:
        """Raises why the name is not this process's any more."""
        self._place.look()
        raise self._not_held(self._patience.get(lambda: self._client.hget(self._key, "holder")))

    def _not_held(self, holder: bytes | str | None) -> PlayheadError:
        if holder is not None:
            return self.taken()
        return HistoryLost(
            f"session {self._keys.session}: the server has lost its last writes, and with them consumer {self.name}; "
            "subscribe again"
        )


def _raise_first(answers: Sequence[Any]) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _now(answer: Any) -> Any:
    """The answer of a pipeline to what it does at once; its type says that it queues everything."""
    return answer
