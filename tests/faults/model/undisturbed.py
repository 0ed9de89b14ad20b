"""The same session once more: repeated from its journal, where nothing happens to anybody."""

from __future__ import annotations

from contextlib import nullcontext
from random import Random

from playhead.journal import Journal, read_journal
from playhead.messages import Message
from playhead.repetition import repeated
from shared.settings import Settings
from tests.faults.model.plan import URL
from tests.faults.model.scheduler import Scheduler
from tests.faults.model.server import Server
from tests.faults.model.store import Store
from tests.faults.model.substitutes import substituted
from tests.faults.model.tape import Tape
from tests.support.in_process import Inline, InProcess

CALL_US = 10


class Undisturbed:
    """A second run: its journal, what it emitted, and its store."""

    def __init__(self, name: str, tape: Tape, first: Journal) -> None:
        scheduler = Scheduler(Random(0), CALL_US)
        server = Server(scheduler)
        settings = Settings(URL, URL)
        with substituted(server, tape, settings, Inline(), Life=lambda *_: nullcontext()):
            session = InProcess(URL, name, repeated(first))
            digests = session.keys.digests
            session.run(lambda: bool(session.client.hexists(digests, "clock_ms")), "the end and the digests")
            self.journal: Journal = read_journal(session.client, session.keys)
            self.emitted: list[Message] = session.notifications()
        self.store: Store = server.store
