"""Whether a session goes on: who serves it, what holds it, who is waited for, or whether it stands without a reason."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import redis

from playhead import __version__
from playhead.checkup.finding import Finding
from playhead.config import EXPECT_HOLD
from playhead.connection import text
from playhead.consumers import ConsumerInfo
from playhead.entries import is_entry, time_ms
from playhead.info import OVER, SessionInfo
from playhead.intervals import SECOND_MS, interval_ms
from playhead.keys import Keys
from playhead.operations import OperationInfo
from playhead.session import Session

LOOK_S: Final = 0.1
"""Between two looks for who serves a session."""
GRACE_S: Final = 2.0
"""A role that nobody has may just be changing hands: it is looked at once more after this."""
STANDS_S: Final = 3.0
"""A clock that has not moved for so long, though nothing holds it, stands without a reason."""
ADD_HOLD: Final = "add:"
_WHO: Final = {
    "user": ("a person's pause, or a stop that was reached", "playhead session resume"),
    "warm-up": ("the history that it begins with is being read", ""),
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A session at one moment. `leases` are the roles that somebody has, `versions` what these run."""

    info: SessionInfo
    noted: str
    published: str
    leases: frozenset[str]
    versions: dict[str, str]
    seen_s: float


def check_session(session: Session, client: redis.Redis) -> Iterator[Finding]:
    """Looks at a session for a few seconds at most. Raises `PlayheadError`s of what cannot be read."""
    seen = _look(session, client)
    if seen is None:
        return
    info, what = seen.info, f"session {session.name}"
    if info.status in OVER:
        failed = info.status == "failed"
        found = f"failed: {info.error or 'it gave no reason'}" if failed else f"is {info.status}"
        yield Finding("fail" if failed else "ok", what, found, "mend that, and start it anew" if failed else "")
        return
    wanted = ("coordinator", "producer", *(("recorder",) if session.config.record else ()))
    if not seen.leases.issuperset(wanted):
        time.sleep(GRACE_S)
        seen = _look(session, client) or seen
        info = seen.info
    missing = [role for role in wanted if role not in seen.leases]
    for role in missing:
        yield Finding("fail", what, f"no {role} serves it", f"start one: playhead {role}")
    for role in wanted:
        version = seen.versions.get(role)
        if role in seen.leases and version != __version__:
            theirs = f"runs Playhead {version}" if version else "is of a version that does not say which"
            yield Finding(
                "warn", what, f"its {role} {theirs}, and this is {__version__}", "install the same version everywhere"
            )
    for trouble in info.troubles:
        yield Finding("fail", what, f"{trouble.role} is held up: {trouble.reason}", "mend that: it goes on by itself")
    if info.recording_error:
        yield Finding("fail", what, f"is not recorded: {info.recording_error}", "mend that: it goes on by itself")
    if info.status == "created" and not missing:
        yield Finding("warn", what, "has not begun yet", "if it does not soon, look at the logs of its services")
        return
    operation, consumers = session.operation(), session.consumers()
    held = [*_holds(what, info, operation), *_waits(what, info, consumers)]
    yield from held
    yield from _consumers(what, consumers)
    if not (missing or info.troubles or info.holds or info.waiting_for or operation):
        yield from _moves(session, client, seen)
    elif not (missing or info.troubles or any(each.level != "ok" for each in held)):
        yield Finding("ok", what, f"is {info.status} and served")


def _look(session: Session, client: redis.Redis) -> _Seen | None:
    """Nothing where it was deleted meanwhile."""
    keys = Keys(session.name)
    roles = ("coordinator", "producer", "recorder")
    info = session.info()
    if info is None:
        return None
    pipe = client.pipeline(transaction=False)
    for role in roles:
        pipe.exists(keys.lease(role))
    pipe.hmget(keys.state, ["noted", "published", *(f"{role}_version" for role in roles)])
    *leases, (noted, published, *versions) = pipe.execute()
    return _Seen(
        info,
        text(noted or b""),
        text(published or b""),
        frozenset(role for role, is_there in zip(roles, leases, strict=True) if is_there),
        {role: text(version) for role, version in zip(roles, versions, strict=True) if version},
        time.monotonic(),
    )


def _holds(what: str, info: SessionInfo, operation: OperationInfo | None) -> Iterator[Finding]:
    keys = Keys(info.name)
    for hold in info.holds:
        if hold in _WHO:
            who, todo = _WHO[hold]
            yield Finding("ok", what, f"is held by {hold}: {who}", todo)
        elif hold.startswith(ADD_HOLD):
            if operation is not None:
                names = f"{operation.loaded} of {len(operation.symbols)} symbols are loaded"
                yield Finding("ok", what, f"is held by an addition for {operation.held_ms / 1000:.1f} s: {names}")
            else:
                yield _by_hand(what, hold, keys, "there is no such addition")
        elif hold.startswith(EXPECT_HOLD):
            name = hold.removeprefix(EXPECT_HOLD)
            found = f"the first tick waits for consumer {name}"
            yield Finding("warn", what, found, f"start it, or {_remove(keys, hold)}")
        else:
            yield _by_hand(what, hold, keys, "somebody has placed it by hand")


def _by_hand(what: str, hold: str, keys: Keys, why: str) -> Finding:
    return Finding("warn", what, f"is held by {hold}: {why}", _remove(keys, hold))


def _remove(keys: Keys, hold: str) -> str:
    return f"redis-cli SREM {shlex.quote(keys.holds)} {shlex.quote(hold)}"


def _waits(what: str, info: SessionInfo, consumers: Sequence[ConsumerInfo]) -> Iterator[Finding]:
    known = {each.name: each for each in consumers}
    for name in info.waiting_for:
        consumer = known.get(name)
        life = "" if consumer is None or consumer.silent_ms is None else f", which is {consumer.life}"
        lag = "" if consumer is None or consumer.lag_ticks is None else f" and {consumer.lag_ticks} ticks behind"
        yield Finding(
            "warn", what, f"the clock waits for consumer {name}{life}{lag}", "look at what it does, or end it"
        )


def _consumers(what: str, consumers: Sequence[ConsumerInfo]) -> Iterator[Finding]:
    for each in consumers:
        if each.cursor is None and each.life != "dropped":
            yield Finding("warn", what, f"consumer {each.name} has no position that can be read", "start it anew")
        elif each.life == "silent" and each.silent_ms is not None:
            found = f"consumer {each.name} has shown no life for {each.silent_ms / 1000:.0f} s"
            yield Finding("warn", what, found, "start it again: it goes on after its position")
        elif each.life == "dropped":
            found = f"consumer {each.name} was dropped: nobody waits for it"
            yield Finding("warn", what, found, "start it again, or under another name if what it needs is gone")


def _moves(session: Session, client: redis.Redis, before: _Seen) -> Iterator[Finding]:
    """Whether the clock of a session that nothing holds has moved, where it should have by now."""
    what = f"session {session.name}"
    speed = before.info.speed
    tick_s = 0.0 if speed == "max" else interval_ms(before.info.interval) / SECOND_MS / float(speed)
    if tick_s > STANDS_S / 2:
        yield Finding("ok", what, f"runs, with a tick each {tick_s:.0f} s at most", "")
        return
    deadline = before.seen_s + STANDS_S
    while (now := _look(session, client)) is not None:
        quiet = (now.info.clock_ms, now.noted) == (before.info.clock_ms, before.noted)
        if not quiet or now.info.holds or now.info.waiting_for or now.info.status != "running" or not now.info.active:
            yield Finding("ok", what, f"is {now.info.status} and served")
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(LOOK_S)
    if now is None:
        return
    if not is_entry(now.published) or time_ms(now.published) <= (now.info.clock_ms or 0):
        found = f"waits for bars: its producer has published none after the clock for {STANDS_S:g} s"
        yield Finding("warn", what, found, "a slow source takes its time; else look at the log of the producer")
    else:
        yield Finding(
            "fail",
            what,
            f"stands without a reason: nothing holds it, and its clock has not moved for {STANDS_S:g} s",
            "look at the log of its coordinator",
        )
