"""The floor of the design: what three bare processes and one Redis carry, on the same server with the same settings.

A producer writes ticks to a stream; a coordinator regroups several of them into one run a symbol and writes runs and
ticks by one script; a consumer reads each close. There is no lease, no hold, no clock, no check and no error handling:
a pipeline of this design cannot be faster. Bars are in memory, packed a trading day at a time; the stream from the
producer is trimmed as the pipeline does, so that both keep as much.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import redis

from benchmarks.dataset import DataSet
from benchmarks.rig import Usage
from shared.redis_server import RedisServer

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

OPEN_MS: Final = 1_751_463_000_000
MINUTE_MS: Final = 60_000
DAY_TICKS: Final = 390
BAR_BYTES: Final = 46
"""A msgpack array of five float64."""
FEED, NOTES, STATE = "feed{spike}", "notes{spike}", "state{spike}"
TIMEOUT_S: Final = 60.0
"""For the processes to start, and for one reply of the server."""
LOOK_S: Final = 1.0

ADVANCE: Final = """
local n = tonumber(ARGV[1])
for i = 1, n do redis.call('HSET', KEYS[3 + i], ARGV[2], ARGV[2 + i]) end
for p = 3 + n, #ARGV, 2 do redis.call('XADD', KEYS[2], ARGV[p], 't', ARGV[p + 1]) end
redis.call('XTRIM', KEYS[3], 'MINID', ARGV[#ARGV - 1] .. '-1')
redis.call('HSET', KEYS[1], 'clock', ARGV[#ARGV - 1])
"""


@dataclass(frozen=True)
class Job:
    """What the processes share.

    They begin together, and none ends before the processor time of all was looked at.
    """

    url: str
    array: str
    ticks: int
    symbols: int
    batch: int

    def connect(self) -> redis.Redis:
        """A client for one of the processes. A Ctrl-C at the terminal is for the measurement, which ends them."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return redis.Redis.from_url(self.url, socket_timeout=TIMEOUT_S)


def run(data: DataSet, batch: int) -> dict[str, Any]:
    """One run. Returns what the consumer has seen, as `benchmarks.consumer` does, `begun_s` and `cpu_s`."""
    with RedisServer.start() as server:
        job = Job(server.url, str(data.array()), data.ticks, data.symbols, batch)
        context = multiprocessing.get_context("spawn")
        together, answers = context.Barrier(4), context.Queue()
        processes = [
            context.Process(target=role, args=(job, together, answers), daemon=True)
            for role in (produce, coordinate, consume)
        ]
        for process in processes:
            process.start()
        together.wait(TIMEOUT_S)
        begun_s = time.monotonic()
        names = ("redis", "producer", "coordinator", "consumer")
        pids = dict(zip(names, (server.pid, *(process.pid or 0 for process in processes)), strict=True))
        before = Usage.of(pids)
        found = _answer(answers, processes)
        used = Usage.of(pids).since(before)
        together.wait(TIMEOUT_S)
        for process in processes:
            process.join()
    return found | {"begun_s": begun_s, "cpu_s": used}


def _answer(answers: Queue[dict[str, Any]], processes: Sequence[BaseProcess]) -> dict[str, Any]:
    """What the consumer has to say. Raises `RuntimeError` where one of the processes has died."""
    while True:
        try:
            return answers.get(timeout=LOOK_S)
        except queue.Empty:
            died = [process.exitcode for process in processes if process.exitcode]
            if died:
                raise RuntimeError(f"a process ended with {died[0]}; its error stands above") from None


def produce(job: Job, together: Barrier, answers: Queue[dict[str, Any]]) -> None:
    server = job.connect()
    values = np.load(job.array, mmap_mode="r")
    server.ping()
    together.wait(TIMEOUT_S)
    pipe = server.pipeline(transaction=False)
    for first in range(0, job.ticks, DAY_TICKS):
        packed = pack(np.asarray(values[first : first + DAY_TICKS]))
        for at in range(len(packed)):
            pipe.xadd(FEED, {"b": packed[at].tobytes()}, id=f"{OPEN_MS + (first + at) * MINUTE_MS}-0")
            if len(pipe) == job.batch:
                pipe.execute()
    pipe.execute()
    together.wait()


def pack(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Values of shape (ticks, symbols, 5) as packed bars of shape (ticks, symbols, 46)."""
    packed = np.empty((*values.shape[:2], BAR_BYTES), np.uint8)
    packed[:, :, 0] = 0x95
    big_endian = values.astype(">f8").view(np.uint8).reshape(*values.shape[:2], 5, 8)
    for column in range(5):
        packed[:, :, 1 + 9 * column] = 0xCB
        packed[:, :, 2 + 9 * column : 10 + 9 * column] = big_endian[:, :, column]
    return packed


def coordinate(job: Job, together: Barrier, answers: Queue[dict[str, Any]]) -> None:
    server = job.connect()
    sha = server.script_load(ADVANCE)
    keys = [STATE, NOTES, FEED, *(f"bars{{spike}}:S{number:04d}" for number in range(job.symbols))]
    together.wait(TIMEOUT_S)
    cursor, done = "0", 0
    while done < job.ticks:
        batch = _entries(server.xread({FEED: cursor}, count=job.batch, block=1_000))
        if not batch:
            continue
        frames = [fields[b"b"] for _, fields in batch]
        runs = np.frombuffer(b"".join(frames), f"V{BAR_BYTES}").reshape(len(frames), job.symbols).T.tobytes()
        width = BAR_BYTES * len(frames)
        args: list[Any] = [job.symbols, batch[0][0].split(b"-")[0]]
        args += [runs[at * width : (at + 1) * width] for at in range(job.symbols)]
        for (entry, _), frame in zip(batch, frames, strict=True):
            args += [entry.split(b"-")[0], frame]
        server.evalsha(sha, len(keys), *keys, *args)
        cursor, done = batch[-1][0], done + len(batch)
    together.wait()


def consume(job: Job, together: Barrier, answers: Queue[dict[str, Any]]) -> None:
    server = job.connect()
    server.ping()
    together.wait(TIMEOUT_S)
    cursor, done, total, first_s = "0", 0, 0.0, 0.0
    while done < job.ticks:
        batch = _entries(server.xread({NOTES: cursor}, count=job.batch, block=1_000))
        if not batch:
            continue
        first_s = first_s or time.monotonic()
        for _, fields in batch:
            packed = np.frombuffer(fields[b"t"], np.uint8).reshape(job.symbols, BAR_BYTES)
            total += float(packed[:, 29:37].copy().view(">f8").sum())
        cursor, done = batch[-1][0], done + len(batch)
    last_s = time.monotonic()
    answers.put({"first_s": first_s, "last_s": last_s, "ticks": done, "bars": done * job.symbols, "closes": total})
    together.wait()


def _entries(reply: Any) -> Any:
    if not reply:
        return []
    return next(iter(reply.values()))[0] if isinstance(reply, dict) else reply[0][1]
