"""Another hand's entry that ends a reader's wait, and is taken out before the reader looks at the state."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from typing import Final

from playhead.codec import group_field
from playhead.connection import connect, text
from playhead.session import Session
from shared.redis_server import RedisServer
from tests.support.tape import MINUTE_MS, Tape
from tests.support.waiting import wait_until

MOVE: Final = """
local ours = redis.call('XRANGE', KEYS[1], '-', ARGV[1])
redis.call('DEL', KEYS[1])
for _, entry in ipairs(ours) do redis.call('XADD', KEYS[1], entry[1], unpack(entry[2])) end
for n = 2, 3 do redis.call('XADD', KEYS[1], ARGV[n], 'type', 'tick', ARGV[4], ARGV[5]) end
redis.call('HSET', KEYS[2], 'noted', ARGV[3])
"""
"""As a move of the clock does it: the foreign entry goes, and a tick before its id and one behind it come."""


def test_a_tick_before_a_forged_one_is_not_passed_over() -> None:
    with RedisServer.start(appendonly=False) as server, closing(Tape(server.url, "forged").create()) as tape:
        last = tape.ticks(2)[-1]
        seen: list[str] = []
        with Session("forged", server.url) as session:
            reader = threading.Thread(target=lambda: follow(session, seen), daemon=True)
            reader.start()
            wait_until(lambda: tape.client.info("clients")["blocked_clients"] == 1, what="the reader to wait")
            (_, fields) = (tape.client.xrange(tape.keys.notifications) or [])[-1]
            value = next(value for name, value in (fields or {}).items() if name != b"type")
            before, forged, behind = (f"{tape.clock_ms + minutes * MINUTE_MS}-0" for minutes in (1, 2, 3))
            field = group_field("1m", tape.clock_ms)
            hands = [connect(server.url).connection_pool.get_connection() for _ in range(2)]
            hands[1].send_command("PING")  # type: ignore[no-untyped-call]  # in redis-py
            assert hands[1].read_response() == b"PONG"
            # Both wait for the server at the same time, and are carried out one right after the other.
            os.kill(server.pid, signal.SIGSTOP)
            keys = tape.keys.notifications, tape.keys.state
            hands[0].send_command("XADD", keys[0], forged, "type", "tick", field, value)  # type: ignore[no-untyped-call]
            hands[1].send_command("EVAL", MOVE, 2, *keys, last, before, behind, field, value)  # type: ignore[no-untyped-call]
            os.kill(server.pid, signal.SIGCONT)
            for hand in hands:
                hand.read_response()
            wait_until(lambda: behind in seen, what="the tick behind")
            tape.clock_ms += 3 * MINUTE_MS
            tape.finish()
            reader.join(10)
        kept = [text(entry or b"") for entry, _ in tape.client.xrange(keys[0]) or []]
        assert seen == kept
        assert kept[2:4] == [before, behind]


def follow(session: Session, seen: list[str]) -> None:
    seen.extend(item.entry for item in session.subscribe(from_start=True))
