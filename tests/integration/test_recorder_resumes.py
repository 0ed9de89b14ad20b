"""A recorder in the test's own process that is followed by another one: what is in a file is not written again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as parquet

from playhead.recordings import parts
from recorder.recorder import Recorder
from shared.lease import Lease
from shared.settings import Settings
from tests.support.tape import Tape
from tests.support.waiting import wait_until


@contextmanager
def recording(tape: Tape, url: str) -> Iterator[Recorder]:
    """The recorder of a session; it leaves in the end."""
    lease = Lease(tape.client, tape.keys, "recorder", lifetime_ms=60_000)
    assert lease.acquire()
    with closing(Recorder(tape.client, lease, Settings(url, url))) as recorder:
        yield recorder
    lease.release()


def record_through(tape: Tape, recorder: Recorder, entry: str) -> None:
    def done() -> bool:
        recorder.step()
        return tape.cursor("recorder") == entry

    wait_until(done, 60, f"{entry} to be written")


def test_what_was_written_and_not_acknowledged_is_not_written_again(
    redis_url: str, session_name: str, tmp_path: Path
) -> None:
    tape = Tape(redis_url, session_name)
    tape.config = replace(tape.config, record=str(tmp_path))
    tape.create().begin()
    entries = tape.ticks(3)
    with recording(tape, redis_url) as first:
        record_through(tape, first, entries[-1])
    # As if it had been killed after the file had grown and before that was acknowledged.
    tape.client.hset(tape.keys.consumer("recorder"), "cursor", entries[0])
    entries += tape.ticks(2)
    with recording(tape, redis_url) as second:
        record_through(tape, second, entries[-1])
    closes = [ms for path in parts(tmp_path / session_name) for ms in parquet.read_table(path)["close_ms"].to_pylist()]
    assert closes == [int(entry.partition("-")[0]) for entry in entries for _ in tape.config.symbols]
    tape.close()
