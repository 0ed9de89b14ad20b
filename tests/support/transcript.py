"""A consumer in a process of its own that writes down all it is handed and all it can see: one JSON object an item.

    python -m tests.support.transcript SESSION URL CONSUMER FILE

It appends, so that one that was killed and started again goes on in the same file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from playhead import Session, SymbolAdded, Tick
from playhead.messages import Message
from tests.support.services import REPOSITORY, Services
from tests.support.waiting import wait_until

Item = dict[str, Any]
"""`entry`, `type`, `clock_ms`; of a tick its `bars` by symbol; `have`: how many bars each visible symbol has; of an
added symbol all its bars (`caught_up`)."""


def main(name: str, url: str, consumer: str, file: str) -> None:
    """Follows to the end."""
    with Session(name, url) as session, session.subscribe(consumer) as items, Path(file).open("a") as out:
        for item in items:
            out.write(json.dumps(written(session, item)) + "\n")
            out.flush()


def written(session: Session, item: Message) -> Item:
    """An item, and the session as it is seen there."""
    found: Item = {"entry": item.entry, "type": item.type, "clock_ms": item.clock_ms}
    symbols = session.symbols() or ()
    found["have"] = {symbol: len(session.bars(symbol) or ()) for symbol in symbols}
    if isinstance(item, Tick):
        found["bars"] = {symbol: list(bar) for symbol, _, bar in item.bars()}
    if isinstance(item, SymbolAdded):
        found["caught_up"] = {symbol: [list(bar) for bar in session.bars(symbol) or ()] for symbol in item.symbols}
    return found


class Consumer:
    """Such a process, as its test holds it."""

    def __init__(self, services: Services, session: str, name: str, file: Path) -> None:
        command = [sys.executable, "-m", "tests.support.transcript", session, services.url, name, str(file)]
        self.file = file
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=services.environment,
        )

    def wait_until_seen(self, count: int) -> None:
        """Waits until it has written so many items."""
        wait_until(lambda: len(read(self.file)) >= count, 30, f"{count} items in {self.file.name}")

    def kill(self) -> None:
        """SIGKILL, where it still runs."""
        self.process.kill()
        with self.process:  # closes its pipe too
            pass

    def failed(self) -> str:
        """Waits until it ends with an error, and gives that."""
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode != 0
        return err

    def ended(self) -> list[Item]:
        """Waits for its end, and gives what it has written."""
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return read(self.file)


def read(file: Path) -> list[Item]:
    """What has been written so far, without a line that is half there."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


if __name__ == "__main__":
    main(*sys.argv[1:])
