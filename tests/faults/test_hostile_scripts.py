"""Every script, on keys that another hand has spoilt: it says what is wrong and changes nothing, or does its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis
from redis.exceptions import ResponseError

from playhead.connection import text
from playhead.errors import Malformed, PlayheadError
from playhead.keys import Keys
from tests.support.bench import OPERATION, Bench
from tests.support.calls import CALLS
from tests.support.tally import INPUTS, TEST_INPUTS, Tally
from tests.support.tape import DAY

Poison = Callable[[redis.Redis, str], None]
NUMBERS = ("clock_ms", "events", "end_ms", "stop_ms", "skipped", "scheduled", "joined")
ENTRIES = ("noted", "published", "trimmed", "commands_at")
TEXTS = ("status", "coordinator_token", "producer_token", "speed", "run_hash", "config", "history")
VALUES = ("poison", "9" * 400, "99999999999999-0", "", "-1", "1e3", "0x10", "nan", "\0")
SOME = VALUES if INPUTS > TEST_INPUTS else VALUES[:2]
"""What the fields of the state are given: all of it is for `make fuzz`."""


def is_text(client: redis.Redis, key: str) -> None:
    client.delete(key)
    client.set(key, "poison")


def is_list(client: redis.Redis, key: str) -> None:
    client.delete(key)
    client.rpush(key, "poison")


def has_used_up_its_ids(client: redis.Redis, key: str) -> None:
    """A stream in which another hand has taken the last id that there is."""
    client.xadd(key, {"poison": "1"}, id=f"{(1 << 64) - 1}-{(1 << 64) - 1}")


def has_a_foreign_end(client: redis.Redis, key: str) -> None:
    """A stream in which another hand has written what will only come."""
    client.xadd(key, {"type": "tick", "poison": "1"}, id="99999999999999-0")


SPOILT: dict[str, Poison] = {"text": is_text, "list": is_list}
STREAMS = ("notifications", "journal", "replies", "epochs", "acks", "feed:main", "staged:op:reports")


@pytest.fixture
def bench(redis_url: str, session_name: str) -> Iterator[Bench]:
    bench = Bench(redis_url, session_name)
    yield bench
    bench.tape.close()


def keys_of(keys: Keys) -> list[str]:
    """The keys that the scripts of the services are called with, but for the lease."""
    named = [keys.state, keys.holds, keys.symbols, keys.calendars, keys.removed, keys.notifications, keys.replies]
    named += [keys.answered, keys.journal, keys.schedule, keys.scheduled, keys.digests, keys.operation, keys.windows]
    named += [keys.consumers, keys.consumer("dead"), keys.feed("main"), keys.feed("add-op-0"), keys.reports(OPERATION)]
    named += [keys.manifest("op-0-1"), keys.staged_feed("op-0-1"), keys.staged_bars("op-0-1", "RIVN", "1m", DAY)]
    return [*named, keys.bars("AAPL", "1m", DAY), keys.bars("RIVN", "1m", DAY), keys.epochs, keys.acks]


def prepared(bench: Bench, name: str) -> Callable[[], object]:
    """What the script needs is there, also what it is put together from; the call that is left touches the keys."""
    prepare, call = CALLS[name]
    prepare(bench)
    if name == "commit":
        vars(bench)["found"] = bench.operation()
    if name in ("remove", "trim"):
        vars(bench)["state"] = bench.load()
    return lambda: call(bench)


class Copy:
    """All keys of a session as they are now, to be put back."""

    def __init__(self, bench: Bench) -> None:
        self._client, self._keys = bench.client, bench.keys
        self._dumped = {key: (self._client.pttl(key), self._client.dump(key)) for key in self._all()}

    def put_back(self) -> None:
        self._client.delete(*self._all())
        for key, (lifetime_ms, dumped) in self._dumped.items():
            self._client.restore(key, max(lifetime_ms, 0), dumped or b"")

    def _all(self) -> list[str]:
        return [text(key) for key in self._client.scan_iter(f"{self._keys.state}*", count=1_000)]


def check_whole(bench: Bench, call: Callable[[], object], tally: Tally, kind: str) -> None:
    """Calls, and where it is refused compares, and looks whether the reason is one that was thought of."""
    before = bench.dump()
    said = ""
    try:
        call()
    except (PlayheadError, ResponseError) as error:
        said = str(error)
    tally.count(kind, "refused" if said else "accepted")
    assert "user_script" not in said
    assert not said or bench.dump() == before


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("name", CALLS)
def test_a_script_with_a_key_of_another_type_does_all_of_it_or_nothing(
    bench: Bench, tally: Tally, name: str, how: str
) -> None:
    call = prepared(bench, name)
    copy = Copy(bench)
    for key in keys_of(bench.keys):
        SPOILT[how](bench.client, key)
        check_whole(bench, call, tally, "keys of another type")
        copy.put_back()


@pytest.mark.parametrize("name", CALLS)
def test_a_script_with_odd_text_in_the_state_does_all_of_it_or_nothing(bench: Bench, tally: Tally, name: str) -> None:
    call = prepared(bench, name)
    copy = Copy(bench)
    for field in (*NUMBERS, *ENTRIES, *TEXTS):
        for value in SOME:
            bench.client.hset(bench.keys.state, field, value)
            check_whole(bench, call, tally, "fields of the state")
            copy.put_back()


@pytest.mark.parametrize("spoil", [has_used_up_its_ids, has_a_foreign_end])
@pytest.mark.parametrize("name", [name for name in CALLS if name != "take_out"])  # which counts them
def test_no_entry_of_another_hand_keeps_a_script_from_its_work(
    bench: Bench, tally: Tally, name: str, spoil: Poison
) -> None:
    call = prepared(bench, name)
    calls = bench.store._calls
    copy = Copy(bench)
    expected = call()
    for stream in STREAMS:
        copy.put_back()
        spoil(bench.client, f"{bench.keys.state}:{stream}")
        bench.store._calls = calls
        assert call() == expected
        tally.count("entries of other hands", "accepted")


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("symbol", ["AAPL", "MSFT"])
def test_a_tick_whose_bars_cannot_all_be_written_writes_none_of_them(bench: Bench, how: str, symbol: str) -> None:
    bench.open()
    assert bench.advance(2) == "ok"
    key = bench.keys.bars(symbol, "1m", DAY)
    whole = bench.client.dump(key)
    SPOILT[how](bench.client, key)
    before = bench.dump()
    with pytest.raises(Malformed, match=f"bars:{symbol}:1m"):
        bench.advance(2)
    assert bench.dump() == before
    bench.client.delete(key)
    bench.client.restore(key, 0, whole or b"")
    assert bench.advance(2) == "ok"
