"""A session that runs, while another hand writes to its streams: it ends as one that nobody has disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import strategies as st

from playhead.commands import AddSymbol, Pause, RemoveSymbol
from playhead.connection import text
from shared.request import Manifest
from tests.support.disturbed import CONFIG, ENTRIES, LIMITS, SHARE, fuzz, write
from tests.support.hostile import Fields, fields, json_like, raw
from tests.support.in_process import InProcess
from tests.support.system import CLOSE_MS
from tests.support.tally import Tally
from tests.support.tape import OPEN_MS
from workers.staging import Staging

pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # its inputs are long

COMMANDS = (
    {b"op": b"add-symbol", b"symbol": b"KO,MSFT", b"source": b"sample:", b"rejected": b'{"KO":"no"}'},
    {b"op": b"add-symbol", b"symbol": b"KO", b"calendar": b"XLON", b"id": b"c1"},
    {b"op": b"remove-symbol", b"symbol": b"KO", b"id": b"c2", b"at": b"15:59"},
    {b"op": b"pause"},
    {b"op": b"run-until", b"time": b"12:07"},
    {b"op": b"speed", b"speed": b"60"},
)


@pytest.fixture
def run(redis_url: str, session_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[InProcess]:
    monkeypatch.setenv("PLAYHEAD_REDIS_URL", redis_url)
    with closing(InProcess(redis_url, session_name, CONFIG, **LIMITS)) as session:
        session.run(lambda: session.clock_ms() > OPEN_MS, "the first minute")
        yield session


@pytest.fixture
def undisturbed(redis_url: str, session_name: str) -> Iterator[InProcess]:
    with closing(InProcess(redis_url, f"{session_name}-1", CONFIG, **LIMITS)) as session:
        session.run(lambda: session.client.scard(session.keys.holds) == 1, "the stop")
        session.finish()
        yield session


def steps(run: InProcess) -> None:
    """A few steps, as far as the session goes. At noon it stops, so there is always a stream to write to."""
    run.poll(3)


def ticks_and_events(run: InProcess) -> list[Any]:
    """The notifications as they stand there."""
    return list(run.client.xrange(run.keys.notifications) or [])


@pytest.mark.timeout(0)
@pytest.mark.parametrize("stream", ["feed:main", "notifications"])
def test_what_another_hand_adds_to_a_stream_is_taken_out_and_counted_and_nothing_is_missing(
    run: InProcess, undisturbed: InProcess, stream: str, tally: Tally
) -> None:
    written = 0

    def disturb(entries: list[tuple[str, Fields]]) -> None:
        nonlocal written
        for entry, found in entries:
            done = write(run, f"{run.keys.state}:{stream}", entry, found)
            written += done
            tally.count(f"entries of {stream}", "skipped" if done else "refused")
        steps(run)

    fuzz(disturb, ENTRIES, SHARE)
    run.run(lambda: run.client.scard(run.keys.holds) == 1, "the stop")
    run.finish()
    assert ticks_and_events(run) == ticks_and_events(undisturbed)
    assert [run.data(symbol, "1m") for symbol in ("AAPL", "RIVN")] == [
        undisturbed.data(symbol, "1m") for symbol in ("AAPL", "RIVN")
    ]
    if written:
        assert 0 < int(run.client.hget(run.keys.state, "skipped") or 0) <= written


@pytest.mark.timeout(0)
def test_every_command_is_answered_and_a_good_one_after_it_is_carried_out(run: InProcess, tally: Tally) -> None:
    run.run(lambda: run.client.scard(run.keys.holds) == 1, "the stop")

    def disturb(commands: list[Fields]) -> None:
        last: Any = b"0-0"
        before: Any = run.client.xrevrange(run.keys.replies, count=1)
        for found in commands:
            given: Any = found or {b"": b""}
            last = run.client.xadd(run.keys.commands, given)
        run.run(lambda: run.client.hget(run.keys.state, "commands_at") == last, "the answer to the last one")
        after = f"({text(before[0][0])}" if before else "-"
        replies: Any = run.client.xrange(run.keys.replies, after)
        assert len(replies) >= len(commands)
        for _, reply in replies[: len(commands)]:
            tally.count("commands to a session", "refused" if reply[b"status"] == b"rejected" else "accepted")
        assert run.send(Pause()).status == "ok"

    fuzz(disturb, fields(COMMANDS), SHARE)


@pytest.mark.timeout(0)
def test_an_addition_of_which_another_hand_has_staged_something_ends_and_the_next_one_succeeds(
    run: InProcess, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.run(lambda: run.client.scard(run.keys.holds) == 1, "the stop")
    encode = Manifest.encode
    spoilt: list[bytes] = []
    in_place_of_bars: list[bytes] = []

    def encoded(manifest: Manifest) -> str:
        return spoilt.pop().decode(errors="replace") if spoilt else encode(manifest)

    write_part = Staging._write_part

    def write_others(staging: Staging, part: int, runs: Any, entries: Any, said: str) -> None:
        write_part(staging, part, [(*each[:-1], in_place_of_bars[-1]) for each in runs], entries, said)

    def disturb(given: list[tuple[bytes, bytes]]) -> None:
        for manifest, bytes_of_bars in given:
            spoilt.append(manifest)
            in_place_of_bars.append(bytes_of_bars)
            with monkeypatch.context() as patch:
                patch.setattr(Manifest, "encode", encoded)
                patch.setattr(Staging, "_write_part", write_others)
                reply = run.add(["KO"])
            spoilt.clear()
            tally.count("staged manifests", "accepted" if reply.status == "ok" else "refused")
            assert run.client.hget(run.keys.state, "active") == b"1"
            if reply.status == "ok":
                assert run.send(RemoveSymbol(("KO",))).status == "ok"
        assert run.send(AddSymbol(("MSFT",))).status == "ok"
        assert run.send(RemoveSymbol(("MSFT",))).status == "ok"

    counts = {"loaded": 3, "written": 1, "queued": 1, "dropped": {}, "missing": 0, "data": [["1m", "2025-07-02"]]}
    valid = {"staged": {"KO": counts}, "rejected": {}, "through_ms": CLOSE_MS}
    fuzz(disturb, st.tuples(json_like([valid]), raw()), SHARE // 8)
