"""Each script of the services: what it needs before it, and a call of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from coordinator.consumers import Consumers
from coordinator.move import Move
from coordinator.removal import Removals
from coordinator.state import State
from coordinator.store import USER_HOLD, Effect
from playhead.commands import Reply
from recorder.recorder import Recorder
from shared.settings import Settings
from shared.ticks import window_end
from shared.trouble import Trouble
from tests.support.bench import ATTEMPT, OPERATION, Bench
from tests.support.tape import CALENDAR, DAY, MINUTE_MS, OPEN_MS

DAY_MS: Final = 86_400_000
MIDNIGHT_MS: Final = OPEN_MS // DAY_MS * DAY_MS
REPLY: Final = Reply("p1", "7-1", "ok", None, {"status": "paused"})
Act = Callable[[Bench], object]


def nothing(bench: Bench) -> None:
    """A session that nobody has opened yet."""


def opened(bench: Bench) -> None:
    bench.open()
    bench.advance(2)


def ended(bench: Bench) -> None:
    bench.open()
    bench.to_the_end()


def begun(bench: Bench) -> None:
    bench.open()
    assert bench.begin() == "ok"


def staged(bench: Bench) -> None:
    begun(bench)
    bench.stage()


def keep(bench: Bench) -> bool:
    lease = bench.leases["coordinator"]
    lease._renew_at = 0.0  # as if the time had come
    return lease.keep()


def end(bench: Bench) -> str:
    """Commits; for a call that is repeated, as it was put together the first time."""
    if "found" not in vars(bench):
        vars(bench)["found"] = bench.operation()
    return bench.commit(vars(bench)["found"])


def publish(bench: Bench) -> int:
    return bench.feed.publish("0-0", [(f"{OPEN_MS}-1", window_end(OPEN_MS, final=False))])


def state_of(bench: Bench) -> State:
    """As the coordinator has read it before the first call."""
    found: State = vars(bench).setdefault("state", None) or bench.load()
    vars(bench)["state"] = found
    return found


def move(bench: Bench) -> str:
    from_ms = OPEN_MS + 2 * MINUTE_MS
    opening = [(CALENDAR, DAY)]
    return bench.store.advance(Move(from_ms, from_ms + MINUTE_MS, opening=opening, ticks_left=1, run_hash="hash"))


def silent(bench: Bench) -> None:
    """A consumer whose process has died."""
    opened(bench)
    bench.client.hset(bench.keys.consumers, "dead", bench.operations.server_ms() - 60_000)


def drop(bench: Bench) -> tuple[str, ...]:
    return Consumers(bench.store).drop(["dead"], bench.operations.server_ms() - 10_000)


def expected(bench: Bench) -> None:
    """A session that waits for a consumer, which is there."""
    opened(bench)
    bench.client.sadd(bench.keys.holds, "expect:vwap")
    bench.client.hset(bench.keys.consumers, "vwap", bench.operations.server_ms())


def remove(bench: Bench) -> str:
    reply = Reply("p1", "7-1", "ok", None, {"AAPL": {"status": "removed"}})
    return Removals(bench.store).remove(state_of(bench), ["AAPL"], reply, {"op": "remove-symbol", "id": "p1"})


def recorded(bench: Bench) -> None:
    """A session that somebody records."""
    opened(bench)
    bench.leases["recorder"] = bench.lease("recorder")


def report_recording(bench: Bench) -> None:
    url = "redis://nowhere"  # it is of no use here
    Recorder(bench.client, bench.leases["recorder"], Settings(url, url))._say("the disk is full")


def say_trouble(bench: Bench) -> None:
    Trouble(bench.leases["coordinator"]).say("no memory")


def strewn(bench: Bench) -> None:
    """A session with an entry of another hand at the end of its main feed."""
    opened(bench)
    publish(bench)
    bench.client.xadd(bench.keys.feed("main"), {"type": "junk"}, id=f"{OPEN_MS + DAY_MS}-0")


def stray(bench: Bench) -> None:
    """A session with a member of its schedule that is no number."""
    opened(bench)
    bench.client.zadd(bench.keys.schedule, {"stray": 0})


CALLS: Final[dict[str, tuple[Act, Act]]] = {
    "acquire": (opened, lambda bench: bench.leases["coordinator"].acquire() and bench.leases["coordinator"].token),
    "renew": (opened, keep),
    "open_session": (nothing, lambda bench: bench.open()),
    "open_window": (opened, lambda bench: bench.feed.open_window(MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS, DAY_MS)),
    "publish": (opened, publish),
    "advance": (opened, move),
    "answer": (opened, lambda bench: bench.store.answer("0-0", REPLY, Effect(place=USER_HOLD), {"op": "pause"})),
    "begin": (opened, lambda bench: bench.begin(clock_ms=OPEN_MS + 2 * MINUTE_MS)),
    "attempt": (begun, lambda bench: bench.operations.attempt(OPERATION, 0, ATTEMPT, "op-0-2")),
    "stage": (begun, lambda bench: bench.stage()),
    "commit": (staged, end),
    "finish": (ended, lambda bench: bench.finish()),
    "report_recording": (recorded, report_recording),
    "remove": (opened, remove),
    "digest": (opened, lambda bench: bench.store.digest({"XNYS:2025-07-02:1m": "{}"})),
    "fail": (opened, lambda bench: bench.store.fail("no bars")),
    "drop": (silent, drop),
    "meet": (expected, lambda bench: Consumers(bench.store).meet("vwap", 0)),
    "waiting": (opened, lambda bench: Consumers(bench.store).say_waiting(["slow"])),
    "trouble": (opened, say_trouble),
    "take_out": (strewn, lambda bench: bench.store.disown()),
    "unschedule": (stray, lambda bench: bench.store.unschedule(b"stray")),
    "trim": (opened, lambda bench: bench.store.trim(state_of(bench), f"{OPEN_MS + MINUTE_MS}-0")),
}
