"""A consumer in a process of its own that writes down when it was handed each item and when it was done with it.

    python -m tests.support.steps SESSION URL CONSUMER FILE [--work-ms MS] [--stand-at N] [--asyncio] [--transactions]

One JSON object an item: `entry`, `type`, `clock_ms`, and `handed_ns` and `done_ns` by the machine's clock, which can
be compared between processes. Work takes as long as is given. After so many items it stands still, to be killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from playhead import Session
from playhead.messages import Message
from tests.support.services import REPOSITORY, Services
from tests.support.transcript import read
from tests.support.waiting import wait_until

Item = dict[str, Any]


def main() -> None:
    """Follows to the end."""
    parser = argparse.ArgumentParser()
    for name in ("session", "url", "consumer", "file"):
        parser.add_argument(name)
    parser.add_argument("--work-ms", type=float, default=0)
    parser.add_argument("--stand-at", type=int, default=0)
    parser.add_argument("--asyncio", action="store_true")
    parser.add_argument("--transactions", action="store_true")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    if given.asyncio:
        asyncio.run(_follow_async(given))
    else:
        _follow(given)


def _follow(given: argparse.Namespace) -> None:
    with Session(given.session, given.url) as session, session.subscribe(given.consumer) as items:
        for count, item in enumerate(items, 1):
            handed_ns = time.monotonic_ns()
            if count == given.stand_at:
                _write(given, item, handed_ns)
                sys.stdin.read()
            time.sleep(given.work_ms / 1000)
            if given.transactions:
                written = json.dumps(_written(item, handed_ns))
                with items.transaction() as output:
                    output.rpush(f"playhead:{{{given.session}}}:out:{given.consumer}", written)
            else:
                _write(given, item, handed_ns)


async def _follow_async(given: argparse.Namespace) -> None:
    with Session(given.session, given.url) as session:
        async with session.subscribe_async(given.consumer) as items:
            async for item in items:
                handed_ns = time.monotonic_ns()
                await asyncio.sleep(given.work_ms / 1000)
                _write(given, item, handed_ns)


def _written(item: Message, handed_ns: int) -> Item:
    done_ns = time.monotonic_ns()
    return {
        "entry": item.entry,
        "type": item.type,
        "clock_ms": item.clock_ms,
        "handed_ns": handed_ns,
        "done_ns": done_ns,
    }


def _write(given: argparse.Namespace, item: Message, handed_ns: int) -> None:
    with Path(given.file).open("a") as out:
        out.write(json.dumps(_written(item, handed_ns)) + "\n")


class Steps:
    """Such a process, as its test holds it."""

    def __init__(self, services: Services, session: str, name: str, directory: Path, *options: str) -> None:
        self.file = directory / f"{session}-{name}.jsonl"
        command = [sys.executable, "-m", "tests.support.steps", session, services.url, name, str(self.file), *options]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=services.environment,
        )

    def seen(self) -> list[Item]:
        """What it has written so far."""
        return read(self.file)

    def wait_until_seen(self, count: int) -> None:
        """Waits until it has written so many items."""
        wait_until(lambda: len(self.seen()) >= count, 30, f"{count} items in {self.file.name}")

    def kill(self) -> None:
        """SIGKILL, where it still runs."""
        self.process.kill()
        with self.process:  # closes its pipes too
            pass

    def leave(self) -> None:
        """SIGTERM, and waits for its end: what it has in hand is not done, and its name is free."""
        self.process.terminate()
        _, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err

    def ended(self) -> list[Item]:
        """Waits for its end, and gives what it has written."""
        _, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        return self.seen()


def check_lead(transcripts: list[list[Item]], lead: int) -> None:
    """Whether nobody was handed a tick before all were done with the one that came `lead` ticks before it."""
    handed: dict[str, int] = {}
    done: dict[str, int] = {}
    for transcript in transcripts:
        for item in transcript:
            if item["type"] == "tick":
                entry = item["entry"]
                handed[entry] = min(handed.get(entry, item["handed_ns"]), item["handed_ns"])
                done[entry] = max(done.get(entry, 0), item["done_ns"])
    ticks = sorted(handed)  # all times have the same number of digits
    for before, after in zip(ticks, ticks[lead:], strict=False):
        assert handed[after] > done[before], f"{after} was handed out before all were done with {before}"


if __name__ == "__main__":
    main()
